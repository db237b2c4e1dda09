// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// Every metric of its own that the connector declares, with every value of its attributes, comes about.
func TestOwnMetrics(t *testing.T) {
	s := newScene(t, func(c *Config) {
		c.Series.Limit, c.Duplicates.Limit, c.QualityTier.Limit = 1, 4, 1
		c.Limits = LimitsConfig{Tenants: 1, Classes: 1, Features: 1, OpenRequests: 1, Improvements: 1}
	})
	e := &engine{config: s.counts.config, counts: s.counts, telemetry: s.counts.telemetry, next: &refusing{refusals: 1}, host: componenttest.NewNopHost()}
	require.NoError(t, s.counts.telemetry.watch(e.stats))
	own := testutil.WatchOwnMetrics(t, "guardian_metrics_")
	look := func() {
		s.counts.telemetry.report()
		own.Look(s.reader)
	}
	for i := range 9 { // more of each than its table holds
		for _, line := range []string{
			`{"type":"request","data":{"request_id":"%[1]d","specialist":{"type":"a"},"model":"m%[1]d"}}`,
			`{"type":"request","data":{"request_id":"open %[1]d","model":"m","phase":"start"}}`,
			`{"type":"evaluation","data":{"guardian_type":"g","target":{"request_id":"early %[1]d"},"quality_tier":"gold"}}`,
			`{"type":"improvement","data":{"improvement_id":"%[1]d","type":"t"}}`,
			`{"type":"prediction","data":{"prediction_id":"%[1]d","model":"m","predicted":{"class":"class %[1]d"},"features":{"f%[1]d":1}}}`,
			`{"type":"detection","data":{"detector_type":"d","status":"success","tenant_id":"tenant %[1]d"}}`,
		} {
			s.json(fmt.Sprintf(line, i))
		}
	}
	look()
	violation := `{"id":"1","source":"s","type":"violation","data":{"framework":"SOC2","severity":"high","category":"c"}}`
	s.json(violation, violation)
	s.record("guardian.request", s.now, map[string]any{"request_id": "x", "model.name": "m", "duration_s": "long", "quality_score": 7.0})
	s.record("guardian.request", s.now, map[string]any{"request_id": "y", "model.name": "m", "duration_s": 1e9})
	s.record("guardian.request", s.now, map[string]any{"request_id": "z", "model.name": "m", "phase": "middle"})
	s.record("guardian.violation", s.now.Add(time.Hour), map[string]any{"framework": "SOC2"})
	s.record("guardian.prediction", s.now, map[string]any{"prediction_id": "p"})
	s.settled()
	e.saved(t.Context(), errors.New("the disk is full"), s.now)
	e.emit(t.Context(), []pmetric.Metrics{pmetric.NewMetrics()})
	look()
	own.Check()
}

// record counts a record of an event.
func (s *scene) record(name string, at time.Time, attributes map[string]any) {
	s.t.Helper()
	r := plog.NewLogRecord()
	r.SetEventName(name)
	r.SetTimestamp(pcommon.NewTimestampFromTime(at))
	require.NoError(s.t, r.Attributes().FromRaw(attributes))
	s.counts.record(r, pcommon.NewMap(), s.now)
}

// However many requests come, no more wait for a tier than may, and no more tiers for a request: those that were settled take no room, and
// one that no evaluation can name does not wait.
func TestTheJoinOfTiersIsBounded(t *testing.T) {
	const limit = 4
	s := newScene(t, func(c *Config) { c.QualityTier.Limit = limit })
	j := s.counts.tiers
	request := func(id string) string {
		return `{"type":"request","data":{` + id + `"specialist":{"type":"a"}}}`
	}
	s.json(request(`"request_id":"a","response_id":"b",`), request(`"request_id":"c","response_id":"d",`), request(`"request_id":"e","response_id":"f",`))
	assert.Empty(t, s.own("otelcol_guardian_metrics_limited"), "three requests with two ids each are three")
	assert.Equal(t, 3, j.holding)
	s.settled()
	unlabelled := func() int64 { return s.own("otelcol_guardian_metrics_unlabelled")[""] }
	before := unlabelled()
	judged := func(id string) string {
		return `{"type":"evaluation","data":{"guardian_type":"g","target":{"request_id":"` + id + `"},"quality_tier":"gold"}}`
	}
	bounded := func() {
		t.Helper()
		assert.LessOrEqual(t, len(j.waiting.all()), 2*limit)
		assert.LessOrEqual(t, len(j.tiers.all()), 2*limit)
		assert.LessOrEqual(t, len(j.early), limit)
		assert.Zero(t, j.holding)
	}
	for i := range 100 {
		s.record("guardian.request", s.now, map[string]any{"specialist.type": "a"}) // without an id
		first, second := fmt.Sprint("first ", i), fmt.Sprint("second ", i)
		s.json(request(`"request_id":"`+first+`",`), judged(first))
		s.json(judged(second), request(`"request_id":"`+second+`",`))
		bounded()
	}
	assert.EqualValues(t, 100, unlabelled()-before, "those without an id")
	assert.Empty(t, s.own("otelcol_guardian_metrics_limited"))
	for i := range 100 {
		s.json(judged(fmt.Sprint("alone ", i)))
		bounded()
	}
	assert.Equal(t, map[string]int64{tableEarly: 100 - limit}, s.own("otelcol_guardian_metrics_limited"), "those that no request came for")
}
