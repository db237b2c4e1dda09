// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"go.opentelemetry.io/collector/component"
)

const (
	// Some components open their sockets in a goroutine after their Start; an
	// endpoint that is not open by then is reported as it is.
	bindTimeout  = 2 * time.Second
	bindInterval = 50 * time.Millisecond

	// A line names so many addresses of one component and counts the rest.
	maxAddresses = 4
)

// groups are the roles in the order of the lines, with their titles.
var groups = []struct{ role, title string }{
	{roleSend, "Send to"},
	{roleCollect, "Collect from"},
	{roleLook, "Look at"},
	{roleDeliver, "Deliver to"},
	{roleConnect, "Connect to"},
	{roleOther, "Other"},
}

// announce waits until every configured socket is open, for bindTimeout at
// most, and then writes the start-up lines in one write. The first look comes
// after one interval, so that the lines stand below the collector's own
// start-up log. It returns the context's error if that ends the wait.
func announce(ctx context.Context, out io.Writer, info component.BuildInfo, listening func() report) error {
	ticker := time.NewTicker(bindInterval)
	defer ticker.Stop()
	var now report
	for range bindTimeout / bindInterval {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		if now = listening(); now.settled() {
			break
		}
	}
	if _, err := io.WriteString(out, lines(info, now)); err != nil {
		return fmt.Errorf("cannot write the start-up lines: %w", err)
	}
	return nil
}

// settled tells that no configured socket is missing. An endpoint of any free
// port has its own once there is an unexplained one for it.
func (r report) settled() bool {
	missing, unexplained := 0, 0
	for _, e := range r.Entries {
		switch {
		case e.State == stateNotListening:
			return false
		case e.State == stateUnresolved:
			missing++
		case e.Role == roleOther:
			unexplained++
		}
	}
	return missing <= unexplained
}

// lines renders a report for a person.
func lines(info component.BuildInfo, r report) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s is ready.\n", info.Command, info.Version)
	if !r.Verified {
		fmt.Fprintf(&text, "  Addresses are as configured, not verified: %s.\n", r.Reason)
	}
	// Writes to memory do not fail.
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, group := range groups {
		title := group.title
		for _, line := range groupLines(r.Entries, group.role) {
			_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\n", title, line.label, line.addresses)
			title = ""
		}
	}
	if hint := tryLine(r.Entries); hint != "" {
		_, _ = fmt.Fprintf(table, "  Try\t%s\n", hint)
	}
	_ = table.Flush()
	return text.String()
}

type labelledLine struct{ label, addresses string }

// groupLines joins the addresses of a role that share their label.
func groupLines(entries []entry, role string) []labelledLine {
	var labels []string
	addresses := map[string][]string{}
	for _, e := range entries {
		if e.Role != role {
			continue
		}
		if addresses[e.Label] == nil {
			labels = append(labels, e.Label)
		}
		if shown := e.Address + e.notes(); !slices.Contains(addresses[e.Label], shown) {
			addresses[e.Label] = append(addresses[e.Label], shown)
		}
	}
	var all []labelledLine
	for _, label := range labels {
		named := addresses[label]
		if more := len(named) - maxAddresses; more > 0 {
			named = append(named[:maxAddresses:maxAddresses], fmt.Sprintf("and %d more", more))
		}
		all = append(all, labelledLine{label, strings.Join(named, ", ")})
	}
	return all
}

// notes says what the address alone does not.
func (e entry) notes() string {
	var notes []string
	switch e.State {
	case stateNotListening:
		notes = append(notes, "configured, not listening")
	case stateUnresolved:
		notes = append(notes, "any free port, see Other")
	}
	if e.AllAddresses {
		notes = append(notes, "on all addresses")
	}
	if e.TLS && !strings.HasPrefix(e.Address, "https:") {
		notes = append(notes, "TLS")
	}
	if e.Auth != "" {
		notes = append(notes, "needs credentials for "+e.Auth)
	}
	if notes == nil {
		return ""
	}
	return " (" + strings.Join(notes, "; ") + ")"
}

// tryLine is a command that sends something, through HTTP if there is a choice.
func tryLine(entries []entry) string {
	hint := ""
	for _, e := range entries {
		if e.sdk == "" || e.State == stateNotListening {
			continue
		}
		if hint == "" || e.sdk != "grpc" {
			hint = fmt.Sprintf("OTEL_EXPORTER_OTLP_PROTOCOL=%s OTEL_EXPORTER_OTLP_ENDPOINT=%s your-app", e.sdk, e.sdkURL)
			if e.Auth != "" {
				hint += " (and credentials for " + e.Auth + ")"
			}
		}
		if e.sdk != "grpc" {
			break
		}
	}
	return hint
}
