// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

const (
	maxChunkBytes  = 1 << 20
	defaultTimeout = 30 * time.Second
)

// errUnusable is returned by Save when there is nowhere to save to.
var errUnusable = errors.New("cannot save: the store is closed, or both generations are broken")

// Settings says where a state is kept.
type Settings struct {
	// Storage is the ID of the storage extension: what the user wrote under `storage`. Nil means that nothing is kept.
	Storage *component.ID
	// Name tells the states of one component apart. It must not be empty, and must not change between versions.
	Name string
	// Logger gets the warnings. Required.
	Logger *zap.Logger
	// Timeout bounds each call into the storage. Default value is 30 s.
	Timeout time.Duration

	_ struct{}
}

// Stats is what a Store has seen since it was opened.
type Stats struct {
	// Saves and SaveFailures count the calls of Save by outcome.
	Saves, SaveFailures uint64
	// Bytes is the size of the last blob saved, and Duration the time that the last successful Save took.
	Bytes    int
	Duration time.Duration
	// Generation is the number of the newest blob saved or restored: 0 is none, and each save adds one, over restarts too.
	Generation uint64
	// Rejected counts stored generations that did not verify, or that the decoder refused.
	Rejected uint64
	// Broken is how many of the two generations are not used any more until the next start.
	Broken int
	// AbandonedCalls counts storage calls that did not return in time, and that may each still occupy a goroutine.
	AbandonedCalls uint64
}

// Restored describes the state that Load handed to the decoder.
type Restored struct {
	Generation uint64
	Schema     uint32
	SavedAt    time.Time
}

// Store keeps one state. Its methods may be called concurrently; Load, Save and Close wait for each other, Stats for none.
type Store struct {
	logger     *zap.Logger
	owner      string
	chunkBytes uint64
	guard      guard

	mu          sync.Mutex // guards the fields below and every call into the storage
	generations []*generation
	good        *generation // holds the newest blob known to be good; nil if there is none
	last        uint64      // the highest generation number seen

	statsMu sync.Mutex
	stats   Stats
}

// Open finds the storage extension and opens the state of the component with the given kind and ID. An error means that the
// configuration is wrong. A storage that is damaged, locked or slow is a warning: the Store works as far as it can, and tries
// again with every Save.
//
// Without a storage the Store keeps nothing: Load restores nothing and Save succeeds.
func Open(ctx context.Context, host component.Host, kind component.Kind, id component.ID, set Settings) (*Store, error) {
	if set.Storage == nil {
		return &Store{logger: set.Logger}, nil
	}
	ext, err := FindStorage(host, *set.Storage)
	if err != nil {
		return nil, err
	}
	return open(ctx, ext, kind, id, set, maxChunkBytes), nil
}

func open(ctx context.Context, ext storage.Extension, kind component.Kind, id component.ID, set Settings, chunkBytes uint64) *Store {
	s := &Store{
		logger:     set.Logger.With(zap.String("checkpoint", set.Name)),
		owner:      strings.Join([]string{kind.String(), id.String(), set.Name}, " "),
		chunkBytes: chunkBytes,
		guard:      guard{timeout: set.Timeout},
	}
	if s.guard.timeout <= 0 {
		s.guard.timeout = defaultTimeout
	}
	for _, suffix := range []string{".a", ".b"} {
		name := set.Name + suffix
		g := &generation{
			name:     name,
			owner:    s.owner,
			open:     func(ctx context.Context) (storage.Client, error) { return ext.GetClient(ctx, kind, id, name) },
			file:     findStorageFile(ext, kind, id, name),
			guard:    &s.guard,
			logger:   s.logger.With(zap.String("generation", name)),
			rejected: s.countRejected,
		}
		s.generations = append(s.generations, g)
		if err := g.ready(ctx); err != nil {
			g.logger.Warn("Checkpoint generation cannot be opened; it is tried again with the next save.", zap.Error(err))
		}
		if g.header.generation > s.last {
			s.good, s.last = g, g.header.generation
		}
	}
	s.checkMissing()
	s.updateStats(func(*Stats) {})
	return s
}

// checkMissing warns of a generation that is empty although it must have been written. A storage that lost a whole value or a
// whole file leaves no other trace.
func (s *Store) checkMissing() {
	for _, g := range s.generations {
		if g.client != nil && g.header.generation == 0 && s.last > 1 && s.Stats().Rejected == 0 {
			g.reject(fmt.Errorf("nothing is stored, although generation %d was written", s.last-1))
		}
	}
}

