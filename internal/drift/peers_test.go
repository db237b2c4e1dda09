// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// python has SciPy and Evidently, see testdata/peers/requirements.txt; `make bench-drift` installs it.
var python = flag.String("peers", "", "`python` that has SciPy and Evidently, which TestPower runs on the same windows with -thorough")

// peerRepetitions is how many of the repetitions SciPy and Evidently judge too: they take a hundred times as long.
const peerRepetitions = 100

// powerSample is a reference and the windows that follow the change.
type powerSample struct {
	reference []float64
	windows   [][]float64
}

// peerVerdicts are what SciPy and Evidently say of the windows of each change, by repetition.
type peerVerdicts struct {
	SciPyVersion     string              `json:"scipy_version"`
	EvidentlyVersion string              `json:"evidently_version"`
	EvidentlyMethods []string            `json:"evidently_methods"`
	SciPy            map[string][][]bool `json:"scipy"`
	Evidently        map[string][][]bool `json:"evidently"`
}

// askPeers runs SciPy and Evidently on samples of every change.
func askPeers(t *testing.T, changes []change, samples map[string][]powerSample) (*peerVerdicts, error) {
	t.Helper()
	if *python == "" {
		return nil, errors.New("-peers does not say which python has them")
	}
	if _, err := os.Stat(*python); err != nil {
		return nil, fmt.Errorf("they are not installed: %w", err)
	}
	directory := t.TempDir()
	shape, values := filepath.Join(directory, "windows.json"), filepath.Join(directory, "windows.f64")
	writeShape(t, shape, changes)
	writeSamples(t, values, changes, samples)
	command := exec.CommandContext(t.Context(), *python, filepath.Join("testdata", "peers", "peers.py"), shape, values)
	out, err := command.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr[max(0, len(exit.Stderr)-500):])
	}
	if err != nil {
		return nil, err
	}
	var verdicts peerVerdicts
	return &verdicts, json.Unmarshal(out, &verdicts)
}

func writeShape(t *testing.T, path string, changes []change) {
	t.Helper()
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = c.name
	}
	text, err := json.Marshal(map[string]any{
		"changes": names, "repetitions": peerRepetitions, "reference": referenceSize, "windows": powerWindows(), "window": powerWindow,
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
}

func writeSamples(t *testing.T, path string, changes []change, samples map[string][]powerSample) {
	t.Helper()
	file, err := os.Create(path)
	require.NoError(t, err)
	out := bufio.NewWriterSize(file, 1<<20)
	for _, c := range changes {
		for _, s := range samples[c.name][:peerRepetitions] {
			for _, list := range append([][]float64{s.reference}, s.windows...) {
				require.NoError(t, binary.Write(out, binary.LittleEndian, list))
			}
		}
	}
	require.NoError(t, out.Flush())
	require.NoError(t, file.Close())
}
