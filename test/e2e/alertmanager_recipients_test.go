// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/servers"
)

// Secrets, each in the file that the routing reads it from.
const (
	slackPath        = "/services/T0/B0/slack-secret"
	pagerdutyKey     = "pagerduty-secret"
	smtpPassword     = "smtp-secret"
	remediationToken = "remediation-secret"
)

// recipients stand in for Slack, PagerDuty, a mail server and a remediation controller, and keep what they are told.
type recipients struct {
	web  *httptest.Server
	mail string // address

	mu        sync.Mutex
	slack     []slackMessage
	pagerduty []map[string]any
	webhook   []map[string]any
	letters   []string
	faults    []string
}

// slackMessage is what an incoming webhook of Slack is sent.
type slackMessage struct {
	Channel     string `json:"channel"`
	Username    string `json:"username"`
	Attachments []struct {
		Title     string `json:"title"`
		TitleLink string `json:"title_link"`
		Text      string `json:"text"`
		Fallback  string `json:"fallback"`
		Color     string `json:"color"`
		Footer    string `json:"footer,omitempty"`
		Markdown  any    `json:"mrkdwn_in,omitempty"`
	} `json:"attachments"`
}

func startRecipients(t *testing.T) *recipients {
	t.Helper()
	r := &recipients{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+slackPath, func(w http.ResponseWriter, request *http.Request) {
		var m slackMessage
		r.keep(request, &m, func() { r.slack = append(r.slack, m) })
		_, _ = fmt.Fprint(w, "ok")
	})
	mux.HandleFunc("POST /v2/enqueue", func(w http.ResponseWriter, request *http.Request) {
		var m map[string]any
		r.keep(request, &m, func() { r.pagerduty = append(r.pagerduty, m) })
		w.WriteHeader(http.StatusAccepted)
		_, _ = fmt.Fprint(w, `{"status":"success"}`)
	})
	mux.HandleFunc("POST /alerts", func(_ http.ResponseWriter, request *http.Request) {
		var m map[string]any
		r.keep(request, &m, func() { r.webhook = append(r.webhook, m) })
		if got := request.Header.Get("Authorization"); got != "Bearer "+remediationToken {
			r.fault("the remediation webhook is sent Authorization: %s", got)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, request *http.Request) {
		r.fault("a request for %s %s", request.Method, request.URL)
		w.WriteHeader(http.StatusNotFound)
	})
	r.web = httptest.NewServer(mux)
	t.Cleanup(r.web.Close)
	r.startMail(t)
	return r
}

func (r *recipients) keep(request *http.Request, into any, keep func()) {
	body, err := io.ReadAll(request.Body)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		r.fault("%s: %s: %s", request.URL, err, body)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	keep()
}

func (r *recipients) fault(format string, arguments ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, fmt.Sprintf(format, arguments...))
}

// startMail starts a mail server that asks for a password.
func (r *recipients) startMail(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.mail = listener.Addr().String()
	var running sync.WaitGroup
	running.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return // closed
			}
			running.Go(func() {
				defer connection.Close()
				r.serveMail(connection)
			})
		}
	})
	t.Cleanup(func() {
		assert.NoError(t, listener.Close())
		running.Wait()
	})
}

// serveMail speaks as much SMTP as a client needs that sends a letter.
func (r *recipients) serveMail(connection net.Conn) {
	lines := bufio.NewScanner(connection)
	say := func(text string) { _, _ = fmt.Fprint(connection, text+"\r\n") }
	say("220 stand-in")
	for lines.Scan() {
		verb, argument, _ := strings.Cut(lines.Text(), " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			say("250-stand-in")
			say("250 AUTH PLAIN")
		case "AUTH":
			plain, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(argument, "PLAIN "))
			if want := "\x00alertmanager@example.com\x00" + smtpPassword; string(plain) != want {
				r.fault("the mail server is given %q", plain)
			}
			say("235 welcome")
		case "DATA":
			say("354 go on")
			var letter strings.Builder
			for lines.Scan() && lines.Text() != "." {
				letter.WriteString(lines.Text() + "\n")
			}
			r.mu.Lock()
			r.letters = append(r.letters, letter.String())
			r.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// told gives a copy of what everybody was told so far.
func (r *recipients) told() (slack []slackMessage, pagerduty, webhook []map[string]any, letters []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.slack), slices.Clone(r.pagerduty), slices.Clone(r.webhook), slices.Clone(r.letters)
}

func (r *recipients) noFaults(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	assert.Empty(t, r.faults)
}

// routing is the shipped configuration of Alertmanager with the addresses of the recipients, secrets in files, and intervals of
// seconds. Nothing else is changed: what is replaced must be there.
func routing(t *testing.T, r *recipients) string {
	t.Helper()
	folder := filepath.Join(testutil.Root(t), "monitoring", "alertmanager")
	text, err := os.ReadFile(filepath.Join(folder, "alertmanager.yml"))
	require.NoError(t, err)
	secrets := t.TempDir()
	for name, secret := range map[string]string{
		"slack_api_url": r.web.URL + slackPath, "smtp_password": smtpPassword, "pagerduty_routing_key": pagerdutyKey, "remediation_token": remediationToken,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(secrets, name), []byte(secret), 0o600))
	}
	yaml := string(text)
	for old, replacement := range map[string]string{
		"/etc/alertmanager/secrets/":                secrets + "/",
		"templates/*.tmpl":                          filepath.Join(folder, "templates", "*.tmpl"),
		"smtp.example.com:587":                      r.mail + "\n  smtp_require_tls: false\n  pagerduty_url: " + r.web.URL + "/v2/enqueue",
		"http://remediation.example:8080/alerts":    r.web.URL + "/alerts",
		"group_wait: 10s\n  group_interval: 10s":    "group_wait: 2s\n  group_interval: 2s",
		"group_wait: 30s\n      group_interval: 5m": "group_wait: 2s\n      group_interval: 2s",
	} {
		require.Contains(t, yaml, old)
		yaml = strings.ReplaceAll(yaml, old, replacement)
	}
	return yaml
}

func startRouting(t *testing.T) (*servers.Alertmanager, *recipients) {
	t.Helper()
	r := startRecipients(t)
	return servers.StartAlertmanager(t, routing(t, r)), r
}
