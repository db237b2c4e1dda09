// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// stubVariable makes the test binary play a collector.
const stubVariable = "TESTUTIL_STUB"

const (
	// portTaken ends as a collector whose port is taken, and runs when started again.
	portTaken = "port taken"
	// badConfig prints its arguments and ends.
	badConfig = "bad config"

	badConfigCode = 3
	stoppedCode   = 7
)

func TestMain(m *testing.M) {
	switch os.Getenv(stubVariable) {
	case portTaken:
		os.Exit(run())
	case badConfig:
		fmt.Println(os.Args[1:])
		os.Exit(badConfigCode)
	default:
		VerifyNoLeaks(m)
	}
}

// run notes its port in a file, runs from the second time on, and ends with stoppedCode on SIGTERM.
func run() int {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	notes := filepath.Join(os.Getenv("DIR"), "ports")
	before, _ := os.ReadFile(notes) // There is none the first time.
	if err := os.WriteFile(notes, []byte(string(before)+os.Getenv("PORT")+"\n"), 0o600); err != nil {
		fmt.Println(err)
		return 1
	}
	if strings.Count(string(before), "\n") == 0 {
		fmt.Println("listen tcp: bind: " + portInUse)
		return 1
	}
	fmt.Printf("listens on port %s of %s\n", os.Getenv("PORT"), "127.0.0.1")
	fmt.Println(readyLine)
	<-term
	return stoppedCode
}

func stub(t testing.TB, what string) CollectorConfig {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return CollectorConfig{Binary: program, Ports: []string{"PORT"}, Env: []string{stubVariable + "=" + what}}
}
