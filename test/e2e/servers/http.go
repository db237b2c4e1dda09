// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// client keeps no connections: a server that was stopped and started must not be met through an old one.
var client = &http.Client{
	Timeout:   30 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true},
}

// call sends one request and returns the body of a 2xx answer; any other answer is an error that quotes it.
func call(ctx context.Context, method, url, contentType string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, url, response.Status, answer)
	}
	return answer, nil
}

// getJSON decodes the answer to a GET into out, or fails the test.
func getJSON(t testing.TB, url string, out any) {
	t.Helper()
	answer, err := call(t.Context(), http.MethodGet, url, "", nil)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(answer, out), "%s answered %s", url, answer)
}

// decodeNumbers decodes JSON without losing digits: nanosecond times do not fit a float64.
func decodeNumbers(body []byte, out any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	return decoder.Decode(out)
}

// answers is a readiness check: a GET of the URL is answered with 2xx.
func answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := call(ctx, http.MethodGet, url, "", nil)
		return err
	}
}
