// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driftprocessor

import (
	"context"
	"encoding/csv"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/processors/driftprocessor/internal/metadata"
)

var errRefused = errors.New("refused")

// sink takes what passes and the verdicts, apart, and refuses as often as it is told.
type sink struct {
	mu             sync.Mutex
	refuse         int   // batches that pass
	refuseVerdicts error // as long as it is set
	passed         []plog.Logs
	verdicts       []plog.Logs
	refused        int // verdicts
}

func (*sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

func (s *sink) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	verdicts := logs.ResourceLogs().Len() > 0 && logs.ResourceLogs().At(0).ScopeLogs().Len() > 0 &&
		logs.ResourceLogs().At(0).ScopeLogs().At(0).Scope().Name() == metadata.ScopeName
	switch {
	case verdicts && s.refuseVerdicts != nil:
		s.refused++
		logs.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true }) // an owner may
		return s.refuseVerdicts
	case verdicts:
		s.verdicts = append(s.verdicts, logs)
	case s.refuse > 0:
		s.refuse--
		logs.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
		return errRefused
	default:
		s.passed = append(s.passed, logs)
	}
	return nil
}

// locked does something to the sink while nothing arrives.
func (s *sink) locked(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// groupsOf counts the groups of the first monitor.
func groupsOf(e *engine) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.monitors[0].groups)
}

// drifts gives the verdicts that have arrived.
func (s *sink) drifts(t testing.TB) []*event.Drift {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*event.Drift
	for _, logs := range s.verdicts {
		for _, record := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			require.Equal(t, event.NameDrift, record.EventName())
			d := new(event.Drift)
			require.NoError(t, event.Read(record, d))
			all = append(all, d)
		}
	}
	return all
}

// of gives the verdicts of a feature; "" is the dataset.
func of(all []*event.Drift, feature string) []*event.Drift {
	return slices.DeleteFunc(slices.Clone(all), func(d *event.Drift) bool { return d.Feature != feature })
}

// scene is a processor in a logs pipeline.
type scene struct {
	t         testing.TB
	processor processor.Logs
	engine    *engine
	sink      *sink
	reader    *sdkmetric.ManualReader
}

// newScene starts a processor. In a bubble its time is the bubble's.
func newScene(t testing.TB, section string, hosts ...component.Host) *scene {
	t.Helper()
	cfg, err := testutil.LoadConfig(t, NewFactory(), section)
	require.NoError(t, err)
	set, reader := newSettings(t)
	s := &scene{t: t, sink: &sink{}, reader: reader}
	s.processor, err = createLogs(t.Context(), set, cfg, s.sink)
	require.NoError(t, err)
	host := componenttest.NewNopHost()
	if len(hosts) > 0 {
		host = hosts[0]
	}
	require.NoError(t, s.processor.Start(t.Context(), host))
	s.engine = s.processor.(*logsProcessor).Engine()
	t.Cleanup(s.stop) // a bubble does not end before its goroutines
	return s
}

func newSettings(t testing.TB) (processor.Settings, *sdkmetric.ManualReader) {
	t.Helper()
	set := processortest.NewNopSettings(metadata.Type)
	set.ID = component.NewID(metadata.Type)
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	t.Cleanup(func() { require.NoError(t, provider.Shutdown(context.Background())) })
	set.MeterProvider = provider
	return set, reader
}

func (s *scene) stop() {
	s.t.Helper()
	require.NoError(s.t, s.processor.Shutdown(context.Background()))
}

// send hands records on, and waits until what follows has been done.
func (s *scene) send(records ...func(plog.LogRecord)) {
	s.t.Helper()
	require.NoError(s.t, s.processor.ConsumeLogs(s.t.Context(), newLogs(records...)))
	synctest.Wait()
}

func newLogs(records ...func(plog.LogRecord)) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "predictor")
	slice := resource.ScopeLogs().AppendEmpty().LogRecords()
	for _, fill := range records {
		record := slice.AppendEmpty()
		record.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		fill(record)
	}
	return logs
}

// prediction is a prediction of the model churn 3 with attributes.
func prediction(attributes map[string]any) func(plog.LogRecord) {
	return named(event.NamePrediction, attributes)
}

// named is an event of the model churn 3.
func named(name string, attributes map[string]any) func(plog.LogRecord) {
	return func(record plog.LogRecord) {
		record.SetEventName(name)
		record.Attributes().PutStr("model.name", "churn")
		record.Attributes().PutStr("model.version", "3")
		for _, key := range slices.Sorted(maps.Keys(attributes)) { // the order of features is that of the attributes
			if err := record.Attributes().PutEmpty(key).FromRaw(attributes[key]); err != nil {
				panic(err)
			}
		}
	}
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func sample(n int, draw func() float64) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = draw()
	}
	return values
}

// writeCSV writes a reference file of columns of equal length.
func writeCSV(t testing.TB, path string, names []string, columns ...[]float64) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	file, err := os.Create(path)
	require.NoError(t, err)
	writer := csv.NewWriter(file)
	require.NoError(t, writer.Write(names))
	for i := range columns[0] {
		var row []string
		for _, column := range columns {
			row = append(row, strconv.FormatFloat(column[i], 'g', -1, 64))
		}
		require.NoError(t, writer.Write(row))
	}
	writer.Flush()
	require.NoError(t, errors.Join(writer.Error(), file.Close()))
}

// own gives the processor's own counts, added up, by name and the values of their attributes.
func (s *scene) own() map[string]int64 { return ownMetrics(s.t, s.reader) }

func ownMetrics(t testing.TB, reader *sdkmetric.ManualReader) map[string]int64 {
	t.Helper()
	var collected metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &collected))
	found := map[string]int64{}
	add := func(name string, points []metricdata.DataPoint[int64]) {
		for _, p := range points {
			key := []string{name}
			for _, kv := range p.Attributes.ToSlice() {
				if kv.Key != attribute.Key("monitor") {
					key = append(key, kv.Value.AsString())
				}
			}
			found[strings.Join(key, " ")] += p.Value
		}
	}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				add(m.Name, data.DataPoints)
			case metricdata.Gauge[int64]:
				add(m.Name, data.DataPoints)
			}
		}
	}
	return found
}
