// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/internal/privacy"
	"github.com/llm-guardian/otelcol-guardian/receivers/guardianreceiver/internal/metadata"
)

// maxHeaderBytes bounds the headers of a request.
const maxHeaderBytes = 64 << 10

// guardianReceiver is the receiver: a server, and what its handlers share.
type guardianReceiver struct {
	cfg       *Config
	set       receiver.Settings
	next      consumer.Logs
	now       func() time.Time
	telemetry *telemetry
	report    *receiverhelper.ObsReport
	policy    *privacy.Policy
	flight    flight
	intakes   sync.Pool

	seen    *seen
	server  *http.Server
	address string // where it listens
	serving sync.WaitGroup
}

func newReceiver(set receiver.Settings, cfg *Config, next consumer.Logs) (*guardianReceiver, error) {
	policy, err := cfg.Content.policy()
	if err != nil {
		return nil, err
	}
	transport := "http"
	if cfg.TLS.HasValue() {
		transport = "https"
	}
	report, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: set.ID, Transport: transport, ReceiverCreateSettings: set,
	})
	if err != nil {
		return nil, err
	}
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	r := &guardianReceiver{
		cfg:       cfg,
		set:       set,
		next:      next,
		now:       time.Now,
		telemetry: newTelemetry(builder),
		report:    report,
		policy:    policy,
		flight:    flight{limit: int64(cfg.Limits.InFlight)},
	}
	r.intakes.New = func() any { return newIntake(r) }
	return r, nil
}

// Start opens the storage and begins to listen.
func (r *guardianReceiver) Start(ctx context.Context, host component.Host) error {
	if err := r.open(ctx, host); err != nil {
		return errors.Join(err, r.close(ctx))
	}
	return nil
}

func (r *guardianReceiver) open(ctx context.Context, host component.Host) error {
	var err error
	if r.seen, err = openSeen(ctx, r, host); err != nil {
		return err
	}
	if err := r.telemetry.observe(r.seen.table, &r.flight); err != nil {
		return err
	}
	server, err := r.cfg.ToServer(ctx, host.GetExtensions(), r.set.TelemetrySettings, r.routes(), decoders(r.cfg.CompressionAlgorithms)...)
	if err != nil {
		return err
	}
	server.MaxHeaderBytes = maxHeaderBytes
	server.Handler = &surface{next: server.Handler, receiver: r}
	listener, err := r.cfg.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("cannot listen on %s (key endpoint): %w", r.cfg.NetAddr.Endpoint, err)
	}
	r.server, r.address = server, listener.Addr().String()
	r.set.Logger.Info("Events are taken as JSON over HTTP.", zap.String("endpoint", r.address))
	r.serving.Go(func() { r.serve(server, listener, host) })
	return nil
}

func (r *guardianReceiver) serve(server *http.Server, listener net.Listener, host component.Host) {
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(fmt.Errorf("the server of %s ended: %w", r.set.ID, err)))
	}
}

// Shutdown stops listening, waits for the requests under way as long as the context
// allows, and closes the storage.
func (r *guardianReceiver) Shutdown(ctx context.Context) error {
	var err error
	if r.server != nil {
		if err = r.server.Shutdown(ctx); err != nil {
			err = errors.Join(fmt.Errorf("requests were cut off: %w", err), r.server.Close())
		}
		r.serving.Wait()
		r.server = nil
	}
	return errors.Join(err, r.close(ctx))
}

// close gives back what Start opened, apart from the server.
func (r *guardianReceiver) close(ctx context.Context) error {
	r.telemetry.Shutdown()
	if r.seen == nil {
		return nil
	}
	return r.seen.close(ctx)
}
