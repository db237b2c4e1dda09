// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package isolationforest

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/isolationforestprocessor"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/processors/anomalyprocessor"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

// version is what the tables call the peer: as it is, or as mend.sh makes it.
var version = flag.String("peer", "as it is", "what the tables call the peer")

// step is the time between two rows.
const step = time.Second

// subject is one of the processors, with a configuration.
type subject struct {
	name    string
	factory processor.Factory
	trains  bool // beside the pipeline
	// config is for an entity of so many metrics, named by metricName, or for so many entities of one metric, named by hostName.
	config func(t testing.TB, metrics, entities int, seed uint64) component.Config
	// read gives every score in what the processor hands on.
	read func(metrics pmetric.Metrics, say func(said))
}

// said is what a processor says of a row of an entity, or of a point.
type said struct {
	at        time.Time
	host      string
	score     float64
	scored    bool // Else it says only whether it is an anomaly.
	anomalous bool
}

func metricName(i int) string { return fmt.Sprintf("m%d", i) }
func hostName(i int) string   { return fmt.Sprintf("host-%d", i) }

// ours is the anomaly processor with its defaults, but for steps of a second, each of which is shown.
func ours(method string) subject {
	return subject{
		name:    "anomaly, " + method,
		factory: anomalyprocessor.NewFactory(),
		trains:  method == "isolation_forest" || method == "pca",
		config: func(t testing.TB, metrics, _ int, seed uint64) component.Config {
			t.Helper()
			names := make([]string, metrics)
			for i := range names {
				names[i] = metricName(i)
			}
			return detectorOf(t, method, strings.Join(names, ", "), seed)
		},
		read: readOurs,
	}
}

func detectorOf(t testing.TB, method, metrics string, seed uint64) component.Config {
	t.Helper()
	cfg, err := testutil.LoadConfig(t, anomalyprocessor.NewFactory(), fmt.Sprintf(
		"{training_cpu: 1, detectors: [{name: d, metrics: [%s], group_by: [host.name], method: %s, seed: %d, step: %s, lateness: 0s, calm_interval: %s}]}",
		metrics, method, seed, step, step))
	require.NoError(t, err)
	return cfg
}

// readOurs reads the metrics that the anomaly processor adds.
func readOurs(metrics pmetric.Metrics, say func(said)) {
	for _, resource := range metrics.ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, m := range scope.Metrics().All() {
				switch m.Name() {
				case "guardian.anomaly.score":
					for _, p := range m.Gauge().DataPoints().All() {
						say(said{at: p.Timestamp().AsTime(), host: hostOf(p.Attributes()), score: p.DoubleValue(), scored: true})
					}
				case "guardian.anomaly.state":
					for _, p := range m.Gauge().DataPoints().All() {
						say(said{at: p.Timestamp().AsTime(), host: hostOf(p.Attributes()), anomalous: p.DoubleValue() == 2})
					}
				}
			}
		}
	}
}

// options of the peer; those that it does not heed are left alone: threshold, subsample_size, min_samples, training_window and, but for a line in
// its log, update_frequency.
type options struct {
	window        int // performance::batch_size, which is the size of its window
	features      []string
	contamination float64
	perSeries     bool // a model for every series, by a selector, instead of one for all
}

// peerDefaults leave everything as the peer has it.
var peerDefaults = options{}

func peer(name string, o options) subject {
	return subject{
		name:    "isolationforest " + *version + ", " + name,
		factory: isolationforestprocessor.NewFactory(),
		config: func(_ testing.TB, metrics, entities int, _ uint64) component.Config {
			cfg := isolationforestprocessor.NewFactory().CreateDefaultConfig().(*isolationforestprocessor.Config)
			if o.window > 0 {
				cfg.Performance.BatchSize = o.window
			}
			if o.features != nil {
				cfg.Features.Metrics = o.features
			}
			if o.contamination > 0 {
				cfg.ContaminationRate = o.contamination
			}
			if o.perSeries {
				for entity := range entities {
					for metric := range metrics {
						cfg.Models = append(cfg.Models, isolationforestprocessor.ModelConfig{
							Name:       hostName(entity) + metricName(metric),
							Selector:   map[string]string{"host.name": hostName(entity), "metric": metricName(metric)},
							ForestSize: cfg.ForestSize, SubsampleSize: cfg.SubsampleSize, ContaminationRate: cfg.ContaminationRate,
						})
					}
				}
			}
			return cfg
		},
		read: readPeer,
	}
}

// readPeer reads the attributes that the peer puts on the points that pass.
func readPeer(metrics pmetric.Metrics, say func(said)) {
	for _, resource := range metrics.ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, m := range scope.Metrics().All() {
				switch m.Type() {
				case pmetric.MetricTypeGauge:
					for _, p := range m.Gauge().DataPoints().All() {
						sayOf(resource, p, say)
					}
				case pmetric.MetricTypeSum:
					for _, p := range m.Sum().DataPoints().All() {
						sayOf(resource, p, say)
					}
				case pmetric.MetricTypeHistogram:
					for _, p := range m.Histogram().DataPoints().All() {
						sayOf(resource, p, say)
					}
				}
			}
		}
	}
}

func sayOf(resource pmetric.ResourceMetrics, point interface {
	Attributes() pcommon.Map
	Timestamp() pcommon.Timestamp
}, say func(said),
) {
	score, ok := point.Attributes().Get("anomaly.isolation_score")
	if !ok {
		return
	}
	anomalous, _ := point.Attributes().Get("anomaly.is_anomaly")
	say(said{
		at: point.Timestamp().AsTime(), host: hostOf(point.Attributes(), resource.Resource().Attributes()),
		score: score.Double(), scored: true, anomalous: anomalous.Bool(),
	})
}

func hostOf(attributes ...pcommon.Map) string {
	for _, some := range attributes {
		if host, ok := some.Get("host.name"); ok {
			return host.Str()
		}
	}
	return ""
}

// running is a processor that has been started, and its next consumer.
type running struct {
	processor.Metrics
	reader *sdkmetric.ManualReader
}

// start starts a processor, which the end of the test stops.
func (s subject) start(t testing.TB, cfg component.Config, say func(said)) running {
	t.Helper()
	set := processortest.NewNopSettings(s.factory.Type())
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	set.MeterProvider = provider
	next, err := consumer.NewMetrics(func(_ context.Context, metrics pmetric.Metrics) error {
		s.read(metrics, say)
		return nil
	})
	require.NoError(t, err)
	p, err := s.factory.CreateMetrics(t.Context(), set, cfg, next)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() {
		require.NoError(t, p.Shutdown(context.Background()))
		require.NoError(t, provider.Shutdown(context.Background()))
	})
	return running{Metrics: p, reader: reader}
}

// own gives one of the processor's own metrics, added up.
func (r running) own(t testing.TB, name string) (total int64) {
	t.Helper()
	var collected metricdata.ResourceMetrics
	require.NoError(t, r.reader.Collect(context.Background(), &collected))
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != name {
				continue
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					total += p.Value
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					total += p.Value
				}
			}
		}
	}
	return total
}
