// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// wantURL are the exporters whose endpoint is a URL. They start with anything
// else as well, and then fail with every request.
var wantURL = map[string]bool{"otlp_http": true, "influxdb": true, "prometheus_remote_write": true}

// misaddressed names every endpoint that nothing can ever be sent to.
func misaddressed(endpoints []endpoint) error {
	var errs []error
	for _, e := range endpoints {
		if rule := e.misaddressed(); rule != "" {
			errs = append(errs, fmt.Errorf("%s %s (got %q)", e.key, rule, redactTarget(e.value)))
		}
	}
	return errors.Join(errs...)
}

// misaddressed gives the rule that an endpoint breaks, or "".
func (e endpoint) misaddressed() string {
	typ, _, _ := strings.Cut(e.component, "/")
	switch {
	case e.nature == file || e.value == "":
		return "" // Whether an address may be missing is for the component to say.
	case strings.Contains(e.value, "://"):
		if address, err := url.Parse(e.value); err != nil || address.Host == "" && address.Path == "" || !validPort(address.Port()) {
			return "must be a URL with a host and a port up to 65535"
		}
		return ""
	case e.kind == "exporter" && wantURL[typ]:
		return "must be a URL, such as http://host:port"
	case !validPort(e.value[strings.LastIndexByte(e.value, ':')+1:]):
		return "must have a port up to 65535"
	default:
		return ""
	}
}

// validPort tells whether a text that is a number is one that a port can have.
// Other texts are names, which the system knows or not.
func validPort(text string) bool {
	for _, r := range text {
		if r < '0' || r > '9' {
			return true
		}
	}
	_, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil
}
