// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

const (
	corruptionSeedVariable  = "CHECKPOINT_CORRUPTION_SEED"
	corruptionCountVariable = "CHECKPOINT_CORRUPTION_COUNT"
	corruptionsPerChild     = 1000
)

// corruptionReport is what happened to a number of corruptions.
type corruptionReport struct {
	Cases, Values, Files, WhileOpen      int
	Newest, Older, Clean, Warned, Silent int
	Broken, Abandoned                    uint64
}

func (r *corruptionReport) add(o corruptionReport) {
	r.Cases += o.Cases
	r.Values += o.Values
	r.Files += o.Files
	r.WhileOpen += o.WhileOpen
	r.Newest += o.Newest
	r.Older += o.Older
	r.Clean += o.Clean
	r.Warned += o.Warned
	r.Silent += o.Silent
	r.Broken += o.Broken
	r.Abandoned += o.Abandoned
}

// TestCorruption damages stored values and files of the real storage in 10,000 seeded ways, in child processes, since what is
// to be shown is that no damage ends a process. To run one case again, set the two variables for the child: the seed that
// was reported, and a count of 1.
func TestCorruption(t *testing.T) {
	total := 10 * corruptionsPerChild
	if testing.Short() {
		total = corruptionsPerChild / 2
	}
	start := time.Now()
	var report corruptionReport
	for seed := 0; seed < total; seed += corruptionsPerChild {
		report.add(runCorruptionChild(t, seed, min(corruptionsPerChild, total-seed)))
	}
	t.Logf("%s: %+v", time.Since(start).Round(time.Millisecond), report)
	require.Equal(t, total, report.Cases)
	require.Positive(t, report.Older)
	require.Positive(t, report.Clean)
	require.Zero(t, report.Silent, "an older state or none restored without a warning")
	require.Zero(t, report.Abandoned, "calls abandoned")
	require.Zero(t, report.Broken, "generations broken: the check of the files has let damage through")
}

func runCorruptionChild(t *testing.T, seed, count int) corruptionReport {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Dir = memoryDir(t)
	cmd.Env = append(os.Environ(),
		corruptionSeedVariable+"="+strconv.Itoa(seed), corruptionCountVariable+"="+strconv.Itoa(count))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	last := 0
	scanner := bufio.NewScanner(&stdout)
	for scanner.Scan() {
		line := scanner.Text()
		if s, ok := strings.CutPrefix(line, "seed "); ok {
			last, _ = strconv.Atoi(s)
			continue
		}
		var report corruptionReport
		require.NoError(t, json.Unmarshal([]byte(line), &report))
		return report
	}
	output := stderr.String()
	require.Failf(t, "child died", "seed %d: %v\n%s", last, err, output[:min(len(output), 4000)])
	return corruptionReport{}
}

