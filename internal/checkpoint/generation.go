// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

const (
	headerKey = "header"
	// maxFaults is how often a generation may panic or fault before it is left alone.
	maxFaults = 3
	// readBytes bounds what one read holds in memory beside the blob itself. Each read costs a sync of the disk.
	readBytes = 64 << 20
)

// errBroken means that a generation is not used any more by this process.
var errBroken = errors.New("the generation is broken")

// errNothing means that the blob is not there any more: its file was damaged while it was open.
var errNothing = errors.New("nothing is stored")

func chunkKey(i int) string { return fmt.Sprintf("chunk-%06d", i) }

// generation is one of the two places where blobs are stored: a storage client, opened when it is needed.
type generation struct {
	name     string
	owner    string
	open     func(context.Context) (storage.Client, error)
	file     *storageFile // nil if the storage has no file that could be checked
	guard    *guard
	logger   *zap.Logger
	rejected func() // counts stored data that does not verify

	client storage.Client
	header header // of the blob that is stored, as far as known
	chunks int    // chunks that may be stored
	faults int
	broken bool
}

// ready opens the client if it is not open. It checks the file first, each time, and sets a damaged one aside.
func (g *generation) ready(ctx context.Context) error {
	if g.broken {
		return errBroken
	}
	if g.client != nil {
		if g.file == nil {
			return nil
		}
		err := g.file.check()
		if err == nil {
			return nil
		}
		g.logger.Warn("Checkpoint file does not verify any more and is opened again.", zap.Error(err))
		if err := g.close(ctx); err != nil {
			return err
		}
	}
	if err := g.prepareFile(); err != nil {
		return err
	}
	return g.openClient(ctx)
}

// prepareFile checks the file of a closed client and sets a damaged one aside.
func (g *generation) prepareFile() error {
	if g.file == nil {
		return nil
	}
	err := g.file.checkAlone()
	switch {
	case errors.Is(err, errMetaLost):
		g.rejected()
		g.logger.Warn("Checkpoint file may have lost its last save; what it holds beside is used.", zap.Error(err))
		return nil
	case errors.Is(err, errDamaged):
		g.reject(err)
		return g.file.setAside()
	default:
		return err
	}
}

func (g *generation) openClient(ctx context.Context) error {
	var client storage.Client
	err := g.call(ctx, "open", func() (err error) {
		client, err = g.open(ctx)
		return err
	})
	if err != nil {
		return err
	}
	g.client, g.header, g.chunks = client, header{}, 0
	if g.file != nil && !g.file.exists() {
		g.logger.Warn("The file of the storage extension is not where it was expected: its structure cannot be checked.",
			zap.String("path", g.file.path))
		g.file = nil
	}
	if err := g.readHeader(ctx); err != nil {
		// Without its header a generation is not ready: the next use opens it again.
		return errors.Join(err, g.close(ctx))
	}
	return nil
}

// readHeader looks for a first chunk as well, which without a header is what is left of a lost blob.
func (g *generation) readHeader(ctx context.Context) error {
	client := g.client
	stored, first := storage.GetOperation(headerKey), storage.GetOperation(chunkKey(0))
	if err := g.call(ctx, "read", func() error { return client.Batch(ctx, stored, first) }); err != nil {
		return err
	}
	if stored.Value == nil && first.Value == nil {
		return nil
	}
	h, err := parseHeader(stored.Value)
	if err == nil && h.owner != g.owner {
		err = damaged("the state belongs to %q", h.owner)
	}
	if err != nil {
		return g.discard(ctx, err)
	}
	g.header, g.chunks = h, h.chunks()
	return nil
}

