// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package servers

import (
	"errors"
	"net/http"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Alertmanager is a running Alertmanager, alone in its cluster.
type Alertmanager struct {
	*Process
	URL string
}

// ReceivedAlert is an alert that an Alertmanager holds.
type ReceivedAlert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
	Status      struct {
		State string `json:"state"` // active, suppressed or unprocessed
	} `json:"status"`
}

// StartAlertmanager starts an Alertmanager. An empty configuration routes every alert to a receiver that tells nobody.
func StartAlertmanager(t testing.TB, yaml string) *Alertmanager {
	t.Helper()
	binary, dir := program(t, "prometheus-alertmanager"), t.TempDir()
	if yaml == "" {
		yaml = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
	}
	configPath := filepath.Join(dir, "alertmanager.yml")
	writeFile(t, configPath, yaml)

	var base string
	p := launch(t, 1, func(ports []int) *Process {
		base = "http://" + address(ports[0])
		return &Process{
			name: "Alertmanager",
			args: []string{
				binary,
				"--config.file=" + configPath,
				"--storage.path=" + filepath.Join(dir, "data"),
				"--web.listen-address=" + address(ports[0]),
				"--cluster.listen-address=",
			},
			stopBy:  syscall.SIGTERM,
			ready:   answers(base + "/-/ready"),
			logPath: filepath.Join(dir, "alertmanager.log"),
		}
	})
	return &Alertmanager{Process: p, URL: base}
}

// Alerts returns the alerts that have not ended.
func (a *Alertmanager) Alerts(t testing.TB) []ReceivedAlert {
	t.Helper()
	var alerts []ReceivedAlert
	getJSON(t, a.URL+"/api/v2/alerts", &alerts)
	return alerts
}

// Post hands over alerts in the form of POST /api/v2/alerts.
func (a *Alertmanager) Post(t testing.TB, alertsJSON string) {
	t.Helper()
	_, err := call(t.Context(), http.MethodPost, a.URL+"/api/v2/alerts", "application/json", []byte(alertsJSON))
	require.NoError(t, err)
}

// Amtool runs Alertmanager's own tool and returns what it printed, and whether it succeeded.
func Amtool(t testing.TB, args ...string) (output string, ok bool) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program(t, "amtool"), args...).CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		require.NoError(t, err)
	}
	return string(out), err == nil
}