// memoryDir returns a directory in memory where there is one: bbolt syncs each new file, and thousands of syncs take minutes
// on a busy disk.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "checkpoint")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func corruptionChild() {
	seed, _ := strconv.Atoi(os.Getenv(corruptionSeedVariable))
	count, _ := strconv.Atoi(os.Getenv(corruptionCountVariable))
	var report corruptionReport
	c := corrupter{report: &report, templates: map[templateKey]template{}}
	for i := seed; i < seed+count; i++ {
		// Before the case, so that the parent knows the seed if this process dies.
		fmt.Println("seed", i)
		if err := c.run(uint64(i)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	line, _ := json.Marshal(report)
	fmt.Println(string(line))
}

// template is the two files of a store, and the blobs that were saved into them.
type template struct {
	files map[string][]byte
	blobs [][]byte // by generation; the first is nil
}

type templateKey struct{ size, saves int }

// corrupter runs corruptions in the current directory.
type corrupter struct {
	report    *corruptionReport
	templates map[templateKey]template
	chunk     uint64
	rng       *rand.Rand
}

var corruptionLogger = zap.NewNop()

func (c *corrupter) open(ext storage.Extension) *Store {
	return open(context.Background(), ext, testKind, testID,
		Settings{Name: "state", Logger: corruptionLogger, Timeout: 10 * time.Second}, c.chunk)
}

// run damages one store, and says in what way it then misbehaved.
func (c *corrupter) run(seed uint64) error {
	c.rng = rand.New(rand.NewPCG(seed, 0))
	dir := "case" + strconv.FormatUint(seed, 10)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	// Sizes: a bucket inside its parent page; leaf and branch pages; pages of a megabyte.
	key := templateKey{size: 200, saves: 1 + c.rng.IntN(5)}
	c.chunk = 1 << 10
	switch n := c.rng.IntN(100); {
	case n < 2:
		key.size, c.chunk = 5<<18, maxChunkBytes
	case n < 75:
		key.size, c.chunk = 40<<10, 1<<8
	}
	tmpl, err := c.template(key)
	if err != nil {
		return err
	}
	for name, content := range tmpl.files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	ext, err := newFileStorage(dir, c.settings(dir))
	if err != nil {
		return err
	}
	touched := []bool{true, true}
	if n := c.rng.IntN(100); n < 80 {
		touched[n%2] = false
	}

	var store *Store
	if c.rng.IntN(2) == 0 {
		c.report.Values++
		err = c.damageValues(ext, touched)
	} else {
		c.report.Files++
		if c.rng.IntN(4) == 0 {
			c.report.WhileOpen++
			store = c.open(ext)
		}
		err = c.damageFiles(dir, touched)
	}
	if err != nil {
		return err
	}
	if store == nil {
		store = c.open(ext)
	}
	if err := c.verify(ext, store, tmpl, touched); err != nil {
		return errors.Join(fmt.Errorf("%+v, touched %v: %w", key, touched, err), store.Close(context.Background()))
	}
	return nil
}

// settings are the defaults of the storage or, now and then, those of the shipped configurations (without fsync, which takes
// long and changes nothing here).
func (c *corrupter) settings(dir string) func(*filestorage.Config) {
	if c.rng.IntN(16) > 0 {
		return func(*filestorage.Config) {}
	}
	return func(cfg *filestorage.Config) {
		cfg.Recreate = true
		cfg.Compaction.OnStart, cfg.Compaction.OnRebound, cfg.Compaction.Directory = true, true, dir
	}
}

// verify holds the store against what was saved, then saves and restores once more, and closes the store.
func (c *corrupter) verify(ext storage.Extension, store *Store, tmpl template, touched []bool) error {
	newest := len(tmpl.blobs) - 1
	newestTouched := touched[(newest+1)%2]
	olderTouched := touched[newest%2] || newest == 1
	got := load(store)
	switch {
	case got.ok && (got.Generation > uint64(newest) || !bytes.Equal(got.blob, tmpl.blobs[got.Generation])):
		return fmt.Errorf("wrong state of %d bytes restored as generation %d", len(got.blob), got.Generation)
	case !newestTouched && int(got.Generation) != newest:
		return fmt.Errorf("generation %d restored, but %d was not touched", got.Generation, newest)
	case !olderTouched && !got.ok:
		return errors.New("nothing restored, but the older generation was not touched")
	}
	stats := store.Stats()
	c.count(got, newest, stats)
	blob := blobOf(99, 100+c.rng.IntN(10<<10))
	if err := store.Save(context.Background(), 1, blob); err != nil {
		return fmt.Errorf("save after the damage: %w", err)
	}
	if err := store.Close(context.Background()); err != nil {
		return err
	}
	again := c.open(ext)
	got = load(again)
	if !got.ok || !bytes.Equal(got.blob, blob) {
		return fmt.Errorf("generation %d restored instead of what was saved after the damage", got.Generation)
	}
	return again.Close(context.Background())
}

func (c *corrupter) count(got loaded, newest int, stats Stats) {
	c.report.Cases++
	switch {
	case !got.ok:
		c.report.Clean++
	case int(got.Generation) == newest:
		c.report.Newest++
	default:
		c.report.Older++
	}
	if stats.Rejected > 0 {
		c.report.Warned++
	} else if int(got.Generation) != newest {
		c.report.Silent++
	}
	c.report.Broken += uint64(stats.Broken)
	c.report.Abandoned += stats.AbandonedCalls
}

// template makes the files of a store after a number of saves of blobs whose sizes vary.
func (c *corrupter) template(key templateKey) (template, error) {
	if tmpl, ok := c.templates[key]; ok {
		return tmpl, nil
	}
	dir := fmt.Sprintf("template%d-%d", key.size, key.saves)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return template{}, err
	}
	ext, err := newFileStorage(dir)
	if err != nil {
		return template{}, err
	}
	tmpl := template{files: map[string][]byte{}, blobs: make([][]byte, 1)}
	store := c.open(ext)
	for i := range key.saves {
		blob := blobOf(i, key.size-key.size/4*(i%3))
		if err := store.Save(context.Background(), 1, blob); err != nil {
			return template{}, err
		}
		tmpl.blobs = append(tmpl.blobs, blob)
	}
	if err := store.Close(context.Background()); err != nil {
		return template{}, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return template{}, err
	}
	for _, entry := range entries {
		if tmpl.files[entry.Name()], err = os.ReadFile(filepath.Join(dir, entry.Name())); err != nil {
			return template{}, err
		}
	}
	c.templates[key] = tmpl
	return tmpl, os.RemoveAll(dir)
}

