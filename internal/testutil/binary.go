// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// binaryVariable names a binary that is already built. The Makefile sets it;
// without it Binary runs `make build`, which is quick while nothing has changed.
const binaryVariable = "OTELCOL_GUARDIAN"

// Binary gives the path of the real collector binary.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	require.NoError(t, err, "cannot build the collector")
	return path
}

var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(binaryVariable); path != "" {
		return path, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "bin", "otelcol-guardian"), makeBuild(root)
})

// makeBuild builds as the Makefile does, so that the binary and the build cache
// are the same. It holds a lock on the Makefile meanwhile: `go test ./...` runs
// the tests of several packages at once, and they share the binary.
func makeBuild(root string) (err error) {
	makefile, err := os.Open(filepath.Join(root, "Makefile"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, makefile.Close()) }() // This unlocks it too.
	if err := lock(makefile); err != nil {
		return fmt.Errorf("cannot lock %s: %w", makefile.Name(), err)
	}
	build := exec.Command("make", "build")
	build.Dir = root
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	return build.Run()
}

// Root gives the path of the repository's root folder.
func Root(t testing.TB) string {
	t.Helper()
	root, err := moduleRoot()
	require.NoError(t, err, "cannot find the module's root")
	return root
}

var moduleRoot = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	return filepath.Dir(strings.TrimSpace(string(out))), err
})
