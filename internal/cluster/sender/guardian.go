// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sender

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Format is how events are written for the guardian receiver.
type Format string

// The formats.
const (
	JSON        Format = "json"        // an array of envelopes
	NDJSON      Format = "ndjson"      // an envelope per line
	CloudEvents Format = "cloudevents" // a CloudEvents batch
)

var contentTypes = map[Format]string{
	JSON: "application/json", NDJSON: "application/x-ndjson", CloudEvents: "application/cloudevents-batch+json",
}

// maxAnswer bounds how much of an answer is read, in bytes.
const maxAnswer = 4 << 20

// GuardianOptions say how to speak to a guardian receiver.
type GuardianOptions struct {
	Endpoint string // URL without path, such as http://localhost:4319
	Format   Format // JSON by default
	Gzip     bool   // compress bodies
	Token    string // bearer token; none if empty
	TLS      *tls.Config
	// Transport replaces the connections, for tests; TLS is then unused.
	Transport http.RoundTripper
}

// Guardian is a client of the guardian receiver.
type Guardian struct {
	options GuardianOptions
	url     string
	client  http.Client
}

// NewGuardian makes a client. It connects when it sends.
func NewGuardian(o GuardianOptions) (*Guardian, error) {
	if o.Format == "" {
		o.Format = JSON
	}
	if contentTypes[o.Format] == "" {
		return nil, fmt.Errorf("there is no format %q: it must be json, ndjson or cloudevents", o.Format)
	}
	base, err := url.Parse(o.Endpoint)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("the endpoint is %q: it must be a URL such as http://localhost:4319", o.Endpoint)
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{TLSClientConfig: o.TLS, MaxIdleConnsPerHost: 64, DisableCompression: true}
	}
	return &Guardian{options: o, url: base.JoinPath("/v1/events").String(), client: http.Client{Transport: o.Transport}}, nil
}

func (g *Guardian) newWriter() writer {
	plain := newJSONWriter(g.options.Format)
	if !g.options.Gzip {
		return plain
	}
	return &gzipWriter{writer: plain, compressor: gzip.NewWriter(nil)}
}

// send posts a batch. The error is a *refusal.
func (g *Guardian) send(ctx context.Context, body []byte, _ int) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, bytes.NewReader(body))
	if err != nil {
		return answer{}, &refusal{err: err, useless: true}
	}
	request.Header.Set("Content-Type", contentTypes[g.options.Format])
	if g.options.Gzip {
		request.Header.Set("Content-Encoding", "gzip")
	}
	if g.options.Token != "" {
		request.Header.Set("Authorization", "Bearer "+g.options.Token)
	}
	response, err := g.client.Do(request)
	if err != nil {
		return answer{}, unanswered(err)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return answer{}, unanswered(fmt.Errorf("cannot read the answer: %w", err))
	}
	if response.StatusCode != http.StatusOK {
		r := refusedWith(response.StatusCode, response.Header, reason(text))
		// Lines are taken part by part: those before the refusal may have been.
		r.inDoubt = r.inDoubt || (g.options.Format == NDJSON && !r.useless)
		return answer{}, r
	}
	return readAnswer(text)
}

// readAnswer reads the answer to a batch that the receiver has dealt with.
func readAnswer(text []byte) (answer, error) {
	var counts struct {
		Accepted   *int     `json:"accepted"`
		Duplicates int      `json:"duplicates"`
		Rejected   []reject `json:"rejected"`
	}
	if err := json.Unmarshal(text, &counts); err != nil || counts.Accepted == nil {
		return answer{}, &refusal{err: fmt.Errorf("the answer is not that of a guardian receiver: %.200q", text), useless: true, inDoubt: true}
	}
	return answer{accepted: *counts.Accepted, duplicates: counts.Duplicates, rejected: counts.Rejected}, nil
}

// reason gives what an answer says in words: the detail of a problem, or the text itself.
func reason(text []byte) string {
	var problem struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal(text, &problem); err == nil && problem.Detail != "" {
		return problem.Detail
	} else if err == nil && problem.Title != "" {
		return problem.Title
	}
	return fmt.Sprintf("%.200q", text)
}

// close ends the connections.
func (g *Guardian) close() { g.client.CloseIdleConnections() }
