// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/drivertest"
)

// compatPage is what Prometheus sees of a machine with some GPUs and a spelling.
func compatPage(t *testing.T, fake *drivertest.Fake, spelling string) map[string][]sample {
	t.Helper()
	h := start(t, fake, "compat: ["+spelling+"]")
	h.next(1)
	all := h.metrics.AllMetrics()
	return prometheusPage(t, all[len(all)-1])
}

// namesIn reads a list of names, each with its labels after it.
func namesIn(t *testing.T, path string) map[string]string {
	t.Helper()
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	names := map[string]string{}
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, "#") {
			name, labels, _ := strings.Cut(strings.TrimSpace(line), " ")
			names[name] = labels
		}
	}
	return names
}

func withPrefix(page map[string][]sample, prefix string) []string {
	var names []string
	for name := range page {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func labelNames(attributes labels) string {
	return strings.Join(slices.Sorted(maps.Keys(attributes)), ",")
}

func value(t *testing.T, page map[string][]sample, name string, attributes labels) float64 {
	t.Helper()
	return pageValues(page).one(t, name, attributes)
}

func pageValues(samples map[string][]sample) page { return samples }

// The names and labels are those of a page that nvidia_gpu_exporter has published.
func TestNVIDIASMI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := compatPage(t, drivertest.New(2), "nvidia_smi")
		names := namesIn(t, "testdata/nvidia_smi_names.txt")
		assert.Equal(t, slices.Sorted(maps.Keys(names)), withPrefix(page, "nvidia_smi_"))
		for name, labels := range names {
			require.Len(t, page[name], 2, name)
			assert.Equal(t, labels, labelNames(page[name][0].attributes), name)
		}
		gpu := labels{"uuid": "00000000-0000-0000-0000-000000000001"}
		for name, want := range map[string]float64{
			"nvidia_smi_utilization_gpu_ratio":                              0.2,
			"nvidia_smi_utilization_memory_ratio":                           0.1,
			"nvidia_smi_memory_used_bytes":                                  2 << 30,
			"nvidia_smi_memory_total_bytes":                                 80 << 30,
			"nvidia_smi_power_draw_watts":                                   627.4,
			"nvidia_smi_power_draw_instant_watts":                           626.26,
			"nvidia_smi_power_limit_watts":                                  690,
			"nvidia_smi_enforced_power_limit_watts":                         650,
			"nvidia_smi_energy_joules_total":                                2000,
			"nvidia_smi_clocks_current_sm_clock_hz":                         1.97e9,
			"nvidia_smi_clocks_event_reasons_counters_sw_power_cap_seconds": 1,
			"nvidia_smi_temperature_memory":                                 52,
			"nvidia_smi_count":                                              2,
			"nvidia_smi_index":                                              1,
		} {
			assert.InDelta(t, want, value(t, page, name, gpu), 1e-9*want, name)
		}
		info := page["nvidia_smi_gpu_info"][1].attributes
		assert.Equal(t, "0x18BE10DE", info["pci_sub_device_id"])
		assert.Equal(t, "580.159.03", info["driver_version"])
	})
}

// The names are those of dcgm-exporter's default counters, in its units.
func TestDCGM(t *testing.T) {
	t.Setenv("NODE_NAME", "node-a")
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(2)
		page := compatPage(t, fake, "dcgm")
		names := namesIn(t, "testdata/dcgm_names.txt")
		assert.Equal(t, slices.Sorted(maps.Keys(names)), withPrefix(page, "DCGM_"))
		gpu := labels{
			"gpu": "1", "UUID": drivertest.UUID(1), "pci_bus_id": "00000000:11:00.0", "device": "nvidia1", "modelName": "NVIDIA H200",
			"Hostname": "node-a", "DCGM_FI_DRIVER_VERSION": "580.159.03",
		}
		for name := range names {
			require.Len(t, page[name], 2, name)
			assert.Equal(t, gpu, page[name][1].attributes, name)
		}
		for name, want := range map[string]float64{
			"DCGM_FI_DEV_SM_CLOCK":                 1970,
			"DCGM_FI_DEV_GPU_UTIL":                 20,
			"DCGM_FI_DEV_FB_USED":                  2048,
			"DCGM_FI_DEV_FB_FREE":                  77 * 1024,
			"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": 2_000_000,
			"DCGM_FI_DEV_POWER_USAGE":              626.26,
			"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE":      0.05,
			"DCGM_FI_PROF_PCIE_TX_BYTES":           20e6,
		} {
			assert.InDelta(t, want, value(t, page, name, gpu), 1e-6, name)
		}
	})
}

