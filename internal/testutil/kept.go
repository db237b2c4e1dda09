// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Kept gives the content of the file at path: bytes that an earlier version wrote and every later one must read. With -update the file
// gets what write gives, for a format that is new.
func Kept(t testing.TB, path string, write func() []byte) []byte {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, write(), 0o644))
	}
	return readFile(t, path)
}
