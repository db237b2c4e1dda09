// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A path and a URL of an object store are read alike: versions differ when the content does.
func TestLocations(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "ref.csv")
	f := func(location string) {
		t.Helper()
		ctx := t.Context()
		_, err := Stat(ctx, location)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NoError(t, Write(ctx, location, []byte("a\n1\n2\n")))
		first, err := Stat(ctx, location)
		require.NoError(t, err)
		set, err := Load(ctx, location, first, Settings{})
		require.NoError(t, err)
		assert.Equal(t, []string{"a numeric 2 0"}, shape(set))
		assert.Equal(t, location, set.Find("a").ID())
		assert.WithinDuration(t, time.Unix(0, first.Modified), set.Find("a").Created(), 0)

		require.NoError(t, Write(ctx, location, []byte("a\n1\n2\n3\n")))
		second, err := Stat(ctx, location)
		require.NoError(t, err)
		assert.NotEqual(t, first, second)
		require.NoError(t, os.Remove(path))
		_, err = Load(ctx, location, second, Settings{})
		require.ErrorContains(t, err, "cannot use the reference "+location)
	}
	f(path)
	f("file://" + path)
}

func TestStatRefuses(t *testing.T) {
	_, err := Stat(t.Context(), t.TempDir())
	require.ErrorContains(t, err, "is no file")
	_, err = Stat(t.Context(), "gopher://bucket/key")
	require.ErrorContains(t, err, "cannot open gopher://bucket")
	_, err = Load(t.Context(), "file:///tmp/large", Version{Size: 11}, Settings{MaxBytes: 10})
	require.ErrorContains(t, err, "at most 10 are read")
}

// A file that cannot be written leaves nothing behind.
func TestWriteFails(t *testing.T) {
	directory := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(directory, "taken"), 0o700))
	require.Error(t, Write(t.Context(), filepath.Join(directory, "taken"), []byte("x")))
	require.Error(t, Write(t.Context(), filepath.Join(directory, "no", "such"), []byte("x")))
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

func TestSplit(t *testing.T) {
	f := func(location, bucket, key string, remote bool) {
		t.Helper()
		gotBucket, gotKey, gotRemote := split(location)
		assert.Equal(t, []any{bucket, key, remote}, []any{gotBucket, gotKey, gotRemote})
	}
	f("refs/churn.csv", "", "", false)
	f("s3://bucket/a/b.parquet?region=eu-west-1", "s3://bucket?region=eu-west-1", "a/b.parquet", true)
	f("gs://bucket/b.parquet", "gs://bucket", "b.parquet", true)
	f("file:///a/b/c.csv", "file:///a/b", "c.csv", true)
}
