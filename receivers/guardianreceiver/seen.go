// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/internal/checkpoint"
	"github.com/llm-guardian/otelcol-guardian/internal/duplicates"
)

// warnEvery is how often a storage that keeps failing is spoken of.
const warnEvery = time.Minute

// seen knows which events have come before, also over a restart if there is a storage.
type seen struct {
	table     *duplicates.Table
	log       *duplicates.Log // nil without a storage
	host      component.Host
	logger    *zap.Logger
	now       func() time.Time
	telemetry *telemetry

	mu      sync.Mutex
	failing bool
	warned  time.Time
}

// openSeen reads back what the storage holds. What is damaged there is forgotten.
func openSeen(ctx context.Context, r *guardianReceiver, host component.Host) (*seen, error) {
	s := &seen{
		table: duplicates.NewTable(duplicates.Settings{
			TTL:          r.cfg.Duplicates.Window,
			Limit:        r.cfg.Duplicates.Limit,
			PendingLimit: max(duplicates.DefaultPendingLimit, r.cfg.Limits.Events),
		}),
		host: host, logger: r.set.Logger, now: r.now, telemetry: r.telemetry,
	}
	if r.cfg.Storage == nil {
		return s, nil
	}
	extension, err := checkpoint.FindStorage(host, *r.cfg.Storage)
	if err != nil {
		return nil, err
	}
	client, err := checkpoint.OpenClient(ctx, extension, component.KindReceiver, r.set.ID, "seen", r.set.Logger)
	if err != nil {
		return nil, err
	}
	var damaged []error
	if s.log, damaged, err = duplicates.Open(ctx, client, s.table, s.now(), 0); err != nil {
		return nil, err
	}
	s.logger.Info("Events of earlier runs are recognised if they are sent again.", zap.Int("events", s.table.Stats().Done))
	for _, fault := range damaged {
		s.logger.Warn("Some events that were taken before the restart will not be recognised if they are sent again.", zap.Error(fault))
	}
	return s, nil
}

// commit remembers events that the next consumer has taken. A storage that fails
// does not undo that: the client is answered 200 all the same.
func (s *seen) commit(ctx context.Context, keys []duplicates.Key) {
	now := s.now()
	if s.log != nil && len(keys) > 0 {
		// The events are taken, whether the client waits for the answer or not.
		err := s.log.Append(context.WithoutCancel(ctx), keys, now)
		s.stored(ctx, err, now)
	}
	s.table.Commit(keys, now)
}

// stored takes note of how the storage fares.
func (s *seen) stored(ctx context.Context, err error, now time.Time) {
	if err != nil {
		s.telemetry.GuardianReceiverStorageFailures.Add(ctx, 1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if failing := err != nil; failing != s.failing {
		s.failing = failing
		event := componentstatus.NewEvent(componentstatus.StatusOK)
		if failing {
			event = componentstatus.NewRecoverableErrorEvent(err)
		}
		componentstatus.ReportStatus(s.host, event)
	}
	if err != nil && now.Sub(s.warned).Abs() >= warnEvery {
		s.warned = now
		s.logger.Warn("Events were accepted, but after a restart they will not be recognised if they are sent again.", zap.Error(err))
	}
}

func (s *seen) close(ctx context.Context) error {
	if s.log == nil {
		return nil
	}
	return s.log.Close(ctx)
}
