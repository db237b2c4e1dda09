// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Builds at once wait for each other: mkdir fails where another one is under way.
func TestMakeBuildOneAtATime(t *testing.T) {
	root := t.TempDir()
	makefile := "build:\n\t@mkdir busy && echo built >> bin && rmdir busy\n"
	require.NoError(t, os.WriteFile(filepath.Join(root, "Makefile"), []byte(makefile), 0o600))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { assert.NoError(t, makeBuild(root)) })
	}
	wg.Wait()
	assert.Equal(t, "built\nbuilt\nbuilt\nbuilt\n", string(readFile(t, filepath.Join(root, "bin"))))
	assert.ErrorContains(t, makeBuild(t.TempDir()), "Makefile")
}
