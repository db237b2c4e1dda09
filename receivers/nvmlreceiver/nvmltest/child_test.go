// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package nvmltest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver"
)

// roleVariable makes the test binary play a process of its own.
const roleVariable = "NVMLTEST_ROLE"

const (
	// roleReceiver runs the receiver until its standard input ends.
	roleReceiver = "receiver"
	// roleUnguarded calls go-nvml as a program without guards does.
	roleUnguarded = "unguarded"
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case roleReceiver:
		os.Exit(runReceiver(os.Args[1]))
	case roleUnguarded:
		os.Exit(callUnguarded(os.Args[1]))
	default:
		testutil.VerifyNoLeaks(m)
	}
}

// callUnguarded opens a library and asks for a temperature, whatever the answers were.
func callUnguarded(library string) int {
	api := nvml.New(nvml.WithLibraryPath(library))
	fmt.Println("opened", int(api.Init()))
	device, _ := api.DeviceGetHandleByIndex(0)
	energy, ret := device.GetTotalEnergyConsumption()
	fmt.Println("energy", energy, int(ret))
	return 0
}

// runReceiver prints what the receiver says, a line each: M and metrics, L and
// logs, S and a state.
func runReceiver(section string) int {
	printer := &printer{}
	factory := nvmlreceiver.NewFactory()
	config := factory.CreateDefaultConfig()
	if err := json.Unmarshal([]byte(section), config); err != nil {
		fmt.Println("cannot read the configuration:", err)
		return 1
	}
	set := receivertest.NewNopSettings(factory.Type())
	metrics, errMetrics := factory.CreateMetrics(context.Background(), set, config, printer.metrics())
	logs, errLogs := factory.CreateLogs(context.Background(), set, config, printer.logs())
	if errMetrics != nil || errLogs != nil {
		fmt.Println("cannot create the receiver:", errMetrics, errLogs)
		return 1
	}
	if metrics.Start(context.Background(), printer) != nil || logs.Start(context.Background(), printer) != nil {
		return 1
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // It ends with the test, however that ends.
	if logs.Shutdown(context.Background()) != nil || metrics.Shutdown(context.Background()) != nil {
		return 1
	}
	return 0
}

type printer struct{ mu sync.Mutex }

func (p *printer) line(kind string, text []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Printf("%s %s\n", kind, text)
}

func (p *printer) metrics() consumer.Metrics {
	next, err := consumer.NewMetrics(func(_ context.Context, metrics pmetric.Metrics) error {
		text, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(metrics)
		p.line("M", text)
		return err
	})
	if err != nil {
		panic(err)
	}
	return next
}

func (p *printer) logs() consumer.Logs {
	next, err := consumer.NewLogs(func(_ context.Context, logs plog.Logs) error {
		text, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
		p.line("L", text)
		return err
	})
	if err != nil {
		panic(err)
	}
	return next
}

func (*printer) GetExtensions() map[component.ID]component.Component { return nil }

func (p *printer) Report(event *componentstatus.Event) {
	text := event.Status().String()
	if event.Err() != nil {
		text += ": " + strings.ReplaceAll(event.Err().Error(), "\n", " ")
	}
	p.line("S", []byte(text))
}

// process is a receiver that runs in a process of its own.
type process struct {
	*Control
	stdin io.Closer
	lines chan string
	wait  func() error

	page   page
	events []plog.LogRecord
	status string
}

// page holds the values of the last scrape by metric and attributes.
type page map[string][]point

type point struct {
	value      float64
	attributes map[string]any
}

// run starts the test binary in a role.
func run(t *testing.T, role, argument string, env ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), program, argument)
	command.Env = append(append(os.Environ(), roleVariable+"="+role), env...)
	return command
}

