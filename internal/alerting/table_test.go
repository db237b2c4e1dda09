// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	ahead  = 4 * time.Minute
	forget = time.Hour
)

func at(minutes float64) time.Time { return begin.Add(time.Duration(minutes * float64(time.Minute))) }

// says is a notice about one alert, by a source, at a minute.
func says(source string, severity Severity, minute float64) *Notice {
	return &Notice{Name: "X", Labels: Labels{{"model_name", "churn"}}, Source: source, Severity: severity, At: at(minute), Annotations: map[string]string{"d": fmt.Sprint(minute)}}
}

func again(n *Notice) *Notice {
	n.Repeats = true
	return n
}

func lasting(n *Notice, lasts time.Duration) *Notice {
	n.Lasts = lasts
	return n
}

// firing gives the severity that an Alertmanager holds to be in force at a minute.
func firing(t *testing.T, table *Table, minute float64) Severity {
	t.Helper()
	found := None
	for _, alert := range table.Alerts(nil, at(minute)) {
		require.False(t, alert.EndsAt.Before(alert.StartsAt), "Alertmanager refuses it")
		if alert.EndsAt.After(at(minute)) {
			require.Equal(t, None, found, "two severities at once")
			found = alert.Severity
		}
	}
	return found
}

func TestTable(t *testing.T) {
	type step struct {
		notice *Notice
		minute float64 // of arrival
		want   Outcome
		fires  Severity
	}
	for name, steps := range map[string][]step{
		"begins, repeats, ends": {
			{says("a", Warning, 0), 0, Raised, Warning},
			{again(says("a", Warning, 1)), 1, Repeated, Warning},
			{says("a", None, 2), 2, Resolved, None},
			{again(says("a", None, 3)), 3, Ignored, None},
			{says("a", Info, 4), 4, Raised, Info},
		},
		"clear of what is not known": {
			{again(says("a", None, 0)), 0, Ignored, None},
			{says("a", None, 1), 1, Resolved, None},
		},
		"grows worse, not better": {
			{says("a", Info, 0), 0, Raised, Info},
			{says("a", Critical, 1), 1, Worsened, Critical},
			{says("a", Warning, 2), 2, Repeated, Critical},
			{says("a", Info, 3), 3, Eased, Info},
			{says("a", Warning, 4), 4, Worsened, Warning},
		},
		"an older event changes nothing": {
			{says("a", Warning, 5), 5, Raised, Warning},
			{says("a", None, 4), 6, Outdated, Warning},
			{says("a", None, 7), 7, Resolved, None},
			{says("a", Critical, 6), 8, Outdated, None},
		},
		"twice is as good as once": {
			{says("a", Warning, 0), 0, Raised, Warning},
			{says("a", Warning, 0), 1, Repeated, Warning},
			{says("a", None, 2), 2, Resolved, None},
			{says("a", None, 2), 3, Resolved, None},
			{again(says("a", None, 2)), 4, Ignored, None},
		},
		"lasts while one source says so": {
			{says("a", Warning, 0), 0, Raised, Warning},
			{says("b", Critical, 1), 1, Worsened, Critical},
			{says("a", None, 2), 2, Repeated, Critical},
			{again(says("c", None, 2)), 2, Ignored, Critical},
			{says("b", None, 3), 3, Resolved, None},
		},
		"ends by itself": {
			{lasting(says("a", Warning, 0), 5*time.Minute), 0, Raised, Warning},
			{lasting(says("a", Warning, 4), 5*time.Minute), 4, Repeated, Warning},
			{lasting(says("a", Warning, 4), 5*time.Minute), 8, Repeated, Warning}, // the same, so until minute 9
			{again(says("b", None, 9.5)), 9.5, Ignored, None},
			{lasting(says("a", Critical, 10), 5*time.Minute), 10, Raised, Critical},
		},
	} {
		t.Run(name, func(t *testing.T) {
			table := NewTable(10, ahead, forget)
			for i, s := range steps {
				assert.Equal(t, s.want, table.Apply(s.notice, at(s.minute)), "step %d", i)
				assert.Equal(t, s.fires, firing(t, table, s.minute), "step %d", i)
			}
		})
	}
}

