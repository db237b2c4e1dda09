// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package grafana

func gpus() page {
	const gpu = `max by (instance, hw_id) `
	return page{
		file: "gpus.json", uid: "guardian-gpus", title: "Guardian / GPU fleet",
		description: "Every GPU as the nvml receiver reads it: whether it works, how busy and how hot it is, what it costs, and what holds it back.",
		anyOf:       []string{"nvidia_gpu_count", "hw_gpu_utilization_ratio"},
		variables:   []variable{{name: "gpu", title: "GPU", label: "hw_id", anyOf: []string{"hw_gpu_utilization_ratio", "hw_gpu_memory_limit_bytes"}}},
		rows: []row{
			{title: "Fleet", panels: []panel{
				{
					kind: stat, title: "GPUs", unit: "short", width: 4,
					description: "GPUs that answer.",
					queries:     []query{{expr: `sum(nvidia_gpu_count{#,nvidia_gpu_state="present"})`, legend: "present"}},
				},
				{
					kind: stat, title: "Lost", unit: "short", width: 4, lines: zeroIsGood, runbook: "GPULost",
					description: "GPUs that were seen and do not answer: off the bus, hanging, or waiting for a reset. See the events guardian.gpu.lost.",
					queries:     []query{{expr: `sum(nvidia_gpu_count{#,nvidia_gpu_state="lost"})`, legend: "lost"}},
				},
				{
					kind: stat, title: "Utilization", unit: "percentunit", width: 4, runbook: "HighGPUUtilization",
					description: "Mean over the GPUs chosen. It says that a kernel ran, not that the GPU was full.",
					queries:     []query{{expr: `avg(hw_gpu_utilization_ratio{@,hw_gpu_task="general"})`, legend: "utilization"}},
				},
				{
					kind: stat, title: "Idle", unit: "short", width: 4,
					description: "GPUs on which a kernel ran for less than 5 % of the time, in the mean of the time shown. They draw power all the same.",
					queries:     []query{{expr: `count(avg_over_time(hw_gpu_utilization_ratio{@,hw_gpu_task="general"}[$__range]) < 0.05) or vector(0)`, legend: "idle"}},
				},
				{
					kind: stat, title: "Power", unit: "watt", width: 4,
					description: "What the GPUs chosen draw together at this moment, without the rest of the machines.",
					queries:     []query{{expr: `sum(hw_power_watts{@,hw_type="gpu"})`, legend: "power"}},
				},
				{
					kind: stat, title: "Energy", unit: "joule", width: 4,
					description: "Energy that the GPUs chosen used in the time shown. 1 kWh is 3.6 MJ.",
					queries:     []query{{expr: `sum(increase(hw_energy_joules_total{@,hw_type="gpu"}[$__range]))`, legend: "energy"}},
				},
				{
					kind: timeline, title: "State", unit: "bool_on_off", width: 24, states: states{{"1", "ok", green}, {"0", "not ok", red}}, lines: presenceLines,
					description: "Green while a GPU is ok: it answers, and no fatal error stands against it. What is wrong is in the events of the GPU.",
					queries:     []query{{expr: gpu + `(hw_status{@,hw_type="gpu",hw_state="ok"})`, legend: "{{instance}} {{hw_id}}"}},
				},
				{
					kind: table, title: "GPUs", unit: "none", width: 24, height: 10,
					description: "The last reading of each GPU.",
					queries: []query{
						{expr: gpu + `(hw_gpu_utilization_ratio{@,hw_gpu_task="general"})`},
						{expr: gpu + `(hw_gpu_memory_usage_bytes{@})`},
						{expr: gpu + `(hw_gpu_memory_limit_bytes{@})`},
						{expr: gpu + `(hw_power_watts{@,hw_type="gpu"})`},
						{expr: gpu + `(hw_temperature_celsius{@})`},
						{expr: gpu + `(hw_status{@,hw_type="gpu",hw_state="ok"})`},
					},
					columns: []column{
						{label: "instance", title: "Machine"},
						{label: "hw_id", title: "GPU"},
						{query: 6, title: "Ok", unit: "bool_on_off", lines: presenceLines},
						{query: 1, title: "Utilization", unit: "percentunit"},
						{query: 2, title: "Memory used", unit: "bytes"},
						{query: 3, title: "Memory", unit: "bytes"},
						{query: 4, title: "Power", unit: "watt"},
						{query: 5, title: "Temperature", unit: "celsius"},
					},
				},
			}},
			{title: "Load", panels: []panel{
				{
					kind: graph, title: "Utilization", unit: "percentunit", width: 8,
					description: "Share of the time in which a kernel ran, the mean of the driver's samples between two readings.",
					queries:     []query{{expr: gpu + `(hw_gpu_utilization_ratio{@,hw_gpu_task="general"})`, legend: "{{instance}} {{hw_id}}"}},
				},
				{
					kind: graph, title: "Memory", unit: "percentunit", width: 8, lines: fullLines,
					description: "Share of the memory in use. Serving engines take nearly all of it at their start: full is normal there.",
					queries:     []query{{expr: gpu + `(hw_gpu_memory_utilization_ratio{@})`, legend: "{{instance}} {{hw_id}}"}},
				},
				{
					kind: graph, title: "SM activity", unit: "percentunit", width: 8,
					description: "Share of the time in which a multiprocessor had work, mean over the multiprocessors: how full the GPU is. Hopper and newer only.",
					queries:     []query{{expr: gpu + `(nvidia_gpu_sm_activity_ratio{@})`, legend: "{{instance}} {{hw_id}}"}},
				},
				{
					kind: graph, title: "Tensor pipe activity", unit: "percentunit", width: 8,
					description: "Share of the cycles in which the tensor pipe was active. Low beside a high SM activity: the work waits for memory. Hopper and newer only.",
					queries:     []query{{expr: gpu + `(nvidia_gpu_pipe_activity_ratio{@,nvidia_pipe="tensor"})`, legend: "{{instance}} {{hw_id}}"}},
				},
				{
					kind: graph, title: "Memory bandwidth in use", unit: "percentunit", width: 8,
					description: "Share of the cycles in which the memory sent or received. Near 1 the model is bound by memory. Hopper and newer only.",
					queries:     []query{{expr: gpu + `(nvidia_gpu_dram_activity_ratio{@})`, legend: "{{instance}} {{hw_id}}"}},
				},
				{
					kind: graph, title: "PCIe and NVLink", unit: "Bps", width: 8,
					description: "Bytes per second by direction, per GPU and link.",
					queries: []query{{
						expr:   `sum by (instance, hw_id, network_io_direction, nvidia_link) (rate(hw_gpu_io_bytes_total{@}[$__rate_interval]))`,
						legend: "{{instance}} {{hw_id}} {{nvidia_link}} {{network_io_direction}}",
					}},
				},
			}},
			{title: "Power and heat", panels: []panel{
				{
					kind: graph, title: "Power", unit: "watt", width: 8,
					description: "Drawn at the moment of each reading. For energy take the counter: see Energy.",
					queries:     []query{{expr: gpu + `(hw_power_watts{@,hw_type="gpu"})`, legend: "{{instance}} {{hw_id}}"}},
				},
				{
					kind: graph, title: "Share of the power limit", unit: "percentunit", width: 8, max: new(1.2), lines: lines{green, []line{{.95, yellow}}},
					description: "Mean power from the energy counter, as a share of the limit in force. It may pass 1 for a moment. At 1 the clocks are held down.",
					queries: []query{{
						expr: `max by (instance, hw_id) (rate(hw_energy_joules_total{@,hw_type="gpu"}[$__rate_interval]))
  / max by (instance, hw_id) (nvidia_gpu_power_limit_watts{@,nvidia_limit="enforced"})`,
						legend: "{{instance}} {{hw_id}}",
					}},
				},
				{
					kind: graph, title: "Temperature", unit: "celsius", width: 8,
					description: "Of the GPU and of its memory. From which temperature on a GPU slows down depends on its model.",
					queries:     []query{{expr: `max by (instance, hw_id, hw_sensor_location) (hw_temperature_celsius{@})`, legend: "{{instance}} {{hw_id}} {{hw_sensor_location}}"}},
				},
				{
					kind: graph, title: "Room to the slow-down temperature", unit: "none", width: 8,
					description: "Degrees Celsius below the temperature from which the GPU slows down. Below 0 it does.",
					queries: []query{{
						expr:   `min by (instance, hw_id) (hw_temperature_limit_celsius{@,hw_limit_type="throttled"}) - max by (instance, hw_id) (hw_temperature_celsius{@,hw_sensor_location="gpu"})`,
						legend: "{{instance}} {{hw_id}}",
					}},
				},
				{
					kind: graph, title: "Clocks", unit: "hertz", width: 8,
					description: "Frequency of the multiprocessors' clock. It falls when the GPU is idle, and when something holds it down: see Throttling.",
					queries:     []query{{expr: gpu + `(nvidia_gpu_clock_frequency_hertz{@,nvidia_clock="sm"})`, legend: "{{instance}} {{hw_id}}"}},
				},
				{
					kind: graph, title: "Throttling", unit: "percentunit", width: 8,
					description: "Share of the time for which a reason held the clocks down. Several reasons may hold at once.",
					queries: []query{{
						expr:   `max by (instance, hw_id, nvidia_throttle_reason) (rate(nvidia_gpu_throttle_time_seconds_total{@}[$__rate_interval]))`,
						legend: "{{instance}} {{hw_id}} {{nvidia_throttle_reason}}",
					}},
				},
			}},
			{title: "Faults", panels: []panel{
				{
					kind: graph, title: "Memory and link errors", unit: "short", width: 8, lines: zeroIsGood,
					description: "Errors in the time between two points. Corrected ones are harmless until they are many; an uncorrected one has killed the work that met it.",
					queries: []query{{
						expr:   `sum by (instance, hw_id, hw_type, error_type) (increase(hw_errors_total{@}[$__rate_interval]))`,
						legend: "{{instance}} {{hw_id}} {{hw_type}} {{error_type}}",
					}},
				},
				{
					kind: graph, title: "XID errors", unit: "short", width: 8, lines: zeroIsGood, runbook: "GPUXIDError",
					description: "Errors that the driver reported in the time shown before each point, by code; choose a GPU above to see its own. Many mean a fault of the application, not of the GPU: the event guardian.gpu.xid says what to do.",
					queries:     []query{{expr: `sum by (instance, nvidia_xid) (increase(nvidia_gpu_xid_errors_total{@}[$__range]))`, legend: "{{instance}} XID {{nvidia_xid}}"}},
				},
				{
					kind: graph, title: "Remapped memory rows", unit: "short", width: 8,
					description: "Rows that were replaced by spare ones, in all. Some are normal in a GPU's life; uncorrectable ones, and rows that wait for a reset, are a reason to drain it.",
					queries: []query{{
						expr:   `max by (instance, hw_id, nvidia_remap_cause) (nvidia_gpu_remapped_rows_total{@})`,
						legend: "{{instance}} {{hw_id}} {{nvidia_remap_cause}}",
					}},
				},
			}},
		},
	}
}
