// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianeventsconnector

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// field is what a verdict metric says.
type field uint8

const (
	fieldScore field = iota
	fieldState
	fieldAccepted
	fieldP
	fieldJS
	fieldN
	fieldNEffective
	fieldValue
	fieldMean
	fieldStd
	fieldP95
	fieldZ
	fieldContribution
)

// source is what a verdict metric is about.
type source struct {
	kind  kind
	of    string
	field field
}

// sources are the verdict metrics, of the anomaly and of the drift processor.
var sources = map[string]source{
	"guardian.anomaly.score":              {kindAnomaly, "", fieldScore},
	"guardian.anomaly.state":              {kindAnomaly, "", fieldState},
	"guardian.anomaly.accepted.timestamp": {kindAnomaly, "", fieldAccepted},
	"guardian.anomaly.value":              {kindAnomaly, "", fieldValue},
	"guardian.anomaly.z_score":            {kindAnomaly, "", fieldZ},
	"guardian.anomaly.contribution":       {kindAnomaly, "", fieldContribution},
	"guardian.anomaly.baseline.mean":      {kindAnomaly, "", fieldMean},
	"guardian.anomaly.baseline.std":       {kindAnomaly, "", fieldStd},
	"guardian.anomaly.baseline.p95":       {kindAnomaly, "", fieldP95},

	"ml.data_drift.score":          {kindDrift, event.DriftData, fieldScore},
	"ml.data_drift.p_value":        {kindDrift, event.DriftData, fieldP},
	"ml.data_drift.js":             {kindDrift, event.DriftData, fieldJS},
	"ml.data_drift.n":              {kindDrift, event.DriftData, fieldN},
	"ml.data_drift.n_effective":    {kindDrift, event.DriftData, fieldNEffective},
	"ml.data_drift.share":          {kindDrift, event.DriftDataset, fieldScore},
	"ml.concept_drift.psi":         {kindDrift, event.DriftConcept, fieldScore},
	"ml.concept_drift.p_value":     {kindDrift, event.DriftConcept, fieldP},
	"ml.concept_drift.js":          {kindDrift, event.DriftConcept, fieldJS},
	"ml.concept_drift.n":           {kindDrift, event.DriftConcept, fieldN},
	"ml.concept_drift.n_effective": {kindDrift, event.DriftConcept, fieldNEffective},
}

// Attributes of verdict metrics.
const (
	keyDetector     = "detector"
	keyMetric       = "metric"
	keyModelName    = "model.name"
	keyModelVersion = "model.version"
	keyFeature      = "feature.name"
)

// Values of guardian.anomaly.state.
const (
	stateNotTrained = 0
	stateNormal     = 1
	stateAnomaly    = 2
)

// moment is a subject at one time.
type moment struct {
	key string
	at  int64
}

// found is what a batch says of a subject at one time.
type found struct {
	moment
	subject  subject
	sighting sighting
	state    float64 // of an anomaly; NaN if it was not said
	scored   bool
}

// reader makes sightings of the points of a batch.
type reader struct {
	config   *Config
	looksAt  [kinds]bool
	raiseAt  severity
	found    map[moment]*found
	labels   []label // scratch
	key      []byte  // scratch
	rejected func(kind, reason)
}

func newReader(config *Config, rejected func(kind, reason)) *reader {
	raiseAt := severity(slices.Index(severityNames, config.Drift.RaiseAt))
	r := &reader{config: config, raiseAt: raiseAt, found: map[moment]*found{}, rejected: rejected}
	for k, name := range kindNames {
		r.looksAt[k] = slices.Contains(config.Kinds, name)
	}
	return r
}

// read gives what the batch says, in the order of time.
func (r *reader) read(metrics pmetric.Metrics) []*found {
	for _, resource := range metrics.ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				if from, ok := sources[metric.Name()]; ok && r.looksAt[from.kind] && metric.Type() == pmetric.MetricTypeGauge {
					r.points(from, metric.Gauge().DataPoints())
				}
			}
		}
	}
	if len(r.found) == 0 {
		return nil
	}
	all := make([]*found, 0, len(r.found))
	for _, f := range r.found {
		if r.judge(f) {
			all = append(all, f)
		}
	}
	clear(r.found)
	slices.SortFunc(all, func(a, b *found) int { return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.key, b.key)) })
	return all
}

func (r *reader) points(from source, points pmetric.NumberDataPointSlice) {
	for _, p := range points.All() {
		if p.Flags().NoRecordedValue() {
			continue
		}
		number := p.DoubleValue()
		if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
			number = float64(p.IntValue())
		}
		if number-number != 0 {
			r.rejected(from.kind, reasonInvalid)
			continue
		}
		metric := ""
		if v, ok := p.Attributes().Get(keyMetric); ok && from.kind == kindAnomaly {
			metric = v.AsString()
		}
		r.put(r.at(from, p), metric, from.field, number)
	}
}

