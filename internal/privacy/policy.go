// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
)

// Mode says what is kept of a text.
type Mode string

// The modes. The zero Mode is Drop.
const (
	Drop     Mode = "drop"     // nothing
	Hash     Mode = "hash"     // an HMAC-SHA-256: equal texts can be told to be equal, by those who have the key also what they are
	Redacted Mode = "redacted" // the text without what identifies people or gives access
	Full     Mode = "full"     // the text
)

// MinKeyBytes is the least length of a key for Hash.
const MinKeyBytes = 16

var keyIDs = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Policy says what is kept of texts. It is safe for concurrent use.
type Policy struct {
	mode     Mode
	key      []byte
	prefix   string // of hashes
	patterns []*regexp.Regexp
}

// New returns a policy. The mode Hash needs a key of at least MinKeyBytes; the key ID tells hashes with different keys apart and is, if it
// is empty, the first eight hexadecimal digits of the SHA-256 of the key. Patterns are regular expressions in the syntax of RE2, for
// what is to be masked beside what always is.
//
// Faults are reported all at once, and name what is set by the key that it has in the configuration of the receiver's content, such as
// hash_key.
func New(mode Mode, key []byte, keyID string, patterns []string) (*Policy, error) {
	p := &Policy{mode: mode, key: key}
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	switch mode {
	case "":
		p.mode = Drop
	case Drop, Redacted, Full:
	case Hash:
		if len(key) < MinKeyBytes {
			fault("hash_key must have at least %d bytes (got %d)", MinKeyBytes, len(key))
		}
		if keyID != "" && !keyIDs.MatchString(keyID) {
			fault("key_id must have 1 to 64 letters, digits, dots, dashes or underscores (got %q)", keyID)
		}
		p.setKeyID(keyID)
	default:
		fault("mode must be drop, hash, redacted or full (got %q)", mode)
	}
	for i, pattern := range patterns {
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			fault("patterns::%d must be a regular expression (got %q): %w", i, pattern, err)
		}
		p.patterns = append(p.patterns, compiled)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return p, nil
}

func (p *Policy) setKeyID(id string) {
	if id == "" {
		sum := sha256.Sum256(p.key)
		id = hex.EncodeToString(sum[:4])
	}
	p.prefix = "hmac-sha256:" + id + ":"
}

// Apply returns what may be kept of a text, and whether anything may: the hash as hmac-sha256:<key ID>:<64 hexadecimal digits>.
func (p *Policy) Apply(text string) (kept string, keep bool) {
	switch p.mode {
	case Hash:
		return p.hash(text), true
	case Redacted:
		return p.Redact(text), true
	case Full:
		return text, true
	default:
		return "", false
	}
}

// Message returns a text that is always kept, such as an error message: as it is in mode Full, else masked.
func (p *Policy) Message(text string) string {
	if p.mode == Full {
		return text
	}
	return p.Redact(text)
}

// Redact masks a text as in mode Redacted, whatever the mode.
func (p *Policy) Redact(text string) string {
	for _, pattern := range p.patterns {
		text = mask(text, pattern)
	}
	return Redact(text)
}

func (p *Policy) hash(text string) string {
	mac := hmac.New(sha256.New, p.key)
	_, _ = mac.Write([]byte(text)) // Never fails.
	return p.prefix + hex.EncodeToString(mac.Sum(nil))
}

// mask replaces what a pattern matches. It leaves matches inside a mask alone, and masks what surrounds one together with it.
func mask(text string, pattern *regexp.Regexp) string {
	var out writer
	written := maskPattern.FindAllStringIndex(text, -1)
	for _, match := range pattern.FindAllStringIndex(text, -1) {
		for len(written) > 0 && written[0][1] <= match[0] {
			written = written[1:]
		}
		start, end, inside := surround(written, match[0], match[1])
		if start = max(start, out.copied); !inside && start < end {
			out.replace(text, start, end, maskCustom)
		}
	}
	return out.finish(text)
}

var maskPattern = regexp.MustCompile(`\[(?:EMAIL|PHONE|CARD|KEY|REDACTED)\]`)

// surround extends a match to the masks that it cuts, or says that it lies inside of one.
func surround(written [][]int, start, end int) (newStart, newEnd int, inside bool) {
	newStart, newEnd = start, end
	for _, m := range written {
		if m[0] >= newEnd {
			break
		}
		if m[0] <= start && end <= m[1] {
			return start, end, true
		}
		newStart, newEnd = min(newStart, m[0]), max(newEnd, m[1])
	}
	return newStart, newEnd, false
}
