// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/llm-guardian/otelcol-guardian/internal/httpserver"
)

// Config says what the extension tells the operator, and where.
type Config struct {
	// Announce prints the start-up lines to stderr once the pipelines are
	// ready. Default: true.
	Announce bool `mapstructure:"announce"`

	// Admin serves the admin surface over HTTP. Default: absent, nothing
	// listens. Once present, its endpoint defaults to localhost:55691.
	Admin configoptional.Optional[confighttp.ServerConfig] `mapstructure:"admin"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var _ component.Config = (*Config)(nil)

// Validate reports every fault of the admin section, each with its key, rule
// and value. What confighttp checks itself is not repeated here.
func (c *Config) Validate() error {
	if !c.Admin.HasValue() {
		return nil
	}
	admin := c.Admin.Get()
	faults := httpserver.Faults("admin::", admin)
	if admin.ReadTimeout < 0 {
		faults = append(faults, fmt.Errorf("admin::read_timeout must not be negative (got %s)", admin.ReadTimeout))
	}
	if admin.MaxRequestBodySize < 0 {
		faults = append(faults, fmt.Errorf("admin::max_request_body_size must not be negative (got %d)", admin.MaxRequestBodySize))
	}
	return errors.Join(faults...)
}
