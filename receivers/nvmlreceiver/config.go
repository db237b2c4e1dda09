// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
)

// Config says what is read of the GPUs, how often, and at what cost.
type Config struct {
	// CollectionInterval is the time between two scrapes, at least 200 ms. Default: 10 s.
	CollectionInterval time.Duration `mapstructure:"collection_interval"`

	// InitialDelay is the time before the first scrape. Default: 1 s.
	InitialDelay time.Duration `mapstructure:"initial_delay"`

	// Timeout is how long a scrape waits for a GPU, at most the collection
	// interval. The others are reported without it. Default: 2 s.
	Timeout time.Duration `mapstructure:"timeout"`

	// RetryInterval is the time between two attempts to reach a driver that is
	// not there. Default: 10 s.
	RetryInterval time.Duration `mapstructure:"retry_interval"`

	// LibraryPath is the driver's library. Default: libnvidia-ml.so.1 where the
	// dynamic linker finds it.
	LibraryPath string `mapstructure:"library_path"`

	// MaxScrapeCost is the time that the calls for one GPU may take, in the mean
	// over many scrapes; the dearest are made less often until it is kept. 0 is no
	// limit. Default: 10 ms.
	MaxScrapeCost time.Duration `mapstructure:"max_scrape_cost"`

	// MaxProcesses is how many processes of one GPU are reported. Default: 64.
	MaxProcesses int `mapstructure:"max_processes"`

	// SerialNumber adds hw.serial_number to every point. Default: false.
	SerialNumber bool `mapstructure:"serial_number"`

	// Compat are the exporters whose spellings are written too: nvidia_smi, dcgm.
	// Default: none.
	Compat []string `mapstructure:"compat"`

	// Metrics switches single metrics on and off, by name.
	Metrics map[string]MetricConfig `mapstructure:"metrics"`

	// Kubernetes says whose pods the GPUs are.
	Kubernetes KubernetesConfig `mapstructure:"kubernetes"`

	// Specialists join processes and pods with specialists. Default: none.
	Specialists []SpecialistConfig `mapstructure:"specialists"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// MetricConfig switches one metric.
type MetricConfig struct {
	// Enabled says whether the metric is written.
	Enabled bool `mapstructure:"enabled"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// KubernetesConfig says how the pods of GPUs are found.
type KubernetesConfig struct {
	// Enabled adds pod, namespace and container to the points of a GPU or MIG
	// device that one container has to itself. Default: false.
	Enabled bool `mapstructure:"enabled"`

	// Socket is the kubelet's pod-resources socket.
	// Default: /var/lib/kubelet/pod-resources/kubelet.sock.
	Socket string `mapstructure:"socket"`

	// Interval is the time between two questions to the kubelet. Default: 30 s.
	Interval time.Duration `mapstructure:"interval"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// SpecialistConfig says which processes or pods are a specialist. A process
// that fits several entries belongs to the first.
type SpecialistConfig struct {
	// Type is the specialist's type, the label specialist_type.
	Type string `mapstructure:"type"`

	// Process is a regular expression for the command line of its processes.
	Process string `mapstructure:"process"`

	// Pod is a regular expression for namespace/name of its pods.
	Pod string `mapstructure:"pod"`

	// prevent unkeyed literal initialization
	_ struct{}
}

const (
	compatNVIDIASMI = "nvidia_smi"
	compatDCGM      = "dcgm"
)

// minInterval leaves the driver time to sample its counters.
const minInterval = 200 * time.Millisecond

var _ component.Config = (*Config)(nil)

func createDefaultConfig() component.Config {
	return &Config{
		CollectionInterval: 10 * time.Second,
		InitialDelay:       time.Second,
		Timeout:            2 * time.Second,
		RetryInterval:      10 * time.Second,
		MaxScrapeCost:      10 * time.Millisecond,
		MaxProcesses:       64,
		Kubernetes: KubernetesConfig{
			Socket:   "/var/lib/kubelet/pod-resources/kubelet.sock",
			Interval: 30 * time.Second,
		},
	}
}

// Validate reports every fault, each with its key, rule and value.
func (c *Config) Validate() error {
	var errs []error
	refuse := func(format string, values ...any) { errs = append(errs, fmt.Errorf(format, values...)) }
	if c.CollectionInterval < minInterval {
		refuse("collection_interval must be at least %s (got %s)", minInterval, c.CollectionInterval)
	}
	if c.InitialDelay < 0 {
		refuse("initial_delay must not be negative (got %s)", c.InitialDelay)
	}
	if c.Timeout <= 0 {
		refuse("timeout must be positive (got %s)", c.Timeout)
	}
	if c.RetryInterval < minInterval {
		refuse("retry_interval must be at least %s (got %s)", minInterval, c.RetryInterval)
	}
	if c.MaxScrapeCost < 0 {
		refuse("max_scrape_cost must not be negative (got %s)", c.MaxScrapeCost)
	}
	if c.MaxProcesses < 1 || c.MaxProcesses > 4096 {
		refuse("max_processes must be from 1 to 4096 (got %d)", c.MaxProcesses)
	}
	for i, spelling := range c.Compat {
		switch {
		case spelling != compatNVIDIASMI && spelling != compatDCGM:
			refuse("compat::%d must be %s or %s (got %q)", i, compatNVIDIASMI, compatDCGM, spelling)
		case slices.Contains(c.Compat[:i], spelling):
			refuse("compat must not hold %s twice (got %q)", spelling, c.Compat)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Metrics)) {
		switch {
		case !slices.ContainsFunc(catalogue[:], func(m metric) bool { return m.name == name }):
			refuse("metrics must have names of the README (got %q)", name)
		case c.Metrics[name].Enabled && len(c.Specialists) == 0 && ofSpecialists(name):
			refuse("metrics::%s::enabled is for specialists, which are not set (got true)", name)
		}
	}
	if c.Kubernetes.Enabled {
		if c.Kubernetes.Socket == "" {
			refuse("kubernetes::socket is required: the path of the kubelet's pod-resources socket")
		}
		if c.Kubernetes.Interval < time.Second {
			refuse("kubernetes::interval must be at least 1s (got %s)", c.Kubernetes.Interval)
		}
	}
	for i, specialist := range c.Specialists {
		for _, err := range specialist.faults(c.Kubernetes.Enabled) {
			refuse("specialists::%d (%s): %w", i, specialist.Type, err)
		}
	}
	return errors.Join(errs...)
}

// ofSpecialists says that a metric is made with specialists only.
func ofSpecialists(name string) bool {
	return name == catalogue[specialistUtilization].name || name == catalogue[specialistMemory].name
}

func (c *SpecialistConfig) faults(kubernetes bool) (faults []error) {
	refuse := func(format string, values ...any) { faults = append(faults, fmt.Errorf(format, values...)) }
	if c.Type == "" {
		refuse("type is required")
	}
	switch {
	case c.Process == "" && c.Pod == "":
		refuse("process is required, or pod")
	case c.Process != "" && c.Pod != "":
		refuse("process and pod must not both be set (got %q and %q)", c.Process, c.Pod)
	case c.Pod != "" && !kubernetes:
		refuse("pod is for kubernetes::enabled, which is false (got %q)", c.Pod)
	}
	for _, pattern := range []struct{ key, text string }{{"process", c.Process}, {"pod", c.Pod}} {
		if _, err := regexp.Compile(pattern.text); err != nil {
			refuse("%s must be a regular expression (got %q): %s", pattern.key, pattern.text, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
	}
	return faults
}

// enabled says for each metric whether it is written.
func (c *Config) enabled() [metricCount]bool {
	var enabled [metricCount]bool
	for id, metric := range catalogue {
		enabled[id] = !metric.off
		if of, set := c.Metrics[metric.name]; set {
			enabled[id] = of.Enabled
		}
	}
	enabled[specialistUtilization] = enabled[specialistUtilization] && len(c.Specialists) > 0
	enabled[specialistMemory] = enabled[specialistMemory] && len(c.Specialists) > 0
	return enabled
}
