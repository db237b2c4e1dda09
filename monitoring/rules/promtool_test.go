// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// promtoolVariable names a promtool that is already built. Without it the Makefile builds the one of the tool module,
// which is quick while nothing has changed. Older releases count the samples at a range's border otherwise.
const promtoolVariable = "PROMTOOL"

func promtool(t *testing.T) string {
	t.Helper()
	if path := os.Getenv(promtoolVariable); path != "" {
		return path
	}
	root, target := testutil.Root(t), filepath.Join("bin", "tools", "promtool")
	build := exec.CommandContext(t.Context(), "make", "-s", target)
	build.Dir = root
	output, err := build.CombinedOutput()
	require.NoError(t, err, "cannot build promtool: %s", output)
	return filepath.Join(root, target)
}

func runPromtool(t *testing.T, dir string, arguments ...string) (output string, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), promtool(t), arguments...)
	command.Dir = dir
	combined, err := command.CombinedOutput()
	return string(combined), err
}

func TestRulesPassPromtool(t *testing.T) {
	output, err := runPromtool(t, ".", append([]string{"check", "rules"}, ruleFiles(t)...)...)
	require.NoError(t, err, output)
	output, err = runPromtool(t, ".", append([]string{"test", "rules"}, glob(t, "tests/*_test.yaml")...)...)
	require.NoError(t, err, output)
}

// TestPromtoolSeesSmallMistakes shows that the tests lie close to the borders: a threshold that is a tenth more lenient,
// and a wait that is a quarter shorter or longer, make a test fail.
func TestPromtoolSeesSmallMistakes(t *testing.T) {
	if testing.Short() {
		t.Skip("runs promtool once per mistake")
	}
	for i := range contract {
		o := &contract[i]
		name := strings.Join([]string{strings.TrimSuffix(o.file, ".yaml"), o.alert, o.severity, o.level, o.threshold}, " ")
		if o.threshold != "== 0" {
			t.Run(name+" looser", func(t *testing.T) { requireSeen(t, o, loosen) })
		}
		if o.wait != "0s" {
			t.Run(name+" sooner", func(t *testing.T) { requireSeen(t, o, wait(0.75)) })
			t.Run(name+" later", func(t *testing.T) { requireSeen(t, o, wait(1.25)) })
		}
	}
}

// mistake changes a rule a little.
type mistake func(t *testing.T, o *owed, r *rulefmt.Rule)

// loosen moves the threshold by a tenth, so that the alert fires earlier.
func loosen(t *testing.T, o *owed, r *rulefmt.Rule) {
	t.Helper()
	operator, number, _ := strings.Cut(o.threshold, " ")
	limit, err := strconv.ParseFloat(number, 64)
	require.NoError(t, err)
	factor := 0.9
	if operator == "<" {
		factor = 1.1
	}
	r.Expr = fmt.Sprintf("%s %s %g", strings.TrimSuffix(strings.TrimSpace(r.Expr), " "+o.threshold), operator, limit*factor)
}

func wait(factor float64) mistake {
	return func(_ *testing.T, _ *owed, r *rulefmt.Rule) { r.For = model.Duration(float64(r.For) * factor) }
}

// requireSeen makes a mistake in a copy of the rules and has promtool find it.
func requireSeen(t *testing.T, o *owed, change mistake) {
	t.Helper()
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(".")))
	groups := loadFile(t, o.file)
	made := 0
	for _, group := range groups.Groups {
		for i := range group.Rules {
			if o.is(&rule{Rule: group.Rules[i], file: o.file}) {
				change(t, o, &group.Rules[i])
				made++
			}
		}
	}
	require.Equal(t, 1, made)
	text, err := yaml.Marshal(groups)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, o.file), text, 0o600))
	tests := slices.DeleteFunc(glob(t, "tests/*_test.yaml"), func(path string) bool {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return !strings.Contains(string(text), "../"+o.file)
	})
	output, err := runPromtool(t, dir, append([]string{"test", "rules"}, tests...)...)
	require.Error(t, err)
	assert.Contains(t, output, "alertname: "+o.alert, "it failed for another reason")
}
