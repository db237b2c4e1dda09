// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package sockets says on which addresses a process can be reached, by what the
// system shows of its sockets.
package sockets

import "net/netip"

// Networks of a Socket.
const (
	TCP  = "tcp"
	UDP  = "udp"
	Unix = "unix"
)

// Socket is one socket of a process that waits for others to send: a
// listening TCP or Unix Socket, or a UDP socket that is bound to no peer.
type Socket struct {
	Network string         // TCP, UDP or Unix
	Addr    netip.AddrPort // of TCP and UDP; an IPv4 address is never mapped into IPv6
	Path    string         // of Unix
}

// String gives the address as a person writes it, with /udp or unix: where it is no TCP address.
func (s Socket) String() string {
	switch s.Network {
	case Unix:
		return "unix:" + s.Path
	case UDP:
		return s.Addr.String() + "/udp"
	default:
		return s.Addr.String()
	}
}
