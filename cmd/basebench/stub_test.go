// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof" // the page that allocations are read from
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

const stubPrefix = "collector-that-"

// TestMain lets the test binary play the collector when it is started under a name with the prefix of a stub.
func TestMain(m *testing.M) {
	if behaviour, ok := strings.CutPrefix(filepath.Base(os.Args[0]), stubPrefix); ok {
		os.Exit(playCollector(behaviour))
	}
	goleak.VerifyTestMain(m)
}

// stub returns the path of a collector that behaves as told: forwards, loses, dies, sleeps, clashes.
func stub(t *testing.T, behaviour string) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), stubPrefix+behaviour)
	require.NoError(t, os.Symlink(self, path))
	return path
}

// playCollector passes bytes from the ports of the receivers to the sink.
func playCollector(behaviour string) (exitCode int) {
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	sinkHTTP := os.Getenv("BASEBENCH_SINK_HTTP")
	switch behaviour {
	case "clashes":
		fmt.Fprintln(os.Stderr, "listen tcp 127.0.0.1:1: bind: address already in use")
		return 1
	case "sleeps":
		<-terminated
		return 0
	case "loses":
		go http.ListenAndServe(os.Getenv("BASEBENCH_HTTP"), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	case "dies":
		go forward(os.Getenv("BASEBENCH_HTTP"), func() net.Conn { fmt.Fprintln(os.Stderr, "last words"); os.Exit(3); return nil })
	default:
		go forward(os.Getenv("BASEBENCH_HTTP"), dialer(sinkHTTP))
	}
	go forward(os.Getenv("BASEBENCH_GRPC"), dialer(os.Getenv("BASEBENCH_SINK_GRPC")))
	go forward(os.Getenv("BASEBENCH_GZIP"), dialer(os.Getenv("BASEBENCH_SINK_GRPC")))
	go http.ListenAndServe(os.Getenv("BASEBENCH_PPROF"), nil)
	<-terminated
	return 0
}

func dialer(to string) func() net.Conn {
	return func() net.Conn {
		connection, err := net.Dial("tcp", to)
		if err != nil {
			panic(err)
		}
		return connection
	}
}

func forward(from string, dial func() net.Conn) {
	listener, err := net.Listen("tcp", from)
	if err != nil {
		panic(err)
	}
	for {
		inbound, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		outbound := dial()
		go io.Copy(outbound, inbound)
		go io.Copy(inbound, outbound)
	}
}
