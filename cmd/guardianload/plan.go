// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/cluster"
	"github.com/llm-guardian/otelcol-guardian/internal/cluster/sender"
)

const (
	// backlog is how far back events begin that are sent as fast as they are taken.
	backlog = 24 * time.Hour
	// oldest is how old an event may be: the receiver rejects those of more than 90 days ago.
	oldest = 89 * 24 * time.Hour
)

// plan is how virtual and real time go together.
type plan struct {
	cluster  cluster.Config
	speed    float64       // 0: as fast as events are taken
	until    time.Time     // virtual; the zero time: no end
	duration time.Duration // real; 0: no end
}

// plan lays the virtual time of the run so that no event lies in the future: a run at a speed above
// 1 begins in the past and reaches the present with its last event.
func (o *options) plan(now time.Time) (plan, error) {
	p := plan{
		speed: o.speed,
		cluster: cluster.Config{
			Seed: o.seed, Start: o.start, Rate: o.rate / o.speed, LateAfter: o.late[0], LateWithin: o.late[1],
			Drifts: o.drifts, Troubles: o.troubles, Bursts: o.bursts,
		},
	}
	length := o.length()
	switch {
	case o.rate == 0 && o.speed != 1:
		return p, errors.New("-speed needs a -rate: without one the events are sent as fast as they are taken")
	case o.rate == 0:
		p.speed, p.duration = 0, o.duration
		if o.start.IsZero() {
			p.cluster.Start = now.Add(-backlog)
		}
	case o.start.IsZero() && o.speed > 1 && length == 0:
		return p, errors.New("-speed above 1 needs -duration, -events or -start, to know when to begin so that no event lies in the future")
	case o.start.IsZero():
		p.cluster.Start = now.Add(-time.Duration(float64(length) * max(o.speed-1, 0)))
	}
	if o.rate > 0 && o.duration > 0 {
		p.until = p.cluster.Start.Add(time.Duration(float64(o.duration) * o.speed))
	}
	if p.cluster.Start.Before(now.Add(-oldest)) {
		return p, fmt.Errorf("the first event would be of %s: the receiver takes those of the last 90 days; choose a lower -speed, a shorter -duration or a later -start",
			p.cluster.Start.Format(time.RFC3339))
	}
	return p, nil
}

// length is how long the run will take in real time, about; 0 if nobody knows.
func (o *options) length() time.Duration {
	length := o.duration
	if o.events > 0 && o.rate > 0 {
		needed := time.Duration(float64(o.events) / o.rate * float64(time.Second))
		if length == 0 || needed < length {
			length = needed
		}
	}
	return length
}

// String says when the scenarios happen.
func (p plan) String() string {
	var text strings.Builder
	at := func(after time.Duration) string { return p.cluster.Start.Add(after).UTC().Format(time.RFC3339) }
	fmt.Fprintf(&text, "seed %d, the first event is of %s", p.cluster.Seed, p.cluster.Start.UTC().Format(time.RFC3339Nano))
	for _, d := range p.cluster.Drifts {
		fmt.Fprintf(&text, "\n%s of model %s drifts by %v from %s ", d.Feature, d.Model, d.Shift, at(d.At))
		if d.Until > 0 {
			text.WriteString("to " + at(d.Until))
		} else {
			text.WriteString("on")
		}
	}
	for _, t := range p.cluster.Troubles {
		fmt.Fprintf(&text, "\nspecialist %s is in trouble from %s to %s", t.Specialist, at(t.From), at(t.To))
	}
	for _, b := range p.cluster.Bursts {
		fmt.Fprintf(&text, "\nall specialists fail more often from %s to %s", at(b.From), at(b.To))
	}
	return text.String()
}

// sender makes what the plan needs to be carried out.
func (o *options) sender(p plan) (*sender.Sender, error) {
	c, err := cluster.New(p.cluster)
	if err != nil {
		return nil, err
	}
	s := &sender.Sender{
		Cluster: c, OTLPShare: o.otlpShare, Spans: o.spans, Events: o.events, Until: p.until, Duration: p.duration, Speed: p.speed,
		Workers: o.workers, Batch: o.batch, RetryFor: o.retryFor,
	}
	if o.otlp != "" {
		if s.OTLP, err = sender.NewOTLP(o.otlp); err != nil {
			return nil, err
		}
	}
	if o.otlp == "" || o.otlpShare < 1 {
		s.Guardian, err = o.guardian()
	}
	return s, err
}

func (o *options) guardian() (*sender.Guardian, error) {
	token, err := readToken(o.token)
	if err != nil {
		return nil, err
	}
	secure, err := readAuthorities(o.tlsCA)
	if err != nil {
		return nil, err
	}
	return sender.NewGuardian(sender.GuardianOptions{
		Endpoint: o.endpoint, Format: sender.Format(o.format), Gzip: o.gzip, Token: token, TLS: secure,
	})
}

// readToken gives the token, read from a file if it begins with @.
func readToken(token string) (string, error) {
	path, inFile := strings.CutPrefix(token, "@")
	if !inFile {
		return token, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("cannot read the -token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// readAuthorities gives what a certificate is checked against; nil means the system's authorities.
func readAuthorities(path string) (*tls.Config, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read -tls-ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("-tls-ca: %s holds no certificate in PEM", path)
	}
	return &tls.Config{RootCAs: roots}, nil
}
