// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// processInfo is what the system says of a process. What cannot be read, as
// from inside a container, is empty.
type processInfo struct {
	start      string // tells a process from a later one with the same number
	executable string
	command    string
	podUID     string
	container  string
}

// processTable looks processes up in the background. It remembers those that
// were asked for in the last scrape, and no others.
type processTable struct {
	root  string // of the proc file system
	wake  chan map[uint32]struct{}
	done  chan struct{}
	begun bool

	wanted map[uint32]struct{} // the caller's

	mu    sync.RWMutex
	known map[uint32]processInfo
}

func newProcessTable(root string) *processTable {
	return &processTable{root: root, wake: make(chan map[uint32]struct{}, 1), done: make(chan struct{}), wanted: map[uint32]struct{}{}}
}

// lookup gives what is known of a process. One that is new is known in the next scrape.
func (t *processTable) lookup(pid uint32) (processInfo, bool) {
	t.wanted[pid] = struct{}{}
	t.mu.RLock()
	defer t.mu.RUnlock()
	info, known := t.known[pid]
	return info, known
}

// refresh looks up those that were asked for since the last call, unless the
// last refresh is still under way.
func (t *processTable) refresh() {
	select {
	case t.wake <- t.wanted:
		t.wanted = make(map[uint32]struct{}, len(t.wanted))
	default:
	}
}

func (t *processTable) start(ctx context.Context) {
	t.begun = true
	go func() {
		defer close(t.done)
		for {
			select {
			case <-ctx.Done():
				return
			case wanted := <-t.wake:
				t.update(wanted)
			}
		}
	}()
}

// wait returns when the goroutine has ended.
func (t *processTable) wait() {
	if t.begun {
		<-t.done
	}
}

func (t *processTable) update(wanted map[uint32]struct{}) {
	known := make(map[uint32]processInfo, len(wanted))
	for pid := range wanted {
		t.mu.RLock()
		info, found := t.known[pid]
		t.mu.RUnlock()
		if start := t.startTime(pid); !found || info.start != start {
			info = t.read(pid)
			info.start = start
		}
		known[pid] = info
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known = known
}

// maxCommand bounds what is kept of a command line.
const maxCommand = 4096

func (t *processTable) read(pid uint32) processInfo {
	command := t.file(pid, "cmdline")
	command = command[:min(len(command), maxCommand)]
	info := processInfo{
		executable: strings.TrimSpace(string(t.file(pid, "comm"))),
		command:    string(bytes.TrimSpace(bytes.ReplaceAll(command, []byte{0}, []byte{' '}))),
	}
	info.podUID, info.container = parseCgroup(string(t.file(pid, "cgroup")))
	return info
}

// startTime is field 22 of stat, counted after the name, which may hold anything.
func (t *processTable) startTime(pid uint32) string {
	stat := t.file(pid, "stat")
	_, rest, found := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " ")
	fields := strings.Fields(rest)
	const afterName = 22 - 3
	if !found || len(fields) <= afterName {
		return ""
	}
	return fields[afterName]
}

// file gives what there is of a file of a process.
func (t *processTable) file(pid uint32, name string) []byte {
	body, err := os.ReadFile(filepath.Join(t.root, strconv.FormatUint(uint64(pid), 10), name))
	if err != nil {
		return nil
	}
	return body
}

const (
	uidLength       = 36
	containerLength = 64
)

// parseCgroup finds the pod and the container in the control groups of a
// process, as the kubelet names them under cgroup v1 and v2 and with systemd.
func parseCgroup(text string) (podUID, container string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		at := strings.LastIndex(line, "pod")
		if at < 0 || !strings.Contains(line, "kubepods") || len(line) < at+3+uidLength {
			continue
		}
		uid := strings.ReplaceAll(line[at+3:at+3+uidLength], "_", "-")
		if !isUID(uid) {
			continue
		}
		name := strings.TrimSuffix(filepath.Base(line), ".scope")
		if cut := strings.LastIndexByte(name, '-'); cut >= 0 {
			name = name[cut+1:]
		}
		if len(name) != containerLength || !isHex(name) {
			name = ""
		}
		return uid, name
	}
	return "", ""
}

// isUID says whether a text has the form of a pod's UID.
func isUID(text string) bool {
	for i, part := range strings.Split(text, "-") {
		lengths := []int{8, 4, 4, 4, 12}
		if i >= len(lengths) || len(part) != lengths[i] || !isHex(part) {
			return false
		}
	}
	return strings.Count(text, "-") == 4
}

func isHex(text string) bool {
	return strings.Trim(text, "0123456789abcdef") == ""
}
