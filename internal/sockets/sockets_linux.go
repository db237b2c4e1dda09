// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sockets

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A line of the kernel's socket tables, split at blanks, has the fields that
// these indexes name; see proc(5).
const (
	inetLocal, inetState, inetInode          = 1, 3, 9
	unixFlags, unixType, unixInode, unixPath = 3, 4, 6, 7
)

const (
	tcpListening = "0A"
	udpNoPeer    = "07"

	unixAccepting = 0x10000 // __SO_ACCEPTCON
	unixDatagram  = "0002"
)

// Listening lists the sockets of a process on which others can reach it. The
// tables of the kernel are those of the process's network namespace; the inodes
// of its file descriptors pick its sockets out of them. It needs the rights to
// look at the process: those of its user.
func Listening(pid int) ([]Socket, error) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	inodes, err := socketInodes(proc)
	if err != nil {
		return nil, fmt.Errorf("cannot list the file descriptors of process %d: %w", pid, err)
	}
	var sockets []Socket
	for _, table := range []struct {
		file  string
		parse func(fields []string) (Socket, string, bool)
	}{
		{"tcp", inetSocket(TCP, tcpListening)},
		{"tcp6", inetSocket(TCP, tcpListening)},
		{"udp", inetSocket(UDP, udpNoPeer)},
		{"udp6", inetSocket(UDP, udpNoPeer)},
		{"unix", unixSocket},
	} {
		content, err := os.ReadFile(filepath.Join(proc, "net", table.file))
		if errors.Is(err, os.ErrNotExist) {
			continue // A kernel without IPv6 has no such table.
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read a table of sockets: %w", err)
		}
		lines := bufio.NewScanner(bytes.NewReader(content))
		for lines.Scan() {
			if s, inode, ok := table.parse(strings.Fields(lines.Text())); ok && inodes[inode] {
				sockets = append(sockets, s)
			}
		}
	}
	return sockets, nil
}

// socketInodes returns the inodes of the sockets among a process's descriptors.
func socketInodes(proc string) (map[string]bool, error) {
	dir := filepath.Join(proc, "fd")
	descriptors, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	inodes := map[string]bool{}
	for _, d := range descriptors {
		target, err := os.Readlink(filepath.Join(dir, d.Name()))
		if err != nil {
			continue // Closed since the folder was read.
		}
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return inodes, nil
}

func inetSocket(network, state string) func([]string) (Socket, string, bool) {
	return func(fields []string) (Socket, string, bool) {
		if len(fields) <= inetInode || fields[inetState] != state {
			return Socket{}, "", false
		}
		addr, err := parseAddr(fields[inetLocal])
		if err != nil {
			return Socket{}, "", false // The line that names the columns.
		}
		return Socket{Network: network, Addr: addr}, fields[inetInode], true
	}
}

// parseAddr reads an address as the kernel prints it: words of 32 bits, each in
// the byte order of the machine, then the port, all in hexadecimal.
func parseAddr(s string) (netip.AddrPort, error) {
	words, portText, _ := strings.Cut(s, ":")
	port, err := strconv.ParseUint(portText, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("cannot read the port of %q: %w", s, err)
	}
	var raw []byte
	for ; len(words) >= 8; words = words[8:] {
		word, err := strconv.ParseUint(words[:8], 16, 32)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("cannot read the address of %q: %w", s, err)
		}
		raw = binary.NativeEndian.AppendUint32(raw, uint32(word))
	}
	addr, ok := netip.AddrFromSlice(raw)
	if !ok || words != "" {
		return netip.AddrPort{}, fmt.Errorf("cannot read the address of %q: got %d bytes; want 4 or 16", s, len(raw))
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}

func unixSocket(fields []string) (Socket, string, bool) {
	if len(fields) <= unixPath {
		return Socket{}, "", false // A client's socket has no path.
	}
	flags, err := strconv.ParseUint(fields[unixFlags], 16, 32)
	if err != nil {
		return Socket{}, "", false // The line that names the columns.
	}
	if flags&unixAccepting == 0 && fields[unixType] != unixDatagram {
		return Socket{}, "", false
	}
	return Socket{Network: Unix, Path: strings.Join(fields[unixPath:], " ")}, fields[unixInode], true
}