// at gives what is known of the subject and time of a point.
func (r *reader) at(from source, p pmetric.NumberDataPoint) *found {
	r.labels = r.labels[:0]
	for key, v := range p.Attributes().All() {
		if from.kind != kindAnomaly || key != keyMetric {
			r.labels = append(r.labels, label{key, v.AsString()})
		}
	}
	slices.SortFunc(r.labels, func(a, b label) int { return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.value, b.value)) })
	r.key = append(r.key[:0], byte(from.kind))
	r.key = appendText(r.key, from.of)
	for _, l := range r.labels {
		r.key = appendText(appendText(r.key, l.key), l.value)
	}
	m := moment{string(r.key), timeOf(p.Timestamp())}
	f := r.found[m]
	if f == nil {
		f = &found{moment: m, subject: subject{from.kind, from.of, slices.Clone(r.labels)}, state: nan}
		f.sighting = sighting{at: m.at, evidence: evidence{nan, nan, nan, nan}}
		r.found[m] = f
	}
	return f
}

// nanoseconds makes a time of seconds, to the microsecond, which is what they can tell. One that is absurd is none.
func nanoseconds(seconds float64) int64 {
	if math.Abs(seconds) > math.MaxInt64/1e9-1 {
		return 0
	}
	return int64(math.Round(seconds*1e6)) * 1000
}

func timeOf(t pcommon.Timestamp) int64 { return int64(min(t, math.MaxInt64)) }

// appendText appends a text with its length, so that no two lists of texts have one key.
func appendText(key []byte, text string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(text))), text...)
}

var nan = math.NaN()

func (r *reader) put(f *found, metric string, what field, number float64) {
	s := &f.sighting
	switch what {
	case fieldScore:
		s.score, f.scored = number, true
	case fieldState:
		f.state = number
	case fieldAccepted:
		s.acceptedAt = nanoseconds(number)
	case fieldP:
		s.evidence.p = number
	case fieldJS:
		s.evidence.js = number
	case fieldN:
		s.evidence.n = number
	case fieldNEffective:
		s.evidence.nEffective = number
	default:
		s.cause(metric).put(what, number)
	}
}

// cause gives the cause of a metric, which it makes if need be.
func (s *sighting) cause(metric string) *cause {
	for i := range s.causes {
		if s.causes[i].metric == metric {
			return &s.causes[i]
		}
	}
	s.causes = append(s.causes, cause{metric, nan, nan, nan, nan, nan, nan})
	return &s.causes[len(s.causes)-1]
}

func (c *cause) put(what field, number float64) {
	switch what {
	case fieldValue:
		c.value = number
	case fieldMean:
		c.mean = number
	case fieldStd:
		c.std = number
	case fieldP95:
		c.p95 = number
	case fieldZ:
		c.z = number
	case fieldContribution:
		c.contribution = number
	}
}

// judge makes a sighting of what was found; false if there is no verdict in it.
func (r *reader) judge(f *found) bool {
	if f.subject.kind == kindDrift {
		return f.scored && r.judgeDrift(f)
	}
	switch {
	case f.state != f.state:
		return false
	case f.subject.label(keyDetector) == "":
		r.rejected(kindAnomaly, reasonNoDetector)
		return false
	}
	s := &f.sighting
	switch f.state {
	case stateNotTrained:
		s.opinion = unknown
	case stateNormal:
		s.opinion = usual
	case stateAnomaly:
		s.opinion = unusual
		s.causes = slices.DeleteFunc(s.causes, func(c cause) bool { return c.contribution == 0 })
		s.severity = r.config.Anomaly.Severities.of(s.causes)
	default:
		r.rejected(kindAnomaly, reasonInvalid)
		return false
	}
	return true
}

// z-scores beyond which a cause is of medium and of high severity.
const (
	mediumZ = 2
	highZ   = 3
)

// causeSeverity gives the severity of a cause as the anomaly processor has it.
func causeSeverity(z float64) string {
	switch z = math.Abs(z); {
	case z > highZ:
		return "high"
	case z > mediumZ:
		return "medium"
	default:
		return "low"
	}
}

// of gives the severity of an anomaly with these causes.
func (c *SeveritiesConfig) of(causes []cause) severity {
	furthest := 0.0
	for i := range causes {
		if z := math.Abs(causes[i].z); z > furthest {
			furthest = z
		}
	}
	name := map[string]string{"low": c.Low, "medium": c.Medium, "high": c.High}[causeSeverity(furthest)]
	return severity(max(slices.Index(severityNames, name), 0))
}

// judgeDrift compares a score with the limits. An episode that is open stays so until the score is well below.
func (r *reader) judgeDrift(f *found) bool {
	s, c := &f.sighting, &r.config.Drift
	limits := &c.Score
	switch f.subject.of {
	case event.DriftConcept:
		limits = &c.PSI
	case event.DriftDataset:
		limits = &LimitValues{Critical: above(c.Share)}
	}
	s.severity = limits.severity(s.score)
	raise := limits.limit(r.raiseAt)
	switch {
	case raise == 0 || s.evidence.p > c.Significance:
		s.opinion, s.severity = usual, severityNone
	case s.score >= raise:
		s.opinion = unusual
	case s.score >= raise*c.ClearRatio:
		s.opinion = lingering
	default:
		s.opinion = usual
	}
	return true
}

// above gives the least value that lies above a limit, which 0 switches off.
func above(limit float64) float64 {
	if limit == 0 {
		return 0
	}
	return math.Nextafter(limit, math.Inf(1))
}

// label gives the value of a label, or nothing.
func (s *subject) label(key string) string {
	for _, l := range s.labels {
		if l.key == key {
			return l.value
		}
	}
	return ""
}
