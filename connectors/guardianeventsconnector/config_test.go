// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianeventsconnector

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestContract(t *testing.T) { testutil.ConnectorContract(t, NewFactory()) }

func TestReadmeExamples(t *testing.T) { testutil.ReadmeExamples(t, NewFactory(), "connectors") }

// Every option stands in the README's table with its default, and so does every verdict metric.
func TestReadmeTables(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	testutil.ReadmeOptions(t, createDefaultConfig())
	for name := range sources {
		assert.Contains(t, string(readme), "`"+name+"`", "the README's table of verdict metrics")
	}
}

func loadFile(t *testing.T, name string) (*Config, error) {
	t.Helper()
	section, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	cfg, err := testutil.LoadConfig(t, NewFactory(), string(section))
	if cfg == nil {
		return nil, err
	}
	return cfg.(*Config), err
}

func TestEveryOptionIsRead(t *testing.T) {
	config, err := loadFile(t, "config.yaml")
	require.NoError(t, err)
	storage := component.MustNewID("file_storage")
	assert.Equal(t, &Config{
		Storage: &storage, CheckpointInterval: 30 * time.Second, Kinds: []string{"drift"},
		Anomaly: AnomalyConfig{
			Hysteresis: HysteresisConfig{Raise: 2, Of: 4, Clear: 6},
			Severities: SeveritiesConfig{Low: "none", Medium: "info", High: "warning"},
		},
		Drift: DriftConfig{
			Score: LimitValues{Info: 0.1, Warning: 0.2, Critical: 0.3}, PSI: LimitValues{Info: 0, Warning: 0.2, Critical: 0.4}, Share: 0.5,
			RaiseAt: "critical", ClearRatio: 0.5, Significance: 0.01, Hysteresis: HysteresisConfig{Raise: 2, Of: 3, Clear: 4},
		},
		IdleAfter: time.Hour, Limits: LimitsConfig{Episodes: 5, Causes: 2},
	}, config)
}

// The defaults are the figures of the requirements: KS D 0.10, 0.15, 0.25; PSI 0.10, 0.20, 0.25; a share above 0.3 is critical.
func TestDefaultsAreThoseOfTheRequirements(t *testing.T) {
	config := createDefaultConfig().(*Config)
	require.NoError(t, config.Validate())
	assert.Equal(t, LimitValues{Info: 0.10, Warning: 0.15, Critical: 0.25}, config.Drift.Score)
	assert.Equal(t, LimitValues{Info: 0.10, Warning: 0.20, Critical: 0.25}, config.Drift.PSI)
	assert.Equal(t, 0.3, config.Drift.Share)
	assert.Equal(t, severityNone, (&LimitValues{Critical: above(0.3)}).severity(0.3))
	assert.Equal(t, severityCritical, (&LimitValues{Critical: above(0.3)}).severity(0.3001))
}

// All faults are reported at once, each with its key, its rule and what stands there, and each once.
func TestValidateReportsEverything(t *testing.T) {
	_, err := loadFile(t, "invalid.yaml")
	require.Error(t, err)
	assert.ElementsMatch(t, []string{
		"checkpoint_interval must be at least 1s (got 1ms)",
		`kinds must be anomaly, drift or both (got ["outage" "outage"])`,
		"idle_after must be at least 1s (got 0s)",
		"anomaly::hysteresis must raise at 1 to of points, of 1 to 16, and clear after 1 to 16 (got 3 of 2, and 5)",
		"drift::hysteresis must raise at 1 to of points, of 1 to 16, and clear after 1 to 16 (got 1 of 17, and 1)",
		"drift::score must not be negative and must ascend (got 0.2, 0.1, 0.25)",
		"drift::psi must not be negative and must ascend (got -1, 0.2, 0.25)",
		`anomaly::severities::low must be none, info, warning or critical (got "fine")`,
		`anomaly::severities::medium must be none, info, warning or critical (got "bad")`,
		`anomaly::severities::high must be none, info, warning or critical (got "worse")`,
		`drift::raise_at must be info, warning or critical (got "none")`,
		"drift::share must be from 0 to 1 (got 2)",
		"drift::clear_ratio must be above 0 and at most 1 (got 0)",
		"drift::significance must be above 0 and at most 1 (got 1.5)",
		"limits::episodes must be at least 1 (got 0)",
		"limits::causes must be 1 to 256 (got 1000)",
	}, strings.Split(err.Error(), "\n"))
}

func TestUnknownKeysAreErrors(t *testing.T) {
	_, err := testutil.LoadConfig(t, NewFactory(), "anomaly: {histeresis: {raise: 1}}")
	require.ErrorContains(t, err, "histeresis")
}
