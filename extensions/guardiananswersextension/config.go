// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiananswersextension

import (
	"errors"
	"fmt"
	"net/http"

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

// Validate names every status code that no error can have, and every header that cannot be.
func (c *Config) Validate() error {
	var errs []error
	for i, status := range c.RetryStatuses {
		if status < http.StatusBadRequest || status > 599 {
			errs = append(errs, fmt.Errorf("retry_statuses[%d] must be from 400 to 599 (got %d)", i, status))
		}
	}
	for name := range c.ResponseHeaders {
		if !httpguts.ValidHeaderFieldName(name) {
			errs = append(errs, fmt.Errorf("response_headers must have names that HTTP allows (got %q)", name))
		}
	}
	return errors.Join(errs...)
}
