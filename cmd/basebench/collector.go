// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
)

const (
	goMemLimit = "450MiB" // below limit_mib of collector.yaml
	stopLimit  = 10 * time.Second
)

//go:embed collector.yaml
var collectorConfig string

// errPortTaken says that another process took a port between our choice and the collector's use of it.
var errPortTaken = errors.New("a port of the collector was taken")

// collector is a running child process.
type collector struct {
	alive     context.Context // ends when the process does, with the reason as its cause
	terminate context.CancelFunc
	process   *exec.Cmd
	log       tail
	endpoints []string // of the receivers, by route
	pprof     string   // endpoint
}

// startCollector starts the binary with a configuration, and variables for it, on the collector's core, with the sink as its destination. It does not wait until
// it is ready.
func startCollector(ctx context.Context, binary, config string, cores cores, sink *otlpload.Sink, env ...string) (*collector, error) {
	ports, err := freePorts(len(routes) + 2)
	if err != nil {
		return nil, err
	}
	ctx, terminate := context.WithCancel(ctx)
	c := &collector{terminate: terminate, endpoints: ports[:len(routes)], pprof: ports[len(routes)]}
	_, metricsPort, _ := strings.Cut(ports[len(routes)+1], ":")

	c.process = exec.CommandContext(ctx, binary, "--config", "env:BASEBENCH_CONFIG")
	c.process.Env = []string{
		"GOMAXPROCS=1", "GOMEMLIMIT=" + goMemLimit,
		"BASEBENCH_CONFIG=" + config,
		"BASEBENCH_GRPC=" + c.endpoints[grpcRoute], "BASEBENCH_GZIP=" + c.endpoints[gzipRoute], "BASEBENCH_HTTP=" + c.endpoints[httpRoute],
		"BASEBENCH_PPROF=" + c.pprof, "BASEBENCH_METRICS_PORT=" + metricsPort,
		"BASEBENCH_SINK_GRPC=" + sink.GRPCEndpoint(), "BASEBENCH_SINK_HTTP=" + sink.HTTPEndpoint(),
	}
	c.process.Env = append(c.process.Env, env...)
	c.process.Stdout, c.process.Stderr = &c.log, &c.log
	c.process.Cancel = func() error { return c.process.Process.Signal(syscall.SIGTERM) }
	c.process.WaitDelay = stopLimit // SIGKILL follows.
	if err := cores.startPinned(c.process); err != nil {
		terminate()
		return nil, fmt.Errorf("cannot start %q: %w", binary, err)
	}
	alive, died := context.WithCancelCause(context.WithoutCancel(ctx))
	c.alive = alive
	go func() { died(c.obituary(c.process.Wait())) }()
	return c, nil
}

// obituary says why the process ended. The error wraps context.Canceled if and only if it obeyed our SIGTERM.
func (c *collector) obituary(exit error) error {
	if errors.Is(exit, context.Canceled) {
		return fmt.Errorf("the collector was stopped: %w", exit)
	}
	if exit == nil {
		exit = errors.New("exit status 0")
	}
	log := c.log.String()
	if strings.Contains(log, "address already in use") {
		exit = errors.Join(errPortTaken, exit)
	}
	return fmt.Errorf("the collector died: %w; the end of its log:\n%s", exit, log)
}

// stop ends the process and returns an error if it did not live until now, or did not end by itself within a time limit.
func (c *collector) stop() error {
	c.terminate()
	<-c.alive.Done()
	if cause := context.Cause(c.alive); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

func (c *collector) pid() int { return c.process.Process.Pid }

// rest leaves the process alone for a while and returns an error if it died.
func (c *collector) rest(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-c.alive.Done():
		return context.Cause(c.alive)
	}
}

// allocations are what a process has ever allocated on its heap.
type allocations struct {
	count, bytes uint64
}

var (
	mallocs    = regexp.MustCompile(`(?m)^# Mallocs = (\d+)$`)
	totalAlloc = regexp.MustCompile(`(?m)^# TotalAlloc = (\d+)$`)
)

// allocations reads the counters from the text form of the collector's heap profile. Reading allocates too, some five thousand
// times, which is little beside the tens of allocations per item of a whole window.
func (c *collector) allocations() (allocations, error) {
	text, err := httpGet(c.alive, "http://"+c.pprof+"/debug/pprof/allocs?debug=1")
	if err != nil {
		return allocations{}, fmt.Errorf("cannot read the collector's heap profile: %w", err)
	}
	var a allocations
	for field, into := range map[*regexp.Regexp]*uint64{mallocs: &a.count, totalAlloc: &a.bytes} {
		match := field.FindSubmatch(text)
		if match == nil {
			return allocations{}, fmt.Errorf("no %v in the collector's heap profile", field)
		}
		if *into, err = strconv.ParseUint(string(match[1]), 10, 64); err != nil {
			return allocations{}, fmt.Errorf("cannot read the collector's heap profile: %w", err)
		}
	}
	return a, nil
}

// httpGet fetches a page over a connection of its own.
func httpGet(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	return body, errors.Join(err, response.Body.Close())
}

// freePorts returns n loopback endpoints that nobody listens on.
func freePorts(n int) ([]string, error) {
	var endpoints []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("cannot find a free port: %w", err)
		}
		defer func() { _ = l.Close() }() // All stay open until the last is found, so that they differ.
		endpoints = append(endpoints, l.Addr().String())
	}
	return endpoints, nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailLength = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailLength):]
	return len(p), nil
}

// String returns what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
