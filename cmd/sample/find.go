// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// lookEvery is how often a place is looked at until the sample is there.
	lookEvery = 200 * time.Millisecond
	pageLimit = 5 * time.Second
)

// places are where the telemetry goes in and comes out.
type places struct {
	endpoint, traces, logs, page string
	wait                         time.Duration
}

// find looks once for one signal of a sample and says what it saw.
type find func(sample) (string, error)

// report looks for one signal of a sample, again and again until it is there or
// the time is up, and prints where it arrived.
func (p places) report(ctx context.Context, signal, place string, sent sample, find find) error {
	found, err := p.look(ctx, func() (string, error) { return find(sent) })
	if err != nil {
		return fmt.Errorf("%s did not arrive in %s: %w", signal, place, err)
	}
	fmt.Printf("  %-8s arrived in %-32s %s\n", signal, place, found)
	return nil
}

func (p places) findTraces(sent sample) (string, error) {
	found := fmt.Sprintf("%d spans, the first in trace %s", sent.spans, sent.firstTrace)
	return found, countInFile(p.traces, sent.run, sent.spans)
}

func (p places) findLogs(sent sample) (string, error) {
	return fmt.Sprintf("%d records", sent.logs), countInFile(p.logs, sent.run, sent.logs)
}

func (p places) findMetrics(sent sample) (string, error) {
	const series = "gen_ai_client_operation_duration_seconds_count"
	line, err := findOnPage(p.page, series, sent.run)
	if err != nil {
		return "", err
	}
	value := line[strings.LastIndex(line, " ")+1:]
	if value != strconv.Itoa(sent.requests) {
		return "", fmt.Errorf("%s is %s, sent %d", series, value, sent.requests)
	}
	return series + " " + value, nil
}

// look repeats once until it succeeds or the time is up; then it gives the last error.
func (p places) look(ctx context.Context, once func() (string, error)) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, p.wait)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		found, err := once()
		if err == nil {
			return found, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", fmt.Errorf("%w (waited %s)", err, p.wait)
		}
	}
}

// countInFile checks that a text stands in a file as often as it was sent.
func countInFile(path, text string, want int) error {
	body, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if got := strings.Count(string(body), text); got != want {
		return fmt.Errorf("%d of %d are there", got, want)
	}
	return nil
}

// findOnPage gives the line of a Prometheus page that begins with a name and holds a label's value.
func findOnPage(url, name, value string) (line string, err error) {
	client := http.Client{Timeout: pageLimit}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	lines := bufio.NewScanner(io.LimitReader(response.Body, 64<<20))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), name) && strings.Contains(lines.Text(), value) {
			return lines.Text(), nil
		}
	}
	return "", errors.Join(lines.Err(), fmt.Errorf("%s is not on the page", name))
}
