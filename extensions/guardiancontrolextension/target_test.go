// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRedactTarget(t *testing.T) {
	f := func(address, want string) {
		t.Helper()
		assert.Equal(t, want, redactTarget(address), address)
	}
	f("db:5432", "db:5432")
	f("host", "host")
	f("[::1]:5432", "[::1]:5432")
	f("http://es:9200", "http://es:9200")
	f("https://hooks.example/services/T0/secret", "https://hooks.example")
	f("https://user:secret@es:9200/path?token=secret#secret", "https://es:9200")
	f("user:secret@redis:6379", "redis:6379")
	f("redis:6379?password=secret", "redis:6379")
	f("dns:///jaeger:4317", "dns:///jaeger:4317")
	f("unix:///var/run/docker.sock", "unix:/var/run/docker.sock")
	f("/var/run/docker.sock", "/var/run/docker.sock")
	f("https://user:sec/ret@es:9200", hidden)
	f("user:se://cret@es:9200", hidden)
	f("user:secret", hidden)
	f("https://", hidden)
	f("", hidden)
}

// A password in the place for passwords is never shown, whatever is in it, and
// what is shown has no place left that could hold one.
func FuzzRedactTarget(f *testing.F) {
	for _, password := range []string{"secret", "sec/ret", "//secret", "se@cret", "se://cret", "se?cret#", "", "\n", "%2F"} {
		f.Add(password)
	}
	f.Fuzz(func(t *testing.T, password string) {
		assert.Contains(t, []string{hidden, "https://host:1"}, redactTarget("https://user:"+password+"@host:1/path?key="+password))
		// The user's name is taken for a scheme if the password begins with "//".
		assert.Contains(t, []string{hidden, "host:1", "user://host:1", "user:///host:1"}, redactTarget("user:"+password+"@host:1"))
		if shown := redactTarget(password); shown != hidden && !strings.HasPrefix(shown, "/") && !strings.HasPrefix(shown, "unix:") {
			assert.False(t, strings.ContainsAny(shown, "@?#"), shown)
			assert.Equal(t, shown, redactTarget(shown))
		}
	})
}
