// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/llm-guardian/otelcol-guardian/internal/sockets"
)

var urlScheme = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*$`)

// hidden stands for an address that cannot be told from the secrets in it.
const hidden = "(address not shown)"

// redactTarget reduces an address that the collector connects to to what tells
// the operator where: scheme, host and port. User names, passwords, queries and
// paths go, because each is a place where people put tokens.
func redactTarget(address string) string {
	if strings.HasPrefix(address, "/") {
		return cutAny(address, "?#") // A Unix socket.
	}
	scheme, rest, isURL := strings.Cut(address, "://")
	if isURL && !urlScheme.MatchString(scheme) {
		return hidden
	}
	if isURL && scheme == sockets.Unix {
		return "unix:" + cutAny(rest, "?#")
	}
	if !isURL {
		scheme, rest = "", address
	}
	if isURL && rest != "" && rest[0] == '/' { // A gRPC resolver, as in dns:///host:port.
		scheme, rest = scheme+":///", rest[1:]
	} else if isURL {
		scheme += "://"
	}
	authority := cutAny(rest, "/?#")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[at+1:]
	}
	// A password with an unescaped delimiter leaves its rest, and the "@" that
	// ends it, behind what looked like the host.
	if strings.Contains(rest[len(cutAny(rest, "/?#")):], "@") || authority == "" {
		return hidden
	}
	if _, err := url.Parse("//" + authority); err != nil {
		return hidden
	}
	return scheme + authority
}

// cutAny returns s up to the first of the characters.
func cutAny(s, characters string) string {
	if i := strings.IndexAny(s, characters); i >= 0 {
		return s[:i]
	}
	return s
}
