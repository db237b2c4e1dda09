// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/llm-guardian/otelcol-guardian/internal/sockets"
)

// States of an entry.
const (
	stateListening    = "listening"     // this process has the socket
	stateNotListening = "not_listening" // configured, but this process has no such socket
	stateUnresolved   = "unresolved"    // configured as any free port; which one cannot be told
	stateUnverified   = "unverified"    // configured; the system does not show the sockets
	stateTarget       = "target"        // the collector connects there; whether it succeeds is not checked
	stateFile         = "file"          // the collector writes there
)

// report is what listens where, what the collector reaches out to and what it
// writes, at one moment.
type report struct {
	// Verified tells that the entries were compared with the process's sockets.
	Verified bool `json:"verified"`
	// Reason says why they were not.
	Reason  string  `json:"reason,omitempty"`
	Entries []entry `json:"entries"`
}

// entry is one line of a report.
type entry struct {
	Role      string `json:"role"`
	Label     string `json:"label"`
	Address   string `json:"address"`
	State     string `json:"state"`
	Kind      string `json:"kind,omitempty"`
	Component string `json:"component,omitempty"`
	Key       string `json:"key,omitempty"`
	// Sockets are the addresses as the system has them, "/udp" after UDP ones.
	Sockets []string `json:"sockets,omitempty"`
	// AllAddresses tells that other machines can reach it too.
	AllAddresses bool `json:"all_addresses,omitempty"`
	TLS          bool `json:"tls,omitempty"`
	// Auth is the ID of the authenticator that senders must satisfy.
	Auth string `json:"auth,omitempty"`

	sdk    string // protocol of an OpenTelemetry SDK that can send here
	sdkURL string
}

// observe compares endpoints with sockets. failure is why the sockets are not
// known; nil if they are.
func observe(endpoints []endpoint, open []sockets.Socket, failure error) report {
	r := report{Verified: failure == nil, Entries: []entry{}}
	if failure != nil {
		r.Reason = failure.Error()
	}
	o := observation{endpoints: endpoints, sockets: open, free: unclaimed(endpoints, open)}
	for _, e := range endpoints {
		switch e.nature {
		case file:
			r.Entries = append(r.Entries, e.line(stateFile, e.value))
		case client:
			r.Entries = append(r.Entries, e.line(stateTarget, redactTarget(e.value)))
		case unclear:
			r.Entries = append(r.Entries, o.unclear(e))
		case server:
			r.Entries = append(r.Entries, o.server(e, r.Verified))
		}
	}
	for _, s := range o.free {
		r.Entries = append(r.Entries, entry{
			Role: roleOther, Label: "unnamed component", Address: s.String(), State: stateListening, Sockets: []string{s.String()},
		})
	}
	return r
}

// observation is what observe knows while it goes through the endpoints.
type observation struct {
	endpoints []endpoint
	sockets   []sockets.Socket
	free      []sockets.Socket // those that no endpoint has explained so far
}

// unclear tells by the sockets what an exporter's endpoint is: a port that
// nothing else explains and the exporter names is its own.
func (o *observation) unclear(e endpoint) entry {
	own := e.among(o.free)
	if len(own) == 0 {
		return e.line(stateTarget, redactTarget(e.value))
	}
	o.take(own)
	e.role = roleLook
	return e.listeningOn(own)
}

func (o *observation) server(e endpoint, verified bool) entry {
	if !verified {
		return e.entry(stateUnverified, sockets.Socket{})
	}
	if !e.anyPort() {
		if own := e.among(o.sockets); len(own) > 0 {
			return e.listeningOn(own)
		}
		return e.entry(stateNotListening, sockets.Socket{})
	}
	own := o.soleCandidate(e)
	if own == nil {
		return e.entry(stateUnresolved, sockets.Socket{})
	}
	o.take(own)
	return e.listeningOn(own)
}

func (o *observation) take(own []sockets.Socket) {
	o.free = slices.DeleteFunc(o.free, func(s sockets.Socket) bool { return slices.Contains(own, s) })
}

// soleCandidate resolves an endpoint of any free port: to the one socket that
// fits, if it fits no other such endpoint. Otherwise it returns nil.
func (o *observation) soleCandidate(e endpoint) []sockets.Socket {
	fits := func(e endpoint, s sockets.Socket) bool { return e.speaks(s) && e.hostReaches(s.Addr.Addr()) }
	candidates := slices.DeleteFunc(slices.Clone(o.free), func(s sockets.Socket) bool { return !fits(e, s) })
	if len(candidates) != 1 {
		return nil
	}
	for _, other := range o.endpoints {
		if other.key != e.key && other.nature == server && other.anyPort() && fits(other, candidates[0]) {
			return nil
		}
	}
	return candidates
}

