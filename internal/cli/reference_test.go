// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/reference"
)

func runReference(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	command := NewReferenceCommand()
	command.SilenceErrors = true
	command.SetOut(&out)
	command.SetErr(&out)
	command.SetArgs(arguments)
	err := command.ExecuteContext(t.Context())
	return out.String(), err
}

// The compact file says what the file of values says, feature by feature.
func TestReferenceBuild(t *testing.T) {
	directory := t.TempDir()
	from, to := filepath.Join(directory, "predictions.csv"), filepath.Join(directory, "ref.parquet")
	require.NoError(t, os.WriteFile(from, []byte("request_id,age,plan,empty\n1,41,gold,\n2,7,basic,\n3,,gold,\n"), 0o600))
	said, err := runReference(t, "build", "--from", from, "--out", to, "--equal-width", "--range", "0,100")
	require.NoError(t, err)
	version, err := reference.Stat(t.Context(), to)
	require.NoError(t, err)
	set, err := reference.Load(t.Context(), to, version, reference.Settings{})
	require.NoError(t, err)
	assert.Equal(t, []string{"age", "plan"}, set.Names())
	age := set.Find("age")
	assert.EqualValues(t, 2, age.N())
	assert.EqualValues(t, 1, age.Missing())
	assert.Equal(t, from, age.ID())
	assert.Contains(t, said, "age      numeric")
	assert.Contains(t, said, age.Hash())
	assert.Contains(t, said, "left out: reference has no values")
}

func TestReferenceBuildRefuses(t *testing.T) {
	directory := t.TempDir()
	from := filepath.Join(directory, "predictions.csv")
	require.NoError(t, os.WriteFile(from, []byte("age\n1\n"), 0o600))
	f := func(want string, arguments ...string) {
		t.Helper()
		_, err := runReference(t, append([]string{"build"}, arguments...)...)
		assert.ErrorContains(t, err, want)
	}
	f(`required flag(s) "from", "out" not set`)
	f("cannot read --from", "--from", filepath.Join(directory, "none"), "--out", "x")
	f("cannot write --out", "--from", from, "--out", filepath.Join(directory, "no", "such"))
	f("--range needs two ascending numbers", "--from", from, "--out", "x", "--range", "0,1")
	f("--range needs two ascending numbers", "--from", from, "--out", "x", "--equal-width", "--range", "1")
	f("--bins must be 2 to 64 (got 1)", "--from", from, "--out", "x", "--bins", "1")
}
