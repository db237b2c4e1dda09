// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
)

// outputs are the consumers that the receiver's instances feed. They come and go
// while the engine runs.
type outputs struct {
	mu      sync.Mutex
	metrics *output[consumer.Metrics]
	logs    *output[consumer.Logs]
}

// output is the pipeline of one instance, with the collector's own metrics for it.
type output[C any] struct {
	next   C
	report *receiverhelper.ObsReport
}

const dataFormat = "nvml"

func newOutput[C any](next C, set receiver.Settings) (*output[C], error) {
	report, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{ReceiverID: set.ID, Transport: dataFormat, ReceiverCreateSettings: set})
	return &output[C]{next: next, report: report}, err
}

func (o *outputs) setMetrics(output *output[consumer.Metrics]) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.metrics = output
}

func (o *outputs) setLogs(output *output[consumer.Logs]) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.logs = output
}

func (o *outputs) get() (*output[consumer.Metrics], *output[consumer.Logs]) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.metrics, o.logs
}

// sendMetrics writes what the engine knows and passes it on. Metrics that are
// refused are gone: the next scrape has newer ones.
func (o *outputs) sendMetrics(ctx context.Context, e *engine) {
	metrics, _ := o.get()
	if metrics == nil {
		return
	}
	written := e.writer.write(e)
	if written.DataPointCount() == 0 {
		return
	}
	ctx = metrics.report.StartMetricsOp(ctx)
	points := written.DataPointCount()
	err := metrics.next.ConsumeMetrics(ctx, written)
	metrics.report.EndMetricsOp(ctx, dataFormat, points, err)
}

// sendLogs passes the events on. Those that are refused for now are kept; those
// that nobody wants are dropped, so that they do not wait for ever.
func (o *outputs) sendLogs(ctx context.Context, events *eventLog) {
	_, logs := o.get()
	if logs == nil {
		events.clear()
		return
	}
	if events.empty() {
		return
	}
	batch := events.batch()
	ctx = logs.report.StartLogsOp(ctx)
	records := batch.LogRecordCount()
	err := logs.next.ConsumeLogs(ctx, batch)
	logs.report.EndLogsOp(ctx, dataFormat, records, err)
	if err == nil || consumererror.IsPermanent(err) {
		events.clear()
	}
}
