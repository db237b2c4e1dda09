// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/internal/admin"
	"github.com/llm-guardian/otelcol-guardian/internal/sockets"
)

var (
	_ extension.Extension                         = (*control)(nil)
	_ extensioncapabilities.PipelineWatcher       = (*control)(nil)
	_ extensioncapabilities.ConfigSnapshotWatcher = (*control)(nil)
	_ componentstatus.Watcher                     = (*control)(nil)
	_ admin.Registry                              = (*control)(nil)
)

// control is the extension: it learns the configuration before the pipelines
// start, announces once they are ready, and keeps the admin surface meanwhile.
type control struct {
	*registry // makes the extension the admin.Registry that components find

	set      extension.Settings
	cfg      *Config
	out      io.Writer
	sockets  func() ([]sockets.Socket, error)
	statuses *statuses
	server   *adminServer

	announcing sync.WaitGroup
	silence    context.CancelFunc // ends an announcement that is under way

	mu        sync.Mutex
	endpoints []endpoint // what the configuration names; nil until it is known
}

func newControl(set extension.Settings, cfg *Config, out io.Writer) *control {
	return &control{
		registry: newRegistry(),
		set:      set,
		cfg:      cfg,
		out:      out,
		sockets:  func() ([]sockets.Socket, error) { return sockets.Listening(os.Getpid()) },
		statuses: newStatuses(),
		silence:  func() {},
	}
}

// Start opens the admin surface if it is configured.
func (c *control) Start(ctx context.Context, host component.Host) error {
	if !c.cfg.Admin.HasValue() {
		return nil
	}
	server, err := startAdmin(ctx, c.cfg.Admin.Get(), host, c.set.TelemetrySettings, c.registry, c.pages())
	if err != nil {
		return err
	}
	c.server = server
	return nil
}

// Shutdown ends what Start and Ready began and waits for it.
func (c *control) Shutdown(ctx context.Context) error {
	c.stopAnnouncing()
	if c.server == nil {
		return nil
	}
	err := c.server.shutdown(ctx)
	c.server = nil
	return err
}

// NotifyConfigSnapshot keeps what the effective configuration, which has the
// defaults of all components filled in, says about addresses. The collector does
// not start with one that nothing can ever be sent to.
func (c *control) NotifyConfigSnapshot(_ context.Context, snapshot extensioncapabilities.ConfigSnapshot) error {
	conf := snapshot.Effective()
	if conf == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endpoints = configuredEndpoints(conf.ToStringMap())
	return misaddressed(c.endpoints)
}

// Ready begins the announcement. It does not wait for it: some components open
// their sockets after their Start has returned.
func (c *control) Ready() error {
	if !c.cfg.Announce {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.silence = cancel
	c.announcing.Go(func() {
		if err := announce(ctx, c.out, c.set.BuildInfo, c.listening); err != nil && !errors.Is(err, context.Canceled) {
			c.set.Logger.Warn("Cannot print the start-up lines.", zap.Error(err))
		}
	})
	return nil
}

// NotReady silences an announcement that is still waiting: the receivers are
// about to close what it would report.
func (c *control) NotReady() error {
	c.stopAnnouncing()
	return nil
}

func (c *control) stopAnnouncing() {
	c.silence()
	c.announcing.Wait()
}

// ComponentStatusChanged keeps the event for the status page.
func (c *control) ComponentStatusChanged(source *componentstatus.InstanceID, event *componentstatus.Event) {
	if c.cfg.Admin.HasValue() {
		c.statuses.record(source, event)
	}
}

// listening compares the configuration with the sockets there are now.
func (c *control) listening() report {
	c.mu.Lock()
	endpoints := c.endpoints
	c.mu.Unlock()
	open, err := c.sockets()
	return observe(endpoints, open, err)
}