// startReceiver runs a receiver that scrapes five times a second.
func startReceiver(t *testing.T, library string, orders ...string) *process {
	t.Helper()
	p := &process{Control: NewControl(t), lines: make(chan string, 1024), page: page{}}
	p.Order(orders...)
	interval := 200 * time.Millisecond
	section, err := json.Marshal(map[string]any{
		"CollectionInterval": interval, "InitialDelay": 0, "Timeout": interval, "RetryInterval": interval, "LibraryPath": library, "MaxScrapeCost": 0,
		"Compat": []string{"nvidia_smi", "dcgm"},
		"Metrics": map[string]any{
			"nvidia.gpu.process.memory.usage": map[string]any{"Enabled": true}, "nvidia.gpu.process.utilization": map[string]any{"Enabled": true},
		},
	})
	require.NoError(t, err)
	command := run(t, roleReceiver, string(section), p.Env())
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	command.Stderr = command.Stdout
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	p.stdin, p.wait = stdin, sync.OnceValue(command.Wait)
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(p.lines)
		scanner := bufio.NewScanner(output)
		scanner.Buffer(nil, 16<<20)
		for scanner.Scan() {
			p.lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		for range p.lines {
		}
		<-read
		_ = p.wait()
	})
	return p
}

// deadline is how long a test waits for what must come.
const deadline = 30 * time.Second

// until reads what the receiver says until it is what the test waits for.
func (p *process) until(t *testing.T, what string, seen func() bool) {
	t.Helper()
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				require.FailNow(t, "the process ended", "while waiting for %s: %v", what, p.wait())
			}
			p.take(t, line)
			if seen() {
				return
			}
		case <-timer.C:
			require.FailNow(t, "it did not happen", "%s; the last state was %q, the last events %d", what, p.status, len(p.events))
		}
	}
}

func (p *process) take(t *testing.T, line string) {
	t.Helper()
	kind, text, _ := strings.Cut(line, " ")
	switch kind {
	case "M":
		metrics, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics([]byte(text))
		require.NoError(t, err, line)
		p.page = pageOf(metrics)
	case "L":
		logs, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs([]byte(text))
		require.NoError(t, err, line)
		for _, record := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			p.events = append(p.events, record)
		}
	case "S":
		p.status = text
	default:
		t.Log(line)
	}
}

func pageOf(metrics pmetric.Metrics) page {
	page := page{}
	for _, metric := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		for _, of := range pointsOf(metric).All() {
			value := of.DoubleValue()
			if of.ValueType() == pmetric.NumberDataPointValueTypeInt {
				value = float64(of.IntValue())
			}
			page[metric.Name()] = append(page[metric.Name()], point{value, of.Attributes().AsRaw()})
		}
	}
	return page
}

func pointsOf(metric pmetric.Metric) pmetric.NumberDataPointSlice {
	if metric.Type() == pmetric.MetricTypeSum {
		return metric.Sum().DataPoints()
	}
	return metric.Gauge().DataPoints()
}

// of gives the values of a metric whose attributes include some, as key and value in turn.
func (p page) of(name string, pairs ...string) []float64 {
	var values []float64
	for _, point := range p[name] {
		matches := true
		for i := 0; i < len(pairs); i += 2 {
			matches = matches && fmt.Sprint(point.attributes[pairs[i]]) == pairs[i+1]
		}
		if matches {
			values = append(values, point.value)
		}
	}
	return values
}

// state gives the state of a GPU, or "".
func (p page) state(gpu int) string {
	for _, state := range []string{"ok", "degraded", "failed", "predicted_failure"} {
		if values := p.of("hw.status", "hw.id", uuid(gpu), "hw.state", state); len(values) == 1 && values[0] == 1 {
			return state
		}
	}
	return ""
}

func uuid(gpu int) string { return fmt.Sprintf("GPU-00000000-0000-0000-0000-%012d", gpu) }

// event says whether an event of a name has come, and gives the last.
func (p *process) event(name string) (plog.LogRecord, bool) {
	for _, event := range slices.Backward(p.events) {
		if event.EventName() == name {
			return event, true
		}
	}
	return plog.LogRecord{}, false
}

// stop ends the process as the collector does, and it must end well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, p.stdin.Close())
	for line := range p.lines {
		p.take(t, line)
	}
	require.NoError(t, p.wait())
}
