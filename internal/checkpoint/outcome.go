// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"context"

	"go.uber.org/zap"
)

// Content says in log lines what a state is: Learned is what it holds, such as "Models and baselines", One and Many are what that was learned of,
// such as "entity" and "entities".
type Content struct{ Learned, One, Many string }

// Outcome counts what a state was learned of, by what became of it.
type Outcome struct {
	Restored int // goes on
	Dropped  int // is no longer looked at, or otherwise
	Refused  int // is damaged, or was learned with settings that do not fit
	NoRoom   int // does not fit into a limit
}

// Add adds another outcome.
func (o *Outcome) Add(other Outcome) {
	o.Restored += other.Restored
	o.Dropped += other.Dropped
	o.Refused += other.Refused
	o.NoRoom += other.NoRoom
}

// LoadAndTell does what [Store.Load] does and logs what became of the state. Without a storage there is nothing to tell.
func (s *Store) LoadAndTell(ctx context.Context, c Content, decode func(schema uint32, blob []byte) (Outcome, error)) {
	if s.owner == "" {
		return
	}
	var o Outcome
	state, ok := s.Load(ctx, func(schema uint32, blob []byte) (err error) {
		o, err = decode(schema, blob)
		return err
	})
	fields := []zap.Field{
		zap.Time("saved", state.SavedAt), zap.Int(c.Many, o.Restored), zap.Int("dropped", o.Dropped), zap.Int("refused", o.Refused), zap.Int("without_room", o.NoRoom),
	}
	switch {
	case !ok && s.Stats().Rejected > 0:
		s.logger.Warn("Nothing restored: the state of the last run was refused, and every " + c.One + " begins again.")
	case !ok:
		s.logger.Info("Nothing to restore: there is no state of a last run.")
	case o.Restored > 0:
		s.logger.Info(c.Learned+" of the last run restored.", fields...)
	case o == Outcome{}:
		s.logger.Info("Nothing to restore: the last run knew no "+c.One+".", fields...)
	default:
		s.logger.Warn("Nothing restored: every "+c.One+" begins again.", fields...)
	}
}
