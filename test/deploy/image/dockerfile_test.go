// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// exact is a version to the last number, and the digest that whoever publishes pins behind it.
var exact = regexp.MustCompile(`^[a-z]+:\d+\.\d+(\.\d+)?-[a-z]+(@sha256:[0-9a-f]{64})?$`)

func TestDigestsMayBePinned(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0f", 32)
	assert.Regexp(t, exact, "golang:1.26.8-bookworm"+digest)
	for _, base := range []string{"golang:1.26-bookworm@sha256:0f", "golang" + digest, "golang:latest" + digest, "golang:bookworm"} {
		assert.NotRegexp(t, exact, base)
	}
}

// Every image that a stage is made from names an exact version.
func TestBasesArePinned(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", "docker", "Dockerfile"))
	require.NoError(t, err)
	stages, err := parse(string(text))
	require.NoError(t, err)
	names := map[string]bool{"scratch": true}
	for _, s := range stages {
		if !names[s.base] {
			assert.Regexp(t, exact, s.base)
		}
		names[s.name] = true
	}
	module, err := os.ReadFile(filepath.Join("..", "..", "..", "go.mod"))
	require.NoError(t, err)
	build, err := find(stages, "build")
	require.NoError(t, err)
	wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	require.NotNil(t, wanted)
	assert.Contains(t, build.base, "golang:"+string(wanted[1]), "the image has the Go of go.mod")
}

func TestUnreadableDockerfiles(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	f := func(text, want string) {
		t.Helper()
		_, err := Assemble(text, "", dir, map[string]Source{"here": func(p string) string { return filepath.Join(dir, p) }})
		assert.ErrorContains(t, err, want, text)
	}
	f("COPY a b", "line 1: COPY before FROM")
	f("FROM a b", "line 1: cannot read FROM a b")
	f("FROM debian:12", "no stage debian:12")
	f("FROM scratch\nRUN true", "line 2: RUN cannot be followed without a Docker engine")
	f("FROM scratch\nCOPY a \\\n /b", "line 2: continued lines are not read")
	f("FROM scratch\nCOPY missing /", "line 2: COPY missing /: no file is missing")
	f("FROM scratch\nCOPY --from=there /file /", "nothing stands in for stage there")
	f("FROM scratch\nCOPY --chown=me:me file /", "--chown wants numbers")
	f("FROM scratch\nCOPY --link file /", "--link is not read")
	f("FROM scratch\nCOPY --chmod=rwx file /", "invalid syntax")
	f("FROM scratch\nENV A=1 B=2", "want one value without variables")
	f("FROM scratch\nENTRYPOINT /bin/sh", "ENTRYPOINT without a shell takes a JSON list")
	f("FROM scratch\nHEALTHCHECK --interval=soon CMD [\"/x\"]", "--interval")
}
