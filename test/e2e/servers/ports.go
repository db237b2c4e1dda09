// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package servers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ports are picked below Linux' ephemeral range (32768 and up). Above it, a client that keeps dialling a stopped server
// can be given the very port that it dials as its own, connect to itself, and keep the server from coming back.
const (
	firstPort = 20000
	lastPort  = 32000
)

// freePorts returns n different loopback TCP ports that nobody listens on.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, 0, n)
	for range 1000 {
		if len(ports) == n {
			return ports
		}
		listener, err := net.Listen("tcp", address(firstPort+rand.IntN(lastPort-firstPort)))
		if err != nil {
			continue
		}
		// Held until all are picked: they differ.
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	require.Len(t, ports, n, "no free ports between %d and %d", firstPort, lastPort)
	return ports
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
