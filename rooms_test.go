// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Who may know whom (docs/architecture.md): the domain rooms know nothing of the
// collector, rooms know no component, and components do not know one another.
func TestRooms(t *testing.T) {
	domain := map[string]bool{"codec": true, "slots": true, "drift": true, "anomaly": true, "quality": true, "objective": true, "alerting": true}
	for _, pkg := range listPackages(t) {
		room, isRoom := strings.CutPrefix(pkg.ImportPath, ourModule+"/internal/")
		room, _, _ = strings.Cut(room, "/")
		for _, imported := range pkg.Imports {
			if isRoom && domain[room] {
				assert.False(t, strings.HasPrefix(imported, "go.opentelemetry.io/collector") || imported == "go.uber.org/zap",
					"the domain room %s imports %s", pkg.ImportPath, imported)
			}
			if target := componentOf(imported); target != "" {
				assert.False(t, isRoom, "the room %s imports the component %s", pkg.ImportPath, imported)
				if own := componentOf(pkg.ImportPath); own != "" {
					assert.Equal(t, own, target, "the component %s imports another one, %s", pkg.ImportPath, imported)
				}
			}
		}
	}
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	require.NoError(t, err)
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	var packages []goPackage
	for {
		var pkg goPackage
		err := decoder.Decode(&pkg)
		if errors.Is(err, io.EOF) {
			require.NotEmpty(t, packages)
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, pkg)
	}
}

// componentOf gives the folder of the component that a package belongs to, or "".
func componentOf(importPath string) string {
	local, ours := strings.CutPrefix(importPath, ourModule+"/")
	parts := strings.Split(local, "/")
	if !ours || len(parts) < 2 {
		return ""
	}
	switch parts[0] {
	case "receivers", "processors", "connectors", "exporters", "extensions":
		return path.Join(parts[0], parts[1])
	default:
		return ""
	}
}
