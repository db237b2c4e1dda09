// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package servers

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// PrometheusConfig says what a Prometheus does beside answering queries.
type PrometheusConfig struct {
	// YAML is the content of prometheus.yml: scrape jobs, rule files, Alertmanagers. Empty: nothing is scraped.
	YAML string
	// Flags are added to the command line.
	Flags []string
}

// Prometheus is a running Prometheus that also takes remote write (at URL + "/api/v1/write") and native histograms.
type Prometheus struct {
	*Process
	URL string
}

// Sample is one series' value in the answer to an instant query.
type Sample struct {
	Metric    map[string]string
	Time      time.Time
	Value     float64          // Zero where the series is a native histogram.
	Histogram *NativeHistogram // Nil where the series is a plain number.
}

// NativeHistogram is a native (exponential) histogram as the query API gives it.
type NativeHistogram struct {
	Count   float64 `json:"count,string"`
	Sum     float64 `json:"sum,string"`
	Buckets [][]any `json:"buckets"` // Each [boundary rule, left, right, count], the last three as strings.
}

// StartPrometheus starts a Prometheus that accepts samples up to an hour out of order.
func StartPrometheus(t testing.TB, config PrometheusConfig) *Prometheus {
	t.Helper()
	binary, dir := program(t, "prometheus"), t.TempDir()
	yaml := config.YAML
	if yaml == "" {
		yaml = "storage: {tsdb: {out_of_order_time_window: 1h}}\n"
	}
	configPath := filepath.Join(dir, "prometheus.yml")
	writeFile(t, configPath, yaml)

	var base string
	p := launch(t, 1, func(ports []int) *Process {
		base = "http://" + address(ports[0])
		return &Process{
			name: "Prometheus",
			args: append([]string{
				binary,
				"--config.file=" + configPath,
				"--storage.tsdb.path=" + filepath.Join(dir, "data"),
				"--web.listen-address=" + address(ports[0]),
				"--web.enable-remote-write-receiver",
				"--web.enable-lifecycle",
				"--enable-feature=native-histograms,exemplar-storage",
			}, config.Flags...),
			stopBy:  syscall.SIGTERM,
			ready:   answers(base + "/-/ready"),
			logPath: filepath.Join(dir, "prometheus.log"),
		}
	})
	return &Prometheus{Process: p, URL: base}
}

// Query evaluates an expression now and returns its series. An expression that is a bare number has no series.
func (p *Prometheus) Query(t testing.TB, expression string) []Sample {
	t.Helper()
	return p.QueryAt(t, expression, time.Now())
}

// QueryAt is Query at another time.
func (p *Prometheus) QueryAt(t testing.TB, expression string, at time.Time) []Sample {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct {
				Metric    map[string]string   `json:"metric"`
				Value     *[2]json.RawMessage `json:"value"`
				Histogram *[2]json.RawMessage `json:"histogram"`
			} `json:"result"`
		} `json:"data"`
	}
	parameters := url.Values{"query": {expression}, "time": {at.UTC().Format(time.RFC3339Nano)}}
	getJSON(t, p.URL+"/api/v1/query?"+parameters.Encode(), &answer)

	samples := make([]Sample, 0, len(answer.Data.Result))
	for _, series := range answer.Data.Result {
		sample, err := decodeSample(series.Metric, series.Value, series.Histogram)
		require.NoError(t, err)
		samples = append(samples, sample)
	}
	return samples
}

func decodeSample(metric map[string]string, value, histogram *[2]json.RawMessage) (Sample, error) {
	sample := Sample{Metric: metric}
	pair := value
	if pair == nil {
		pair = histogram
	}
	if pair == nil {
		return sample, fmt.Errorf("series %v has neither value nor histogram", metric)
	}
	var seconds float64
	if err := json.Unmarshal(pair[0], &seconds); err != nil {
		return sample, fmt.Errorf("cannot read the time of %v: %w", metric, err)
	}
	sample.Time = time.UnixMilli(int64(seconds * 1000)).UTC()
	if value == nil {
		return sample, json.Unmarshal(histogram[1], &sample.Histogram)
	}
	var text string
	if err := json.Unmarshal(value[1], &text); err != nil {
		return sample, fmt.Errorf("cannot read the value of %v: %w", metric, err)
	}
	number, err := strconv.ParseFloat(text, 64)
	sample.Value = number
	return sample, err
}

// Line is one series' values in the answer to a range query.
type Line struct {
	Metric map[string]string
	Values []float64
}

// QueryRange evaluates an expression at every step from begin to end, and returns its series.
func (p *Prometheus) QueryRange(t testing.TB, expression string, begin, end time.Time, step time.Duration) []Line {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string    `json:"metric"`
				Values [][2]json.RawMessage `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	parameters := url.Values{
		"query": {expression}, "start": {begin.UTC().Format(time.RFC3339Nano)}, "end": {end.UTC().Format(time.RFC3339Nano)},
		"step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	}
	getJSON(t, p.URL+"/api/v1/query_range?"+parameters.Encode(), &answer)

	lines := make([]Line, 0, len(answer.Data.Result))
	for _, series := range answer.Data.Result {
		line := Line{Metric: series.Metric}
		for i := range series.Values {
			sample, err := decodeSample(series.Metric, &series.Values[i], nil)
			require.NoError(t, err)
			line.Values = append(line.Values, sample.Value)
		}
		lines = append(lines, line)
	}
	return lines
}
