// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var roomy = Limits{Labels: 10, ValueBytes: 32}

func TestLabelsAreSortedAndTheFirstValueStays(t *testing.T) {
	var l Labels
	var cuts Cuts
	l.Set("b", "2", roomy, &cuts)
	l.Set("a", "1", roomy, &cuts)
	l.Set("b", "3", roomy, &cuts)
	l.Set("c", "", roomy, &cuts)
	assert.Equal(t, Labels{{"a", "1"}, {"b", "2"}}, l)
	assert.Equal(t, "2", l.Get("b"))
	assert.Empty(t, l.Get("c"))
	assert.Zero(t, cuts)
}

func TestLabelsAreBounded(t *testing.T) {
	var l Labels
	var cuts Cuts
	limits := Limits{Labels: 2, ValueBytes: 20}
	l.Set("a", "ä"+strings.Repeat("ö", 100)+"1", limits, &cuts)
	l.Set("b", "ä"+strings.Repeat("ö", 100)+"2", limits, &cuts)
	l.Set("c", "x", limits, &cuts)
	l.Set("c", "x", limits, &cuts)
	assert.Equal(t, Cuts{Labels: 2, Values: 2}, cuts)
	require.Len(t, l, 2)
	assert.NotEqual(t, l[0].Value, l[1].Value, "long values that differ at the end only")
	assert.Regexp(t, "^äöööö~[0-9a-f]{8}$", l[0].Value)

	var broken Labels
	broken.Set("a", "a\xffb", limits, &cuts)
	assert.Equal(t, "a\uFFFDb", broken.Get("a"))
	assert.Equal(t, 1, cuts.Encoding)
}

func TestLabelNames(t *testing.T) {
	for key, want := range map[string]string{
		"model.name": "model_name", "hw.id": "hw_id", "9lives": "_9lives", "a-b/c": "a_b_c", "größe": "gr__e", "": "", "ok_1": "ok_1",
	} {
		assert.Equal(t, want, LabelNameOf(key), key)
		assert.Equal(t, key == want && key != "", IsLabelName(key), key)
	}
}

func TestText(t *testing.T) {
	assert.Equal(t, "as it is", Text("as it is"))
	long := Text(strings.Repeat("ö", 5000))
	assert.LessOrEqual(t, len(long), maxAnnotationBytes)
	assert.True(t, strings.HasSuffix(long, "ö…"))
}

// The names and values that come out are those that the oldest Alertmanager takes, and within the limits.
func FuzzLabels(f *testing.F) {
	f.Add("model.name", "churn", 16)
	f.Add("\x00", "\xff\xfe", 17)
	f.Add("9", strings.Repeat("ö", 50), 20)
	name := regexp.MustCompile("^[a-zA-Z_][a-zA-Z0-9_]*$")
	f.Fuzz(func(t *testing.T, key, value string, bytes int) {
		limits := Limits{Labels: 1, ValueBytes: 16 + (bytes&0xff+0xff)&0xff}
		var l Labels
		var cuts Cuts
		l.Set(LabelNameOf(key), value, limits, &cuts)
		for _, label := range l {
			if key != "" {
				require.Regexp(t, name, label.Name)
			}
			require.True(t, utf8.ValidString(label.Value))
			require.LessOrEqual(t, len(label.Value), limits.ValueBytes)
			require.NotEmpty(t, label.Value)
		}
		require.Equal(t, value == "", len(l) == 0)
		text := Text(value)
		require.True(t, utf8.ValidString(text))
		require.LessOrEqual(t, len(text), maxAnnotationBytes)
	})
}
