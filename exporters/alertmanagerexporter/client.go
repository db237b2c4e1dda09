// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alertmanagerexporter

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/llm-guardian/otelcol-guardian/internal/alerting"
)

const (
	// apiPath is where Alertmanager takes alerts, from version 0.16 on.
	apiPath = "/api/v2/alerts"
	// maxAlerts is the number of alerts in one request.
	maxAlerts = 256
	// maxAnswer is how much of an answer is read, and maxQuote how much of it an error quotes.
	maxAnswer, maxQuote = 64 << 10, 500
	// maxRetryAfter is the longest that a server may ask us to wait.
	maxRetryAfter = 5 * time.Minute
)

// postable is an alert as the API takes it.
type postable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// encode writes alerts as the API takes them.
func encode(alerts []alerting.Alert) ([]byte, error) {
	body := make([]postable, len(alerts))
	for i, a := range alerts {
		labels := make(map[string]string, len(a.Labels)+2)
		for _, label := range a.Labels {
			labels[label.Name] = label.Value
		}
		labels[alerting.LabelName], labels[alerting.LabelSeverity] = a.Name, a.Severity.String()
		body[i] = postable{
			Labels: labels, Annotations: a.Annotations, StartsAt: a.StartsAt.UTC(), EndsAt: a.EndsAt.UTC(),
			GeneratorURL: a.Annotations[alerting.AnnotationDashboard],
		}
	}
	return json.Marshal(body)
}

// client speaks to one Alertmanager.
type client struct {
	http      *http.Client
	url       string
	userAgent string
}

// post tells alerts. An error that is permanent says that it makes no sense to try again.
func (c *client) post(ctx context.Context, alerts []alerting.Alert) (result, error) {
	body, err := encode(alerts)
	if err != nil {
		return refused, consumererror.NewPermanent(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return refused, consumererror.NewPermanent(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", c.userAgent)
	response, err := c.http.Do(request)
	if err != nil {
		return retryable, fmt.Errorf("cannot reach Alertmanager: %w", err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // What could be read is quoted.
	if response.StatusCode/100 == 2 {
		return accepted, nil
	}
	return judge(response, answer, c.url, len(alerts))
}

// judge says what becomes of alerts that were answered with an error.
func judge(response *http.Response, answer []byte, url string, alerts int) (result, error) {
	quote := strings.ToValidUTF8(strings.TrimSpace(string(answer[:min(len(answer), maxQuote)])), "")
	err := fmt.Errorf("%s answered %d alerts with %s: %s", url, alerts, response.Status, quote)
	if !isRetryable(response.StatusCode) {
		return refused, consumererror.NewPermanent(err)
	}
	if delay := retryAfter(response.Header.Get("Retry-After"), time.Now()); delay > 0 {
		return retryable, exporterhelper.NewThrottleRetry(err, delay)
	}
	return retryable, err
}

// isRetryable says whether the same request may be taken later: the server, or a proxy before it, has a problem, not the request.
func isRetryable(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status/100 == 5
}

// retryAfter reads the header of that name: seconds, or a date. 0 is none.
func retryAfter(header string, now time.Time) time.Duration {
	var delay time.Duration
	if seconds, err := strconv.ParseInt(header, 10, 32); err == nil {
		delay = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(header); err == nil {
		delay = date.Sub(now)
	}
	return min(max(delay, 0), maxRetryAfter)
}
