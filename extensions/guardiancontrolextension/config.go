// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configoptional"
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
	errs := []error{validateEndpoint(admin.NetAddr)}
	for _, timeout := range []struct {
		key   string
		value time.Duration
	}{
		{"read_timeout", admin.ReadTimeout},
		{"read_header_timeout", admin.ReadHeaderTimeout},
		{"write_timeout", admin.WriteTimeout},
		{"idle_timeout", admin.IdleTimeout},
	} {
		if timeout.value < 0 {
			errs = append(errs, fmt.Errorf("admin::%s must not be negative (got %s)", timeout.key, timeout.value))
		}
	}
	if admin.MaxRequestBodySize < 0 {
		errs = append(errs, fmt.Errorf("admin::max_request_body_size must not be negative (got %d)", admin.MaxRequestBodySize))
	}
	return errors.Join(errs...)
}

func validateEndpoint(addr confignet.AddrConfig) error {
	if addr.Endpoint == "" {
		return errors.New("admin::endpoint must not be empty")
	}
	switch addr.Transport {
	case confignet.TransportTypeUnix:
		return nil
	case confignet.TransportTypeTCP, confignet.TransportTypeTCP4, confignet.TransportTypeTCP6:
	default:
		return fmt.Errorf("admin::transport must be tcp, tcp4, tcp6 or unix (got %q)", addr.Transport)
	}
	_, port, err := net.SplitHostPort(addr.Endpoint)
	if err != nil {
		return fmt.Errorf("admin::endpoint must be host:port (got %q): %w", addr.Endpoint, err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("admin::endpoint must have a port from 0 to 65535 (got %q)", addr.Endpoint)
	}
	return nil
}
