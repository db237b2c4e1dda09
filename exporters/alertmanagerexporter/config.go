// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/llm-guardian/otelcol-guardian/internal/alerting"
)

// Config is the configuration of an alertmanager exporter.
type Config struct {
	// ClientConfig is how to reach the Alertmanagers: TLS, authentication, headers, timeout. Endpoint is the URL of the only one.
	confighttp.ClientConfig `mapstructure:",squash"`
	// Endpoints are the URLs of several Alertmanagers, instead of Endpoint. Each is told of every alert, as Prometheus does.
	Endpoints []string `mapstructure:"endpoints"`

	// QueueConfig is the queue that each Alertmanager has of its own.
	QueueConfig configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	// RetryConfig says how often to try again what an Alertmanager does not take.
	RetryConfig configretry.BackOffConfig `mapstructure:"retry_on_failure"`

	// Storage names the storage extension that keeps the alerts in force over a restart. By default nothing is kept.
	Storage *component.ID `mapstructure:"storage"`
	// CheckpointInterval is the least time between two saves; nothing is saved while nothing changes. Default value is 1 s.
	CheckpointInterval time.Duration `mapstructure:"checkpoint_interval"`

	// MinSeverity is the least severity that is told: info, warning or critical. Default value is info.
	MinSeverity string `mapstructure:"min_severity"`
	// ResendInterval is the time after which alerts in force are told again. Default value is 1 m.
	ResendInterval time.Duration `mapstructure:"resend_interval"`
	// ExpireAfter is how long an Alertmanager holds an alert that it does not hear of again. Default value is 4 m.
	ExpireAfter time.Duration `mapstructure:"expire_after"`
	// ResolveAfter is how long an alert lasts whose event has no end, such as an error of a GPU. Default value is 15 m.
	ResolveAfter time.Duration `mapstructure:"resolve_after"`
	// ForgetAfter is how long an alert lasts that no event speaks of any more. Default value is 168 h.
	ForgetAfter time.Duration `mapstructure:"forget_after"`

	// Labels are added to every alert. Default value is none.
	Labels map[string]string `mapstructure:"labels"`
	// LabelAttributes are the attributes of an event, or else of its resource, that become labels, and the names of the labels. An
	// empty name leaves the attribute out.
	LabelAttributes map[string]string `mapstructure:"label_attributes"`
	// Links are what alerts link to.
	Links LinksConfig `mapstructure:"links"`
	// Limits bound memory and labels.
	Limits LimitsConfig `mapstructure:"limits"`

	_ struct{}
}

// LinksConfig is what alerts link to.
type LinksConfig struct {
	// Runbooks is the URL that the page of an alert stands under, as NAME.md. Default value is that of the project; empty is no link.
	Runbooks string `mapstructure:"runbooks"`
	// Dashboards are URLs by name of the alert, "default" for all others. {label} stands for the value of a label. Default value is none.
	Dashboards map[string]string `mapstructure:"dashboards"`

	_ struct{}
}

// LimitsConfig bounds memory and labels.
type LimitsConfig struct {
	// Alerts is the number of alerts that are remembered. Default value is 10,000.
	Alerts int `mapstructure:"alerts"`
	// Labels is the number of labels of an alert beside alertname and severity. Default value is 20.
	Labels int `mapstructure:"labels"`
	// ValueBytes is the length of a label's value. Default value is 256.
	ValueBytes int `mapstructure:"value_bytes"`

	_ struct{}
}

const (
	defaultRunbooks  = "https://github.com/llm-guardian/otelcol-guardian/blob/main/monitoring/runbooks/"
	defaultDashboard = "default"
	minResend        = time.Second
	minValueBytes    = 16
	defaultTimeout   = 10 * time.Second
)

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Timeout = defaultTimeout
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.NumConsumers = 1 // an Alertmanager is told one thing after the other anyway
	return &Config{
		ClientConfig:       client,
		QueueConfig:        configoptional.Some(queue),
		RetryConfig:        configretry.NewDefaultBackOffConfig(),
		CheckpointInterval: time.Second,
		MinSeverity:        alerting.Info.String(),
		ResendInterval:     time.Minute,
		ExpireAfter:        4 * time.Minute,
		ResolveAfter:       15 * time.Minute,
		ForgetAfter:        168 * time.Hour,
		LabelAttributes: map[string]string{
			"model.name":       "model_name",
			"model.version":    "model_version",
			"feature.name":     "feature_name",
			"specialist.id":    "specialist_id",
			"specialist.type":  "specialist_type",
			"component":        "component",
			"endpoint":         "endpoint",
			"metric":           "metric",
			"hw.id":            "hw_id",
			"nvidia.xid":       "xid",
			"service.name":     "service",
			"host.name":        "host",
			"k8s.cluster.name": "cluster",
		},
		Links:  LinksConfig{Runbooks: defaultRunbooks},
		Limits: LimitsConfig{Alerts: 10_000, Labels: 20, ValueBytes: 256},
	}
}

