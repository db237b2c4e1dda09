// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiananswersextension

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"go.opentelemetry.io/collector/component"
	"golang.org/x/net/http/httpguts"
)

// Config says which answers are mended.
type Config struct {
	// RetryStatuses are the status codes of a backend that an exporter gets as
	// 503 Service Unavailable. Each lies from 400 to 599. Default: 429.
	RetryStatuses []int `mapstructure:"retry_statuses"`

	// ResponseHeaders are put on the answers of a backend that lacks them, by
	// name. Default: none.
	ResponseHeaders map[string]string `mapstructure:"response_headers"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var _ component.Config = (*Config)(nil)

// Validate reports every fault, each with its key, rule and value.
func (c *Config) Validate() error {
	var faults []error
	fault := func(format string, values ...any) { faults = append(faults, fmt.Errorf(format, values...)) }
	for i, status := range c.RetryStatuses {
		switch {
		case status < http.StatusBadRequest || status > 599:
			fault("retry_statuses::%d must be from 400 to 599 (got %d)", i, status)
		case slices.Contains(c.RetryStatuses[:i], status):
			fault("retry_statuses must not hold %d twice (got %v)", status, c.RetryStatuses)
		}
	}
	spelled := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.ResponseHeaders)) {
		value, header := c.ResponseHeaders[name], http.CanonicalHeaderKey(name)
		switch other, taken := spelled[header]; {
		case !httpguts.ValidHeaderFieldName(name):
			fault("response_headers must have names that HTTP allows (got %q)", name)
		case taken:
			fault("response_headers::%s must not be the same header as %s (got %q)", name, other, value)
		case !httpguts.ValidHeaderFieldValue(value):
			fault("response_headers::%s must have a value that HTTP allows (got %q)", name, value)
		}
		spelled[header] = name
	}
	return errors.Join(faults...)
}