// What people read is the worst that was said of the alert in force, and what it is now once nobody says the worst any more.
func TestTextsAreThoseOfTheWorst(t *testing.T) {
	table := NewTable(1, ahead, forget)
	for i, step := range []struct {
		source   string
		severity Severity
		want     string
	}{
		{"a", Warning, "a0"},
		{"a", Warning, "a1"}, // as bad: the latest
		{"a", Critical, "a2"},
		{"b", Warning, "a2"}, // a still says the worst
		{"a", Warning, "Now: a4 At its worst: a2"},
		{"b", Warning, "Now: b5 At its worst: a2"},
		{"b", None, "Now: b5 At its worst: a2"}, // people read what was wrong
		{"a", Critical, "a7"},
		{"a", Info, "a8"}, // an alert of its own
		{"a", None, "a8"},
		{"a", Warning, "a10"},
	} {
		n := says(step.source, step.severity, float64(i))
		n.Annotations = map[string]string{AnnotationDescription: fmt.Sprint(step.source, i)}
		table.Apply(n, at(float64(i)))
		body, err := table.Encode()
		require.NoError(t, err)
		table = NewTable(1, ahead, forget) // and over a restart
		decode(t, table, body)
		alerts := table.Alerts(nil, at(float64(i)))
		require.NotEmpty(t, alerts)
		for _, alert := range alerts {
			assert.Equal(t, step.want, alert.Annotations[AnnotationDescription], "step %d", i)
		}
	}
}

func TestLookupTellsHowItIsNow(t *testing.T) {
	table := NewTable(1, ahead, forget)
	raised, cleared := says("a", Warning, 0), says("a", None, 1)
	table.Apply(raised, at(0))
	table.Apply(cleared, at(1))
	alerts := table.Lookup(nil, raised, at(2)) // told late
	require.Len(t, alerts, 1)
	assert.Equal(t, at(0), alerts[0].StartsAt)
	assert.Equal(t, at(1), alerts[0].EndsAt)
	assert.Equal(t, "0", alerts[0].Annotations["d"], "people read what was wrong, not that all is well")

	other := says("a", Critical, 2)
	other.Name = "Y"
	alerts = table.Lookup(nil, other, at(3))
	require.Len(t, alerts, 1, "as the notice has it, where the table has no room")
	assert.Equal(t, at(3).Add(ahead), alerts[0].EndsAt)

	other.Severity = None
	alerts = table.Lookup(nil, other, at(3))
	require.Len(t, alerts, 3, "over, whatever its severity was")
	for _, alert := range alerts {
		assert.Equal(t, at(3), alert.EndsAt)
	}
}

func TestLookupOfWhatEndsByItself(t *testing.T) {
	table := NewTable(1, ahead, forget)
	n := lasting(says("a", Warning, 0), 5*time.Minute)
	table.Apply(n, at(0))
	for _, minute := range []float64{0, 3, 10, 600} {
		if minute == 600 {
			table.Sweep(at(minute))
			require.Zero(t, table.Len())
		}
		alerts := table.Lookup(nil, n, at(minute))
		require.Len(t, alerts, 1)
		assert.Equal(t, at(minute+5), alerts[0].EndsAt, "told for as long as it lasts, however late")
	}
}

func TestRetentionAndForgetting(t *testing.T) {
	table := NewTable(10, ahead, forget)
	table.Apply(says("a", Warning, 0), at(0))
	assert.Zero(t, table.Sweep(at(59)))
	assert.Equal(t, 1, table.Sweep(at(60)))
	assert.Equal(t, None, firing(t, table, 60))
	assert.Len(t, table.Alerts(nil, at(74)), 1, "its end is told again")
	assert.Empty(t, table.Alerts(nil, at(75)))
	table.Sweep(at(74))
	assert.Equal(t, 1, table.Len())
	table.Sweep(at(75))
	assert.Zero(t, table.Len())
}

