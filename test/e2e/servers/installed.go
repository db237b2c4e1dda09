// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const howToGet = "run scripts/e2e-deps.sh, which installs it"

// program returns the path of an installed program, or fails the test saying how to get it.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err, "%s is not installed: %s", name, howToGet)
	return path
}

// built returns the path of what scripts/e2e-deps.sh put into the repository, or fails the test saying how to get it.
func built(t testing.TB, path ...string) string {
	t.Helper()
	full := filepath.Join(append([]string{repository(t)}, path...)...)
	_, err := os.Stat(full)
	require.NoError(t, err, "%s is not there: %s", filepath.Join(path...), howToGet)
	return full
}

// repository is the folder of the root go.mod. The compiler's own file names do not tell it: -trimpath takes them away.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "no go.mod above the working folder")
		dir = parent
	}
}

// java returns the command line of a JVM with a heap limit (such as "1g") and the jars below build/e2e/<project>.
func java(t testing.TB, project, heap string) []string {
	t.Helper()
	jars := built(t, "build", "e2e", project, "dependency") + "/*"
	if classes := filepath.Join(repository(t), "build", "e2e", project, "classes"); exists(classes) {
		jars = classes + ":" + jars
	}
	return []string{javaProgram(t), "-Xmx" + heap, "-cp", jars}
}

func javaProgram(t testing.TB) string {
	t.Helper()
	if home := os.Getenv("JAVA_HOME"); home != "" {
		return filepath.Join(home, "bin", "java")
	}
	return program(t, "java")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}
