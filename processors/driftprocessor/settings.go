// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/drift"
)

const (
	defaultCheckpointInterval = time.Minute
	defaultFlushInterval      = 15 * time.Second
	defaultReloadInterval     = time.Minute
	defaultGroups             = 1000
	defaultSeries             = 100_000
	defaultIdleAfter          = 7 * 24 * time.Hour
)

// defaultMonitor is a monitor as nobody has changed it: its statistics are those of internal/drift.
func defaultMonitor() MonitorConfig {
	s := drift.DefaultSettings()
	values := func(l drift.Limits) LimitValues {
		return LimitValues{Info: l.Info, Warning: l.Warning, Critical: l.Critical}
	}
	t := s.Thresholds
	return MonitorConfig{
		Kind:      kindData,
		Input:     InputConfig{Sums: sumsDelta},
		Type:      typeAuto,
		GroupBy:   []string{keyModelName, keyModelVersion},
		Reference: ReferenceConfig{ReloadInterval: defaultReloadInterval, Doublings: s.Learning.Doublings},
		Window:    WindowConfig{Samples: s.Window.Samples, Lateness: s.Window.Lateness, Ahead: s.Window.Ahead},
		Season:    SeasonConfig{Length: time.Hour},
		Thresholds: ThresholdsConfig{
			KS: values(t.KS), PSI: values(t.PSI), JS: values(t.JS), Categories: values(t.Categories),
			Missing: values(t.Missing), Unseen: values(t.Unseen), Tail: values(t.Tail), Share: s.DriftedShare,
		},
		Bins:         BinsConfig{Type: binsEqualShare},
		Significance: s.Alpha,
		MinEffective: s.MinEffective,
		Hysteresis: HysteresisConfig{
			Raise: s.Hysteresis.Raise, Of: s.Hysteresis.Of, Clear: s.Hysteresis.Clear, ClearRatio: s.Hysteresis.ClearRatio,
		},
		Events: eventsWindows,
		Limits: LimitsConfig{Groups: defaultGroups, Features: s.MaxFeatures, Series: defaultSeries, IdleAfter: defaultIdleAfter},
	}
}

// settings says it in terms of internal/drift. Missing values are committed as such, where the monitor counts absent ones.
func (m *MonitorConfig) settings() drift.Settings {
	limits := func(v LimitValues) drift.Limits {
		return drift.Limits{Info: v.Info, Warning: v.Warning, Critical: v.Critical}
	}
	t := m.Thresholds
	return drift.Settings{
		Method:   m.method(),
		Window:   m.window(),
		Learning: drift.Learning{First: m.Reference.First, Doublings: m.Reference.Doublings},
		Bins:     m.Bins.settings(),
		Thresholds: drift.Thresholds{
			KS: limits(t.KS), PSI: limits(t.PSI), JS: limits(t.JS), Categories: limits(t.Categories),
			Missing: limits(t.Missing), Unseen: limits(t.Unseen), Tail: limits(t.Tail),
		},
		Hysteresis: drift.Hysteresis{
			Raise: m.Hysteresis.Raise, Of: m.Hysteresis.Of, Clear: m.Hysteresis.Clear, ClearRatio: m.Hysteresis.ClearRatio,
		},
		Alpha:        m.Significance,
		Budget:       m.FalseAlarmsPerDay,
		DriftedShare: t.Share,
		MinEffective: m.MinEffective,
		MaxFeatures:  m.Limits.Features,
	}
}

func (m *MonitorConfig) method() drift.Method {
	switch {
	case m.Method != "":
		return drift.Method(m.Method)
	case m.Kind == kindConcept:
		return drift.PopulationStability
	default:
		return drift.KolmogorovSmirnov
	}
}

func (m *MonitorConfig) window() drift.Window {
	w := drift.Window{
		Samples: m.Window.Samples, MaxAge: m.Window.MaxAge, SubWindows: m.Window.SubWindows,
		Lateness: m.Window.Lateness, Ahead: m.Window.Ahead,
	}
	if m.Season.Phases > 1 {
		w.Season = drift.Season{Phases: m.Season.Phases, Length: m.Season.Length, Offset: m.Season.Offset}
	}
	return w
}

func (c *BinsConfig) settings() drift.BinSettings {
	s := drift.BinSettings{Count: c.Count, EqualWidth: c.Type == binsEqualWidth}
	if len(c.Range) == 2 {
		s.Low, s.High = c.Range[0], c.Range[1]
	}
	return s
}
