// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"errors"
	"fmt"
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

// Validate names every option that cannot be.
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
		if spelling != compatNVIDIASMI && spelling != compatDCGM {
			refuse("compat[%d] must be %s or %s (got %q)", i, compatNVIDIASMI, compatDCGM, spelling)
		}
	}
	for name := range c.Metrics {
		if !slices.ContainsFunc(catalogue[:], func(m metric) bool { return m.name == name }) {
			refuse("metrics must be among those in the README (got %q)", name)
		}
	}
	if c.Kubernetes.Enabled {
		if c.Kubernetes.Socket == "" {
			refuse("kubernetes::socket must not be empty")
		}
		if c.Kubernetes.Interval < time.Second {
			refuse("kubernetes::interval must be at least 1s (got %s)", c.Kubernetes.Interval)
		}
	}
	for i, specialist := range c.Specialists {
		if err := specialist.validate(c.Kubernetes.Enabled); err != nil {
			refuse("specialists[%d]: %w", i, err)
		}
	}
	return errors.Join(errs...)
}

func (c *SpecialistConfig) validate(kubernetes bool) error {
	switch {
	case c.Type == "":
		return errors.New("type must not be empty")
	case (c.Process == "") == (c.Pod == ""):
		return errors.New("one of process and pod must be set, and not both")
	case c.Pod != "" && !kubernetes:
		return errors.New("pod needs kubernetes::enabled")
	}
	if _, err := regexp.Compile(c.Process + c.Pod); err != nil {
		return fmt.Errorf("not a regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return nil
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