// Validate says everything that is wrong.
func (c *Config) Validate() error {
	var faults []error
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	faults = append(faults, c.endpointFaults()...)
	if c.Timeout < 0 {
		fault("timeout must not be negative (got %s)", c.Timeout)
	}
	if severity, err := alerting.ParseSeverity(c.MinSeverity); err != nil || severity == alerting.None {
		fault("min_severity must be info, warning or critical (got %q)", c.MinSeverity)
	}
	if c.CheckpointInterval < time.Second {
		fault("checkpoint_interval must be at least 1s (got %s)", c.CheckpointInterval)
	}
	if c.ResendInterval < minResend {
		fault("resend_interval must be at least %s (got %s)", minResend, c.ResendInterval)
	}
	if resend := max(c.ResendInterval, minResend); c.ExpireAfter < 2*resend {
		fault("expire_after must be at least twice resend_interval, %s, or one lost request ends an alert (got %s)", resend, c.ExpireAfter)
	}
	if c.ResolveAfter < time.Minute {
		fault("resolve_after must be at least 1m (got %s)", c.ResolveAfter)
	}
	if c.ForgetAfter < time.Minute {
		fault("forget_after must be at least 1m (got %s)", c.ForgetAfter)
	}
	faults = append(faults, c.labelFaults()...)
	faults = append(faults, c.linkFaults()...)
	if c.Limits.Alerts < 1 {
		fault("limits::alerts must be at least 1 (got %d)", c.Limits.Alerts)
	}
	if c.Limits.Labels < 1 {
		fault("limits::labels must be at least 1 (got %d)", c.Limits.Labels)
	}
	if c.Limits.ValueBytes < minValueBytes {
		fault("limits::value_bytes must be at least %d (got %d)", minValueBytes, c.Limits.ValueBytes)
	}
	return errors.Join(faults...)
}

// targets are the URLs of all Alertmanagers.
func (c *Config) targets() []string {
	if c.Endpoint != "" {
		return []string{c.Endpoint}
	}
	return c.Endpoints
}

func (c *Config) endpointFaults() (faults []error) {
	switch {
	case c.Endpoint != "" && len(c.Endpoints) > 0:
		return []error{fmt.Errorf("endpoint and endpoints must not both be set: endpoints are for several Alertmanagers (got %q and %d others)", redacted(c.Endpoint), len(c.Endpoints))}
	case len(c.targets()) == 0:
		return []error{errors.New("endpoint is required: the URL of Alertmanager, such as http://alertmanager:9093")}
	}
	names := map[string]string{}
	for i, endpoint := range c.targets() {
		key := "endpoint"
		if c.Endpoint == "" {
			key = fmt.Sprintf("endpoints::%d", i)
		}
		parsed, err := url.Parse(endpoint)
		if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.User != nil || parsed.RawQuery != "" {
			faults = append(faults, fmt.Errorf("%s must be http://host:port or https://host:port, with or without a path, and no user or query (got %q)", key, redacted(endpoint)))
			continue
		}
		if base, found := strings.CutSuffix(strings.TrimRight(endpoint, "/"), apiPath); found {
			faults = append(faults, fmt.Errorf("%s must not end in %s, which the exporter adds: write %s (got %q)", key, apiPath, base, endpoint))
			continue
		}
		name := targetName(parsed)
		if other, taken := names[name]; taken {
			faults = append(faults, fmt.Errorf("%s must be another Alertmanager than %s (got %q)", key, other, endpoint))
			continue
		}
		names[name] = key
	}
	return faults
}

// redacted hides what may be a password.
func redacted(endpoint string) string {
	before, after, found := strings.Cut(endpoint, "@")
	if !found {
		return endpoint
	}
	scheme, _, _ := strings.Cut(before, "//")
	return scheme + "//…@" + after
}

func (c *Config) labelFaults() (faults []error) {
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	check := func(key, name string) {
		switch {
		case name == alerting.LabelName || name == alerting.LabelSeverity:
			fault("%s must not be %s or %s, which the exporter sets (got %q)", key, alerting.LabelName, alerting.LabelSeverity, name)
		case !alerting.IsLabelName(name):
			fault("%s must be letters, digits and underscores, the first not a digit (got %q)", key, name)
		}
	}
	if c.Limits.Labels >= 1 && len(c.Labels) > c.Limits.Labels {
		fault("labels must have at most limits::labels, %d (got %d)", c.Limits.Labels, len(c.Labels))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		check("a name in labels", name)
		if c.Labels[name] == "" {
			fault("labels::%s must not be empty", name)
		}
	}
	from := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(c.LabelAttributes)) {
		name := c.LabelAttributes[key]
		if name == "" {
			continue
		}
		check("label_attributes::"+key, name)
		if other, taken := from[name]; taken {
			fault("label_attributes::%s must not become the same label as %s (got %q)", key, other, name)
			continue
		}
		from[name] = key
	}
	return faults
}

// withoutBraces takes the marks of labels out of a link.
var withoutBraces = strings.NewReplacer("{", "", "}", "")

func (c *Config) linkFaults() (faults []error) {
	check := func(key, link, filled string) {
		if parsed, err := url.Parse(filled); err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
			faults = append(faults, fmt.Errorf("%s must be an http or https URL (got %q)", key, link))
		}
	}
	if c.Links.Runbooks != "" {
		check("links::runbooks", c.Links.Runbooks, c.Links.Runbooks)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Links.Dashboards)) {
		if name != defaultDashboard && !slices.Contains(alerting.Names, name) {
			faults = append(faults, fmt.Errorf("links::dashboards must have names of %s or %s (got %q)", strings.Join(alerting.Names, ", "), defaultDashboard, name))
		}
		link := c.Links.Dashboards[name]
		check("links::dashboards::"+name, link, withoutBraces.Replace(link))
	}
	return faults
}