// What a GPU does not have is left out: dcgm-exporter has shown a huge number there.
func TestDCGMHasNoBlanks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(1)
		fake.GPUs[0].Profile = nil
		delete(fake.GPUs[0].Fields, driver.FieldMemoryTemperature)
		page := compatPage(t, fake, "dcgm")
		assert.NotContains(t, page, "DCGM_FI_DEV_MEMORY_TEMP")
		assert.NotContains(t, page, "DCGM_FI_PROF_DRAM_ACTIVE")
		assert.Contains(t, page, "DCGM_FI_DEV_GPU_TEMP")
	})
}

func TestDCGMOfMIGDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(1)
		fake.GPUs[0].MIG = true
		fake.GPUs[0].Instances = []drivertest.Instance{migDevice("MIG-a", 7, 1<<30), migDevice("MIG-b", 8, 2<<30)}
		page := compatPage(t, fake, "dcgm")
		require.Len(t, page["DCGM_FI_DEV_FB_USED"], 2, "the GPU's own would count twice")
		assert.Equal(t, 2048.0, value(t, page, "DCGM_FI_DEV_FB_USED", labels{"UUID": drivertest.UUID(0), "GPU_I_ID": "8", "GPU_I_PROFILE": "1g.18gb"}))
		assert.Equal(t, 0.2, value(t, page, "DCGM_FI_PROF_DRAM_ACTIVE", labels{"GPU_I_ID": "7"}))
		require.Len(t, page["DCGM_FI_DEV_POWER_USAGE"], 1)
	})
}

// The users' recording rules evaluate on what Prometheus sees of eight GPUs. The
// expected values are those that the scripted driver was given: GPU i is busy
// for (i+1) tenths of the time and uses (i+1) of 80 GiB.
func TestRecordingRules(t *testing.T) {
	const path = "testdata/promtool/gpu_test.yaml"
	synctest.Test(t, func(t *testing.T) {
		page := compatPage(t, drivertest.New(8), "nvidia_smi")
		var file bytes.Buffer
		file.WriteString("# Generated from what the receiver writes: go test -run TestRecordingRules -update. For promtool test rules.\n" +
			"rule_files: [../../../../monitoring/rules/recording.yaml]\nevaluation_interval: 15s\ntests:\n  - name: eight GPUs\n    interval: 15s\n    input_series:\n")
		for _, name := range withPrefix(page, "nvidia_smi_") {
			for _, sample := range page[name] {
				fmt.Fprintf(&file, "      - {series: '%s%s', values: '%vx40'}\n", name, promLabels(sample.attributes), sample.value)
			}
		}
		file.WriteString("    promql_expr_test:\n")
		for _, rule := range []struct {
			name  string
			value func(i int) float64
		}{
			{"gpu:utilization:avg5m", func(i int) float64 { return float64(i+1) / 10 }},
			{"gpu:memory_utilization:ratio", func(i int) float64 { return float64(i+1) / 80 }},
		} {
			fmt.Fprintf(&file, "      - expr: round(%s, 0.0001)\n        eval_time: 6m\n        exp_samples:\n", rule.name)
			for i := range 8 {
				fmt.Fprintf(&file, "          - {labels: '{uuid=\"%s\"}', value: %v}\n", strings.TrimPrefix(drivertest.UUID(i), "GPU-"), rule.value(i))
			}
		}
		testutil.Golden(t, path, file.Bytes())
	})
	build := exec.CommandContext(t.Context(), "make", "-s", "bin/tools/promtool")
	build.Dir = testutil.Root(t)
	built, err := build.CombinedOutput()
	require.NoError(t, err, "cannot build promtool: %s", built)
	command := exec.CommandContext(t.Context(), filepath.Join(testutil.Root(t), "bin", "tools", "promtool"), "test", "rules", filepath.Base(path))
	command.Dir = filepath.Dir(path)
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

func promLabels(attributes labels) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		pairs = append(pairs, fmt.Sprintf("%s=%q", key, attributes[key]))
	}
	return "{" + strings.Join(pairs, ",") + "}"
}
