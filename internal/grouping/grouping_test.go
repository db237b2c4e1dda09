// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package grouping

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

func TestTheNearestAttributeCounts(t *testing.T) {
	p := Place{pcommon.NewMap(), pcommon.NewMap(), pcommon.NewMap()}
	f := func(want string) {
		t.Helper()
		v, ok := p.Find([]string{"host.name", "host_name"})
		require.Equal(t, want != "", ok)
		if ok {
			assert.Equal(t, want, v.Str())
		}
	}
	f("")
	p.Resource.PutStr("host.name", "resource")
	f("resource")
	p.Scope.PutStr("host_name", "scope")
	f("scope")
	p.Record.PutStr("host_name", "record")
	f("record")
	p.Record.PutStr("host.name", "as it is spelled")
	f("as it is spelled")
}

func TestValuesGoRound(t *testing.T) {
	f := func(want string, set any) {
		t.Helper()
		v := pcommon.NewValueEmpty()
		require.NoError(t, v.FromRaw(set))
		key := AppendValue(AppendValue(nil, pcommon.NewValueStr("before"), true), v, true)
		values, ok := Values(string(AppendValue(key, pcommon.Value{}, false)), 3)
		require.True(t, ok)
		assert.Equal(t, []string{"before", want, ""}, values)
	}
	f("a", "a")
	f("", "")
	f("-9223372036854775808", int64(-1<<63))
	f("1.5", 1.5)
	f("true", true)
	f(strings.Repeat("x", MaxValue), strings.Repeat("x", MaxValue+1))
	f(strings.Repeat("ä", MaxValue/2-1)+"x", strings.Repeat("ä", MaxValue/2-1)+"xä") // no half of a letter
}

// Whatever the key, it is refused, or has values that make it again.
func FuzzValues(f *testing.F) {
	f.Add("\x01a\x00", uint8(2))
	f.Add("\x81\x02", uint8(1))
	f.Fuzz(func(t *testing.T, key string, n uint8) {
		values, ok := Values(key, int(n))
		if !ok {
			return
		}
		require.Len(t, values, int(n))
		var again []byte
		for _, v := range values {
			require.LessOrEqual(t, len(v), MaxValue)
			again = AppendValue(again, pcommon.NewValueStr(v), true)
		}
		require.LessOrEqual(t, len(again), len(key), "a length may be padded")
	})
}