// damageValues changes stored values through a client, as a faulty storage would return them.
func (c *corrupter) damageValues(ext storage.Extension, touched []bool) error {
	for i, name := range []string{"state.a", "state.b"} {
		if !touched[i] {
			continue
		}
		client, err := ext.GetClient(context.Background(), testKind, testID, name)
		if err != nil {
			return err
		}
		err = errors.Join(c.damageValue(client), client.Close(context.Background()))
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *corrupter) damageValue(client storage.Client) error {
	ctx := context.Background()
	var keys []string
	var values [][]byte
	err := client.(storage.Walker).Walk(ctx, func(key string, value []byte) ([]*storage.Operation, error) {
		keys, values = append(keys, key), append(values, bytes.Clone(value))
		return nil, nil
	})
	if err != nil || len(keys) == 0 {
		return err
	}
	i := c.rng.IntN(len(keys))
	if c.rng.IntN(3) == 0 {
		i = len(keys) - 1 // the header
	}
	switch c.rng.IntN(10) {
	case 0:
		return client.Delete(ctx, keys[i])
	case 1:
		return client.Set(ctx, keys[i], append(values[i], byte(c.rng.Uint32())))
	case 2:
		return client.Set(ctx, keys[i], values[c.rng.IntN(len(values))])
	case 3, 4, 5:
		return client.Set(ctx, keys[i], values[i][:c.rng.IntN(len(values[i])+1)])
	default:
		return client.Set(ctx, keys[i], c.flipBits(values[i]))
	}
}

func (c *corrupter) flipBits(b []byte) []byte {
	for range 1 + c.rng.IntN(8) {
		b[c.rng.IntN(len(b))] ^= 1 << c.rng.IntN(8)
	}
	return b
}

// damageFiles changes the files behind the storage.
func (c *corrupter) damageFiles(dir string, touched []bool) error {
	for i, name := range []string{"state.a", "state.b"} {
		path := filepath.Join(dir, safeFileName("processor_drift_"+testID.Name()+"_"+name))
		if !touched[i] {
			continue
		}
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(c.damageFile(file), file.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (c *corrupter) damageFile(file *os.File) error {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	pages := int(size) / os.Getpagesize()
	page := make([]byte, os.Getpagesize())
	pageAt := func() int64 { return int64(c.rng.IntN(pages) * len(page)) }
	switch c.rng.IntN(10) {
	case 0, 1, 2:
		return file.Truncate(c.rng.Int64N(size + 1))
	case 3: // A page was written to the wrong place.
		if _, err := file.ReadAt(page, pageAt()); err != nil {
			return err
		}
		_, err = file.WriteAt(page, pageAt())
		return err
	case 4: // A sector was lost.
		_, err = file.WriteAt(make([]byte, 512), pageAt()+int64(512*c.rng.IntN(len(page)/512)))
		return err
	default:
		for range 1 + c.rng.IntN(8) {
			// Half of the bits are in the first bytes of a page, where the structure is.
			at := c.rng.Int64N(size)
			if c.rng.IntN(2) == 0 {
				at = pageAt() + int64(c.rng.IntN(96))
			}
			b := make([]byte, 1)
			if _, err := file.ReadAt(b, at); err != nil {
				return err
			}
			if _, err := file.WriteAt([]byte{b[0] ^ 1<<c.rng.IntN(8)}, at); err != nil {
				return err
			}
		}
		return nil
	}
}
