// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sockets

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestListening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own socket")
	var config net.ListenConfig
	tcp4, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer tcp4.Close()
	everywhere, err := config.Listen(t.Context(), "tcp", ":0")
	require.NoError(t, err)
	defer everywhere.Close()
	udp4, err := config.ListenPacket(t.Context(), "udp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer udp4.Close()
	local, err := config.Listen(t.Context(), "unix", path)
	require.NoError(t, err)
	defer local.Close()

	// Connected sockets have addresses of their own, which are not for others.
	client, err := net.Dial("tcp", tcp4.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	resolver, err := net.Dial("udp", udp4.LocalAddr().String())
	require.NoError(t, err)
	defer resolver.Close()

	sockets, err := Listening(os.Getpid())
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{
		tcp4.Addr().String(),
		netip.AddrPortFrom(anyAddress(everywhere), port(everywhere.Addr())).String(),
		udp4.LocalAddr().String() + "/udp",
		"unix:" + path,
	}, shownSockets(sockets))

	require.NoError(t, tcp4.Close())
	sockets, err = Listening(os.Getpid())
	require.NoError(t, err)
	assert.NotContains(t, shownSockets(sockets), tcp4.Addr().String())
	assert.Len(t, sockets, 3)
}

// anyAddress is how the system shows a listener on every address, which depends
// on whether it has IPv6.
func anyAddress(l net.Listener) netip.Addr {
	return netip.MustParseAddrPort(l.Addr().String()).Addr()
}

func port(addr net.Addr) uint16 {
	return netip.MustParseAddrPort(addr.String()).Port()
}

func shownSockets(sockets []Socket) []string {
	var shown []string
	for _, s := range sockets {
		shown = append(shown, s.String())
	}
	return shown
}

func TestParseAddr(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, err := parseAddr(text)
		require.NoError(t, err)
		assert.Equal(t, want, got.String())
	}
	// These words are as a little-endian machine prints them, like all that we build for.
	f("0100007F:10DD", "127.0.0.1:4317")
	f("00000000:0016", "0.0.0.0:22")
	f("00000000000000000000000000000000:0016", "[::]:22")
	f("00000000000000000000000001000000:0016", "[::1]:22")
	f("0000000000000000FFFF00000100007F:0016", "127.0.0.1:22")
	f("B80D0120000000000000000001000000:FFFF", "[2001:db8::1]:65535")
}

func TestParseAddrRefusesWhatIsNone(t *testing.T) {
	f := func(text string) {
		t.Helper()
		_, err := parseAddr(text)
		assert.Error(t, err)
	}
	f("")
	f("local_address")
	f("0100007F")
	f("0100007F:")
	f("0100007F:10DDD")
	f("0100007:10DD")
	f("0100007F0100007F:10DD")
	f("0100007G:10DD")
}

// Whatever stands in a table, a line is either left out or is a socket that can
// be printed.
func FuzzTableLines(f *testing.F) {
	f.Add("   0: 0100007F:10DD 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 133 1 0 100 0 0 10 0")
	f.Add("   1: 0100007F:1AAF 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 134 2 0 0")
	f.Add("0000000030de3924: 00000002 00000000 00010000 0001 01 98828 /run/a b.sock")
	f.Add("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode")
	f.Add("Num       RefCount Protocol Flags    Type St Inode Path")
	f.Fuzz(func(t *testing.T, line string) {
		fields := strings.Fields(line)
		for network, parse := range map[string]func([]string) (Socket, string, bool){
			TCP: inetSocket(TCP, tcpListening), UDP: inetSocket(UDP, udpNoPeer), Unix: unixSocket,
		} {
			s, inode, ok := parse(fields)
			if !ok {
				assert.Zero(t, s)
				continue
			}
			assert.Equal(t, network, s.Network)
			assert.NotEmpty(t, inode)
			assert.Equal(t, network == Unix, s.Path != "")
			assert.Equal(t, network != Unix, s.Addr.IsValid())
		}
	})
}
