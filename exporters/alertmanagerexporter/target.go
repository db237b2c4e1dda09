// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/internal/alerting"
)

// target is one Alertmanager, with a queue of its own.
type target struct {
	exporter.Logs // the queue; what it lets through comes to push

	of        *alertExporter
	name      string
	endpoint  string
	config    confighttp.ClientConfig
	logger    *zap.Logger
	client    client
	telemetry targetTelemetry
	// turn is held while alerts are looked up and told: what is told later must not be older.
	turn    chan struct{}
	failing bool // under turn
}

// targetName tells Alertmanagers apart, in the names of queues and in metrics.
func targetName(endpoint *url.URL) string {
	return endpoint.Host + strings.TrimSuffix(endpoint.Path, "/")
}

// newTarget makes a target. Its queue has an ID of its own, and so a file of its own, and metrics.
func newTarget(ctx context.Context, of *alertExporter, endpoint string) (*target, error) {
	parsed, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	t := &target{of: of, name: targetName(parsed), endpoint: strings.TrimSuffix(endpoint, "/"), config: of.config.ClientConfig, turn: make(chan struct{}, 1)}
	t.config.Endpoint = endpoint
	set := of.set
	t.logger = set.Logger.With(zap.String("endpoint", t.name))
	set.Logger = t.logger
	set.ID = component.NewIDWithName(set.ID.Type(), strings.TrimPrefix(set.ID.Name()+"/"+t.name, "/"))
	t.Logs, err = exporterhelper.NewLogs(ctx, set, of.config, t.push,
		exporterhelper.WithStart(t.start),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}), // the client has one
		exporterhelper.WithRetry(of.config.RetryConfig),
		exporterhelper.WithQueue(of.config.QueueConfig),
	)
	return t, err
}

// start makes the client, before the queue starts to let anything through.
func (t *target) start(ctx context.Context, host component.Host) error {
	http, err := t.config.ToClient(ctx, host.GetExtensions(), t.of.set.TelemetrySettings)
	if err != nil {
		return err
	}
	info := t.of.set.BuildInfo
	t.client = client{http: http, url: t.endpoint + apiPath, userAgent: info.Command + "/" + info.Version}
	t.telemetry = t.of.telemetry.of(t.name)
	return nil
}

// push tells what the events of a batch speak of, as it is now.
func (t *target) push(ctx context.Context, logs plog.Logs) error {
	var notices []alerting.Notice
	now := time.Now()
	records(logs, func(resource pcommon.Resource, _ int, record plog.LogRecord) {
		if n, ok, err := t.of.translator.notice(resource, record, now, &alerting.Cuts{}); ok && err == nil {
			notices = append(notices, n)
		}
	})
	return t.tell(ctx, func(now time.Time) []alerting.Alert { return t.of.lookup(notices, now) })
}

// resend tells all alerts in force, and those that have just ended.
func (t *target) resend(ctx context.Context) {
	err := t.tell(ctx, t.of.alerts)
	if err != nil && ctx.Err() == nil {
		t.logger.Debug("Alerts in force were not told.", zap.Error(err))
	}
}

// tell posts what look finds, once it is its turn.
func (t *target) tell(ctx context.Context, look func(now time.Time) []alerting.Alert) error {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var errs []error
	for chunk := range slices.Chunk(look(time.Now()), maxAlerts) {
		result, err := t.client.post(ctx, chunk)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		t.telemetry.request(result, len(chunk))
		t.report(err)
		if result == retryable {
			return err // what was told will be told again, which does no harm
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// report logs when telling starts to fail and when it works again, not each time.
func (t *target) report(err error) {
	if failing := err != nil; failing != t.failing {
		t.failing = failing
		if failing {
			t.logger.Warn("Alertmanager does not take alerts.", zap.Error(err))
		} else {
			t.logger.Info("Alertmanager takes alerts.")
		}
		t.of.reportStatus(t.name, err)
	}
}
