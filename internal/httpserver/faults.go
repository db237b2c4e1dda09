// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package httpserver

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/confignet"
)

// algorithms are those of confighttp's decoders. For another one it has none, and calls it nevertheless.
var algorithms = []string{"", "gzip", "zstd", "zlib", "deflate", "snappy", "lz4", "x-snappy-framed"}

// Faults says what is wrong with the endpoint, the transport, the compression, and those timeouts that may be 0. Each fault has the key,
// which prefix stands before, the rule and the value.
func Faults(prefix string, c *confighttp.ServerConfig) (faults []error) {
	fault := func(key, format string, values ...any) {
		faults = append(faults, fmt.Errorf(prefix+key+" "+format, values...))
	}
	addressFault(&c.NetAddr, fault)
	for _, timeout := range []struct {
		key   string
		value time.Duration
	}{{"read_header_timeout", c.ReadHeaderTimeout}, {"write_timeout", c.WriteTimeout}, {"idle_timeout", c.IdleTimeout}} {
		if timeout.value < 0 {
			fault(timeout.key, "must not be negative (got %s)", timeout.value)
		}
	}
	if slices.ContainsFunc(c.CompressionAlgorithms, func(name string) bool { return !slices.Contains(algorithms, name) }) {
		fault("compression_algorithms", "must be among %q (got %q)", algorithms, c.CompressionAlgorithms)
	}
	return faults
}

func addressFault(address *confignet.AddrConfig, fault func(key, format string, values ...any)) {
	if address.Endpoint == "" {
		fault("endpoint", "is required: host:port, or the path of a unix socket")
		return
	}
	switch address.Transport {
	case confignet.TransportTypeUnix:
		return
	case confignet.TransportTypeTCP, confignet.TransportTypeTCP4, confignet.TransportTypeTCP6:
	default:
		fault("transport", "must be tcp, tcp4, tcp6 or unix (got %q)", address.Transport)
		return
	}
	_, port, err := net.SplitHostPort(address.Endpoint)
	if err != nil {
		fault("endpoint", "must be host:port (got %q): %w", address.Endpoint, err)
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		fault("endpoint", "must have a port from 0 to 65535 (got %q)", address.Endpoint)
	}
}
