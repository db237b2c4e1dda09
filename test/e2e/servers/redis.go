// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package servers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Redis is a running Redis that keeps an append-only file.
type Redis struct {
	*Process
	Addr string // host:port
}

// StartRedis starts a Redis without a password.
func StartRedis(t testing.TB) *Redis {
	t.Helper()
	binary, dir := program(t, "redis-server"), t.TempDir()
	redis := new(Redis)
	redis.Process = launch(t, 1, func(ports []int) *Process {
		redis.Addr = address(ports[0])
		return &Process{
			name: "Redis",
			args: []string{
				binary, "--bind", "127.0.0.1", "--port", strconv.Itoa(ports[0]), "--dir", dir,
				"--appendonly", "yes", "--appendfsync", "always", "--save", "",
			},
			stopBy:  syscall.SIGTERM,
			ready:   redis.pongs,
			logPath: filepath.Join(dir, "redis.log"),
		}
	})
	return redis
}

// pongs is the readiness check: a server that still reads its file listens, but answers -LOADING.
func (r *Redis) pongs(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", r.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && answer != "+PONG\r\n" {
		err = fmt.Errorf("PING was answered %q", answer)
	}
	return err
}

// Do runs one command and returns the reply as redis-cli prints it.
func (r *Redis) Do(t testing.TB, command ...string) string {
	t.Helper()
	host, port, _ := strings.Cut(r.Addr, ":")
	args := append([]string{program(t, "redis-cli"), "-e", "-h", host, "-p", port}, command...)
	return strings.TrimSuffix(run(t, nil, args...), "\n")
}