// unclaimed returns the sockets that no server endpoint explains. A server may
// hold a socket of the other network at the same port, as Fluentd's heartbeat.
func unclaimed(endpoints []endpoint, open []sockets.Socket) []sockets.Socket {
	return slices.DeleteFunc(slices.Clone(open), func(s sockets.Socket) bool {
		return slices.ContainsFunc(endpoints, func(e endpoint) bool {
			return e.nature == server && e.reaches(s)
		})
	})
}

// among returns the sockets that the endpoint explains.
func (e endpoint) among(open []sockets.Socket) []sockets.Socket {
	return slices.DeleteFunc(slices.Clone(open), func(s sockets.Socket) bool { return !e.speaks(s) || !e.reaches(s) })
}

// speaks tells whether the socket is of the endpoint's network.
func (e endpoint) speaks(s sockets.Socket) bool {
	return e.network == s.Network || e.network == "" && s.Network != sockets.Unix
}

// reaches tells whether who connects to the endpoint's address reaches the
// socket, whatever its network.
func (e endpoint) reaches(s sockets.Socket) bool {
	if e.network == sockets.Unix || s.Network == sockets.Unix {
		return e.network == s.Network && e.path == s.Path
	}
	return e.port != 0 && e.port == s.Addr.Port() && e.hostReaches(s.Addr.Addr())
}

// hostReaches tells whether the endpoint's host leads to the address. A name
// other than localhost is not looked up: it may stand for any address, and the
// port decides.
func (e endpoint) hostReaches(addr netip.Addr) bool {
	literal, err := netip.ParseAddr(e.host)
	switch {
	case e.host == "":
		return addr.IsUnspecified()
	case e.host == "localhost":
		return addr.IsLoopback() || addr.IsUnspecified()
	case err != nil:
		return true
	case literal.IsUnspecified():
		return addr.IsUnspecified()
	default:
		return literal.Unmap().WithZone("") == addr || addr.IsUnspecified()
	}
}

// anyPort tells that the endpoint leaves the choice of the port to the system.
func (e endpoint) anyPort() bool {
	return e.network != sockets.Unix && e.port == 0
}

func (e endpoint) listeningOn(own []sockets.Socket) entry {
	line := e.entry(stateListening, own[0])
	for _, s := range own {
		line.Sockets = append(line.Sockets, s.String())
		line.AllAddresses = line.AllAddresses || s.Addr.Addr().IsUnspecified()
	}
	return line
}

// entry makes the line of an endpoint that the collector serves. bound is a
// socket of it, or the zero socket if there is none.
func (e endpoint) entry(state string, bound sockets.Socket) entry {
	line := e.line(state, e.shown(bound))
	line.TLS, line.Auth = e.secured, e.auth
	line.AllAddresses = e.network != sockets.Unix && unspecified(e.host)
	if e.sdk != "" && e.network != sockets.Unix && state != stateUnresolved {
		line.sdk, line.sdkURL = e.sdk, "http://"+e.hostPort(bound)
		if e.secured {
			line.sdkURL = "https://" + e.hostPort(bound)
		}
	}
	return line
}

// line makes the line of any endpoint.
func (e endpoint) line(state, address string) entry {
	return entry{
		Role: e.role, Label: e.label, Address: address, State: state,
		Kind: e.kind, Component: e.component, Key: e.key,
	}
}

// shown is the address as the operator can use it.
func (e endpoint) shown(bound sockets.Socket) string {
	switch {
	case e.network == sockets.Unix:
		return "unix:" + e.path
	case e.scheme != "":
		return e.scheme + "://" + e.hostPort(bound) + e.urlPath
	case cmp.Or(e.network, bound.Network) == sockets.UDP:
		return e.hostPort(bound) + "/udp"
	default:
		return e.hostPort(bound)
	}
}

// hostPort is the address as configured where that is precise, else as bound.
func (e endpoint) hostPort(bound sockets.Socket) string {
	host, port := e.host, e.port
	if bound.Addr.IsValid() {
		port = bound.Addr.Port()
		if _, err := netip.ParseAddr(host); err != nil && host != "localhost" {
			host = bound.Addr.Addr().String()
		}
	}
	if unspecified(host) {
		host = "localhost"
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// unspecified tells that a host means every address of the machine.
func unspecified(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}
