// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// testKey has the least length that is allowed.
var testKey = []byte("0123456789abcdef")

func requireNew(t *testing.T, mode Mode, patterns ...string) *Policy {
	t.Helper()
	p, err := New(mode, testKey, "k1", patterns)
	require.NoError(t, err)
	return p
}

func TestApply(t *testing.T) {
	const text = "Write to bob@example.com"
	f := func(mode Mode, wantKept string, wantKeep bool, wantMessage string) {
		t.Helper()
		p := requireNew(t, mode)
		kept, keep := p.Apply(text)
		require.Equal(t, wantKept, kept)
		require.Equal(t, wantKeep, keep)
		require.Equal(t, wantMessage, p.Message(text))
	}
	const masked = "Write to [EMAIL]"
	f("", "", false, masked)
	f(Drop, "", false, masked)
	// printf 'Write to bob@example.com' | openssl dgst -sha256 -hmac 0123456789abcdef
	f(Hash, "hmac-sha256:k1:80032b683ac95d6b0867102d97edd52d1dc6192a8fb2463efafdd34fc0edf37c", true, masked)
	f(Redacted, masked, true, masked)
	f(Full, text, true, text)
}

// TestKeyID holds the default against what sha256sum says of the key.
func TestKeyID(t *testing.T) {
	p, err := New(Hash, testKey, "", nil)
	require.NoError(t, err)
	kept, _ := p.Apply("x")
	require.True(t, strings.HasPrefix(kept, "hmac-sha256:9f9f5111:"), kept)
}

func TestNewErrors(t *testing.T) {
	f := func(want string, mode Mode, key, keyID string, patterns ...string) {
		t.Helper()
		_, err := New(mode, []byte(key), keyID, patterns)
		require.EqualError(t, err, want)
	}
	f(`mode must be drop, hash, redacted or full (got "hashed")`, "hashed", "", "")
	f("hash_key must have at least 16 bytes (got 15)", Hash, "0123456789abcde", "")
	f(`key_id must have 1 to 64 letters, digits, dots, dashes or underscores (got "a:b")`, Hash, "0123456789abcdef", "a:b")
	f("patterns::1 must be a regular expression (got \"(\"): error parsing regexp: missing closing ): `(`", Drop, "", "", "a", "(")
	f(`hash_key must have at least 16 bytes (got 0)
key_id must have 1 to 64 letters, digits, dots, dashes or underscores (got "é")
patterns::0 must be a regular expression (got ")"): error parsing regexp: unexpected ): `+"`)`", Hash, "", "é", ")")
}

func TestPatterns(t *testing.T) {
	f := func(want, text string, patterns ...string) {
		t.Helper()
		p := requireNew(t, Redacted, patterns...)
		require.Equal(t, want, p.Redact(text))
		require.Equal(t, want, p.Redact(want))
	}
	f("case [REDACTED], [REDACTED]", "case INT-123456, INT-654321", `INT-\d{6}`)
	f("[REDACTED] and [REDACTED]", "Project X and INT-1", `(?i)project \w`, `INT-\d`)
	f("number [REDACTED]", "number 4111111111111111", `\d{16}`)
	f("[EMAIL]", "[EMAIL]", "E", "MAIL", `\[`)
	f("[REDACTED]!", "a[EMAIL]b!", `a.*b`)
	f("[REDACTED]!", "x[EMAIL]!", `x\[E`)
	f("abc", "abc", "x*")
}

func BenchmarkHash(b *testing.B) {
	p, err := New(Hash, testKey, "", nil)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		p.Apply(prose)
	}
}