// Load hands the newest state that verifies to decode, together with the schema version it was saved with, and says which one
// it was. If decode refuses it with an error (or panics), the older state is tried. False means a clean start. What was wrong
// on the way is logged and counted.
//
// The blob belongs to decode. Since decode may be called twice, it must leave nothing behind when it fails.
func (s *Store) Load(ctx context.Context, decode func(schema uint32, blob []byte) error) (Restored, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	newestFirst := slices.SortedStableFunc(slices.Values(s.generations), func(a, b *generation) int {
		return cmp.Compare(b.header.generation, a.header.generation)
	})
	for _, g := range newestFirst {
		if g.header.generation == 0 || !s.restore(ctx, g, decode) {
			continue
		}
		h := g.header
		s.good = g
		s.updateStats(func(stats *Stats) { stats.Generation = h.generation })
		return Restored{Generation: h.generation, Schema: h.schema, SavedAt: h.savedAt}, true
	}
	s.updateStats(func(stats *Stats) { stats.Generation = 0 })
	return Restored{}, false
}

// restore hands the blob of a generation to decode. One that is damaged or refused is not worth keeping.
func (s *Store) restore(ctx context.Context, g *generation, decode func(uint32, []byte) error) bool {
	blob, err := g.read(ctx)
	switch {
	case errors.Is(err, errDamaged):
		if err := g.discard(ctx, err); err != nil {
			g.logger.Warn("Checkpoint generation cannot be renewed; it is tried again with the next save.", zap.Error(err))
		}
	case err != nil:
		g.logger.Warn("Checkpoint generation cannot be read.", zap.Error(err))
		return false
	default:
		schema := g.header.schema
		err := contain(func() error { return decode(schema, blob) })
		if err == nil {
			return true
		}
		g.reject(fmt.Errorf("schema version %d is refused: %w", schema, err))
	}
	if s.good == g {
		s.good = nil
	}
	return false
}

// Save stores blob, of at most 1 GiB, in place of the older generation. When it fails, the newest generation stays as it is.
// The blob may be reused afterwards, unless the error is [ErrAbandoned].
//
// Save takes milliseconds to seconds and does not belong on the path of data: see [Saver].
func (s *Store) Save(ctx context.Context, schema uint32, blob []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owner == "" {
		return nil
	}
	start := time.Now()
	err := s.save(ctx, schema, blob, start)
	s.updateStats(func(stats *Stats) {
		if err != nil {
			stats.SaveFailures++
			return
		}
		stats.Saves++
		stats.Bytes, stats.Duration, stats.Generation = len(blob), time.Since(start), s.last
	})
	return err
}

func (s *Store) save(ctx context.Context, schema uint32, blob []byte, now time.Time) error {
	if len(blob) > maxBlobBytes {
		return fmt.Errorf("cannot save a state of %d bytes: the limit is %d", len(blob), maxBlobBytes)
	}
	target := s.target()
	if target == nil {
		return errUnusable
	}
	if err := target.ready(ctx); err != nil {
		return err
	}
	// A generation that could not be opened before may turn out to hold a newer state than was known.
	s.last = max(s.last, target.header.generation)
	h := header{
		owner:      s.owner,
		schema:     schema,
		generation: s.last + 1,
		savedAt:    now,
		length:     uint64(len(blob)),
		chunkBytes: s.chunkBytes,
		checksum:   checksum(blob),
	}
	if err := target.write(ctx, h, blob); err != nil {
		return err
	}
	s.good, s.last = target, h.generation
	return nil
}

// target returns the generation to overwrite: never the good one, unless the other is broken.
func (s *Store) target() *generation {
	var target *generation
	for _, g := range s.generations {
		if !g.broken && (target == nil || target == s.good) {
			target = g
		}
	}
	return target
}

// Close closes the storage clients, even if ctx is done. It does not save.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, g := range s.generations {
		errs = append(errs, g.close(ctx))
	}
	s.updateStats(func(*Stats) {})
	s.generations = nil
	return errors.Join(errs...)
}

// Stats returns what the Store has seen. It does not wait for a Save that is under way.
func (s *Store) Stats() Stats {
	s.statsMu.Lock()
	defer s.statsMu.Unlock()
	stats := s.stats
	stats.AbandonedCalls = s.guard.abandoned.Load()
	return stats
}

func (s *Store) updateStats(update func(*Stats)) {
	s.statsMu.Lock()
	defer s.statsMu.Unlock()
	update(&s.stats)
	s.stats.Broken = 0
	for _, g := range s.generations {
		if g.broken {
			s.stats.Broken++
		}
	}
}

func (s *Store) countRejected() {
	s.statsMu.Lock()
	defer s.statsMu.Unlock()
	s.stats.Rejected++
}
