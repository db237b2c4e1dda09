// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/llm-guardian/otelcol-guardian/internal/duplicates"
	"github.com/llm-guardian/otelcol-guardian/internal/event"
	"github.com/llm-guardian/otelcol-guardian/internal/httpserver"
	"github.com/llm-guardian/otelcol-guardian/internal/privacy"
)

// Config says where the receiver listens and what it takes.
type Config struct {
	// ServerConfig is the HTTP server. Defaults that differ from confighttp's:
	// endpoint localhost:4319, max_request_body_size 8 MiB, read_timeout 30 s,
	// read_header_timeout 10 s, compression_algorithms gzip and zstd.
	confighttp.ServerConfig `mapstructure:",squash"`

	// Limits bound what a request may ask for.
	Limits LimitsConfig `mapstructure:"limits"`

	// Duplicates says how long an event is known that has been taken.
	Duplicates DuplicatesConfig `mapstructure:"duplicates"`

	// Storage is the storage extension that keeps the ids of events that have been
	// taken. Default: none, a restart forgets them.
	Storage *component.ID `mapstructure:"storage"`

	// Content says what is kept of texts that people wrote.
	Content ContentConfig `mapstructure:"content"`

	// Batch says in which parts NDJSON is handed on.
	Batch BatchConfig `mapstructure:"batch"`

	// RetryAfter is how long a client is told to wait, give or take half of it and at
	// least 1 s. Default: 5 s.
	RetryAfter time.Duration `mapstructure:"retry_after"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// LimitsConfig bounds what a request may ask for. All must be positive.
type LimitsConfig struct {
	Events       int           `mapstructure:"events"`        // of a request. Default: 10,000
	EventBytes   int           `mapstructure:"event_bytes"`   // of the JSON of one event. Default: 256 KiB
	Attributes   int           `mapstructure:"attributes"`    // values of one event. Default: 256
	StringBytes  int           `mapstructure:"string_bytes"`  // of a string; longer ones are cut. Default: 4096
	ContentBytes int           `mapstructure:"content_bytes"` // the same for content and messages of errors. Default: 8192
	Depth        int           `mapstructure:"depth"`         // levels of JSON in one event. Default: 16
	InFlight     int           `mapstructure:"in_flight"`     // requests whose bodies are read or handed on. Default: 64
	Future       time.Duration `mapstructure:"future"`        // how far an event's time may be ahead of the clock. Default: 5 min
	Past         time.Duration `mapstructure:"past"`          // how far it may be behind. Default: 90 d

	// prevent unkeyed literal initialization
	_ struct{}
}

// DuplicatesConfig bounds what is known of events that have been taken.
type DuplicatesConfig struct {
	// Window is how long an event is known. Default: 24 h.
	Window time.Duration `mapstructure:"window"`
	// Limit is how many events are known at most; the oldest make room. Each takes
	// about 40 bytes. Default: 1,000,000.
	Limit int `mapstructure:"limit"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// ContentConfig says what is kept of texts that people wrote or that quote them:
// prompts, answers, explanations, messages of issues.
type ContentConfig struct {
	// Mode is drop, hash, redacted or full. Messages of errors are redacted in
	// all modes but full. Default: drop.
	Mode privacy.Mode `mapstructure:"mode"`
	// HashKey is the key of the HMAC for mode hash, at least 16 bytes.
	HashKey configopaque.String `mapstructure:"hash_key"`
	// KeyID is written beside each hash. Default: made of the key.
	KeyID string `mapstructure:"key_id"`
	// Patterns are regular expressions (RE2) of what is masked besides e-mail
	// addresses, phone and card numbers and keys. Default: none.
	Patterns []string `mapstructure:"patterns"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// BatchConfig says in which parts NDJSON is handed on.
type BatchConfig struct {
	// Events is how many events, or log records made of them, are handed to the next
	// consumer together. Default: 500.
	Events int `mapstructure:"events"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var _ component.Config = (*Config)(nil)

// Validate reports every fault, each with its key, rule and value. What confighttp
// checks itself is not repeated here.
func (c *Config) Validate() error {
	return errors.Join(
		errors.Join(httpserver.Faults("", &c.ServerConfig)...),
		positive("max_request_body_size", c.MaxRequestBodySize),
		positive("read_timeout", c.ReadTimeout),
		c.Limits.validate(),
		positive("duplicates::window", c.Duplicates.Window),
		within("duplicates::limit", c.Duplicates.Limit, 1, duplicates.MaxLimit),
		c.Content.validate(),
		positive("batch::events", c.Batch.Events),
		positive("retry_after", c.RetryAfter),
	)
}

func (c *LimitsConfig) validate() error {
	return errors.Join(
		positive("limits::events", c.Events),
		positive("limits::event_bytes", c.EventBytes),
		positive("limits::attributes", c.Attributes),
		atLeast("limits::string_bytes", c.StringBytes, len(event.Truncated)),
		atLeast("limits::content_bytes", c.ContentBytes, len(event.Truncated)),
		positive("limits::depth", c.Depth),
		positive("limits::in_flight", c.InFlight),
		positive("limits::future", c.Future),
		positive("limits::past", c.Past),
	)
}

func (c *ContentConfig) validate() error {
	faults := c.faults()
	_, err := privacy.New(c.Mode, []byte(c.HashKey), c.KeyID, c.Patterns)
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		faults = append(faults, joined.Unwrap()...)
	}
	for i, fault := range faults {
		faults[i] = fmt.Errorf("content::%w", fault)
	}
	return errors.Join(faults...)
}

// faults says which options would never be used.
func (c *ContentConfig) faults() (faults []error) {
	if c.Mode != "" && c.Mode != privacy.Drop && c.Mode != privacy.Redacted && c.Mode != privacy.Full {
		return nil
	}
	if c.HashKey != "" {
		faults = append(faults, fmt.Errorf("hash_key is for the mode hash (got one for %s)", c.Mode))
	}
	if c.KeyID != "" {
		faults = append(faults, fmt.Errorf("key_id is for the mode hash (got %q for %s)", c.KeyID, c.Mode))
	}
	return faults
}

// policy makes the policy that the section describes.
func (c *ContentConfig) policy() (*privacy.Policy, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return privacy.New(c.Mode, []byte(c.HashKey), c.KeyID, c.Patterns)
}

func positive[N ~int | ~int64](key string, value N) error {
	if value <= 0 {
		return fmt.Errorf("%s must be positive (got %v)", key, value)
	}
	return nil
}

func atLeast(key string, value, least int) error {
	if value < least {
		return fmt.Errorf("%s must be at least %d (got %d)", key, least, value)
	}
	return nil
}

func within(key string, value, least, most int) error {
	if value < least || value > most {
		return fmt.Errorf("%s must be from %d to %d (got %d)", key, least, most, value)
	}
	return nil
}