func TestTableIsBounded(t *testing.T) {
	table := NewTable(3, ahead, forget)
	named := func(i int, severity Severity, minute float64) *Notice {
		n := says("a", severity, minute)
		n.Name = fmt.Sprint(i)
		return n
	}
	for i := range 3 {
		require.Equal(t, Raised, table.Apply(named(i, Warning, 0), at(0)))
	}
	require.Equal(t, Limited, table.Apply(named(3, Critical, 1), at(1)))
	require.Equal(t, Resolved, table.Apply(named(1, None, 2), at(2)))
	require.Equal(t, Resolved, table.Apply(named(0, None, 3), at(3)))
	require.Equal(t, Raised, table.Apply(named(3, Critical, 4), at(4)))
	assert.Equal(t, 3, table.Len())
	assert.Equal(t, [severities]int{Warning: 1, Critical: 1}, table.Active())
	assert.Equal(t, Outdated, table.Apply(named(0, Warning, 1), at(5)), "the one that was over for longest made room")
	for i := range maxSources {
		table.Apply(says(fmt.Sprint(i), Warning, 5), at(5))
	}
	assert.Equal(t, 3, table.Len())
}

func TestSourcesAreBounded(t *testing.T) {
	table := NewTable(3, ahead, forget)
	for i := range maxSources {
		require.NotEqual(t, Limited, table.Apply(says(fmt.Sprint(i), Warning, 5), at(5)))
	}
	assert.Equal(t, Limited, table.Apply(says("one more", Warning, 5), at(5)))
}

func TestTableSurvives(t *testing.T) {
	table := NewTable(10, ahead, forget)
	table.Apply(says("a", Warning, 0), at(0))
	table.Apply(says("b", Critical, 1), at(1))
	other := lasting(says("a", Info, 1), time.Hour)
	other.Name = "Y"
	table.Apply(other, at(1))
	require.True(t, table.Changed())
	body, err := table.Encode()
	require.NoError(t, err)
	require.False(t, table.Changed())

	restored := NewTable(10, ahead, forget)
	assert.Zero(t, decode(t, restored, body))
	assert.Equal(t, table.Alerts(nil, at(2)), restored.Alerts(nil, at(2)))
	assert.Equal(t, Outdated, restored.Apply(says("a", None, -1), at(3)))
	restored.Apply(says("a", None, 3), at(3))
	assert.Equal(t, Resolved, restored.Apply(says("b", None, 3), at(3)))

	small := NewTable(1, ahead, forget)
	assert.Equal(t, table.Len()-1, decode(t, small, body))
	assert.Equal(t, 1, small.Len())
}

// decode gives how many alerts were left out.
func decode(t *testing.T, table *Table, body []byte) int {
	t.Helper()
	leftOut, err := table.Decode(body)
	require.NoError(t, err)
	return leftOut
}

func TestDecodeRefusesNonsense(t *testing.T) {
	for _, body := range []string{"", "{}", "[null]", "[{}]", `[{"name":"X","severity":9}]`, `[{"name":"X","claims":[{"severity":9}]}]`} {
		table := NewTable(10, ahead, forget)
		_, err := table.Decode([]byte(body))
		assert.Error(t, err, body)
		assert.Zero(t, table.Len())
	}
}

// Whatever was stored, a table that takes it goes on working, and writes it down as it read it.
func FuzzDecode(f *testing.F) {
	table := NewTable(10, ahead, forget)
	table.Apply(says("a", Warning, 0), at(0))
	table.Apply(says("b", None, 1), at(1))
	body, err := table.Encode()
	require.NoError(f, err)
	f.Add(body)
	f.Add([]byte(`[{"name":"X","labels":[{"n":"a","v":"b"}],"claims":[{"source":"s","severity":3,"until":"2026-03-01T12:00:00Z"}],"severity":3}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		table := NewTable(10, ahead, forget)
		if _, err := table.Decode(body); err != nil {
			return
		}
		table.Alerts(nil, at(5))
		table.Sweep(at(5))
		require.Equal(t, Raised, table.Apply(&Notice{Name: "\x00new", Severity: Warning, At: at(6)}, at(6)))
		written, err := table.Encode()
		require.NoError(t, err)
		again := NewTable(10, ahead, forget)
		assert.Zero(t, decode(t, again, written))
	})
}

func TestSeverities(t *testing.T) {
	for s := range severities {
		parsed, err := ParseSeverity(s.String())
		require.NoError(t, err)
		assert.Equal(t, s, parsed)
	}
	_, err := ParseSeverity("urgent")
	require.ErrorContains(t, err, `"urgent"`)
	assert.Equal(t, "unknown", severities.String())
}