// read returns the stored blob. The error wraps errDamaged if it does not verify.
func (g *generation) read(ctx context.Context) ([]byte, error) {
	if err := g.ready(ctx); err != nil {
		return nil, err
	}
	h, client := g.header, g.client
	if h.generation == 0 {
		return nil, errNothing
	}
	ops := make([]*storage.Operation, h.chunks())
	for i := range ops {
		ops[i] = storage.GetOperation(chunkKey(i))
	}
	blob := make([]byte, 0, h.length)
	perRead := int(max(1, readBytes/h.chunkBytes))
	for batch := range slices.Chunk(ops, perRead) {
		if err := g.call(ctx, "read", func() error { return client.Batch(ctx, batch...) }); err != nil {
			return nil, err
		}
		for _, op := range batch {
			if uint64(len(op.Value)) != min(h.chunkBytes, h.length-uint64(len(blob))) {
				return nil, damaged("%s has %d bytes", op.Key, len(op.Value))
			}
			blob = append(blob, op.Value...)
			op.Value = nil
		}
	}
	if checksum(blob) != h.checksum {
		return nil, damaged("checksum of %d bytes does not match", len(blob))
	}
	return blob, nil
}

// write replaces what is stored, in one batch, once the generation is ready. The header comes last, for storages whose batches
// are not atomic.
func (g *generation) write(ctx context.Context, h header, blob []byte) error {
	chunks, client := h.chunks(), g.client
	ops := make([]*storage.Operation, 0, max(chunks, g.chunks)+1)
	for chunk := range slices.Chunk(blob, int(h.chunkBytes)) {
		ops = append(ops, storage.SetOperation(chunkKey(len(ops)), chunk))
	}
	for i := chunks; i < g.chunks; i++ {
		ops = append(ops, storage.DeleteOperation(chunkKey(i)))
	}
	ops = append(ops, storage.SetOperation(headerKey, h.encode()))
	g.chunks = max(chunks, g.chunks)
	if err := g.call(ctx, "write", func() error { return client.Batch(ctx, ops...) }); err != nil {
		return err
	}
	g.header, g.chunks = h, chunks
	return nil
}

// discard gives up a blob that does not verify. Its file, where there is one, is kept aside for whoever wants to know why.
func (g *generation) discard(ctx context.Context, reason error) error {
	g.reject(reason)
	g.header = header{}
	if g.file == nil {
		return nil
	}
	if err := g.close(ctx); err != nil {
		return err
	}
	if err := g.file.setAside(); err != nil {
		return err
	}
	return g.openClient(ctx)
}

func (g *generation) reject(reason error) {
	g.rejected()
	g.logger.Warn("Checkpoint generation does not verify and is not used.", zap.Error(reason))
}

// close closes the client even if ctx is done: an open client keeps its file locked. The guard bounds the call.
func (g *generation) close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if g.client == nil {
		return nil
	}
	client := g.client
	g.client = nil
	return g.call(ctx, "close", func() error { return client.Close(ctx) })
}

// call guards a call into the storage, and gives the generation up when that is the only safe way.
func (g *generation) call(ctx context.Context, what string, f func() error) error {
	err := g.guard.call(ctx, f)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("cannot %s checkpoint %q: %w", what, g.name, err)
	var fault *faultError
	switch {
	case errors.Is(err, ErrAbandoned):
		// The call may hold the client's locks, and Close would wait for them.
		g.client = nil
		g.giveUp(err)
	case errors.As(err, &fault):
		g.faulted(ctx, err)
	}
	return err
}

// faulted closes the client, so that it is opened anew, and the file checked, before the next use. Without a file to check,
// opening it again could do worse than fault.
func (g *generation) faulted(ctx context.Context, err error) {
	g.faults++
	if g.file == nil || g.faults >= maxFaults {
		g.giveUp(err)
	} else {
		g.logger.Warn("Checkpoint storage faulted and is opened again.", zap.Error(err))
	}
	// A fault inside a transaction may have left a lock behind that Close then waits for: the guard bounds that as well.
	_ = g.close(ctx)
}

func (g *generation) giveUp(err error) {
	if g.broken {
		return
	}
	g.broken = true
	g.logger.Warn("Checkpoint generation is not used any more until the next start.", zap.Error(err))
}
