// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// letter takes a mail with a text and a page apart.
func letter(t *testing.T, raw string) (subject, text, page string) {
	t.Helper()
	message, err := mail.ReadMessage(strings.NewReader(raw))
	require.NoError(t, err)
	subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	require.NoError(t, err)
	_, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	require.NoError(t, err)
	parts := multipart.NewReader(message.Body, parameters["boundary"])
	for _, into := range []*string{&text, &page} {
		part, err := parts.NextRawPart()
		require.NoError(t, err)
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		require.NoError(t, err)
		*into = string(body)
	}
	return subject, text, page
}

// TestGroupsNameWhatTheyAreAbout has a real Alertmanager tell everybody of components that fail together, three and twelve of them:
// one message names them, wherever it is read.
func TestGroupsNameWhatTheyAreAbout(t *testing.T) {
	for n, names := range map[int]string{3: "c01, c02, c03", 12: "c01, c02, c03, c04, c05 and 7 more"} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			alertmanager, r := startRouting(t)
			post := func(firing bool) {
				var alerts []string
				for i := range n {
					labels := fmt.Sprintf(`"alertname":"PerformanceAlert","severity":"critical","cluster":"eu-1","metric":"queue_length","component":"c%02d"`, i+1)
					alerts = append(alerts, strings.Trim(posted(labels, longAgo, firing), "[]"))
				}
				alertmanager.Post(t, "["+strings.Join(alerts, ",")+"]")
			}
			told := func(status, title string, i int) {
				agentEventually(t, "everybody is told that it is "+status, func() bool {
					slack, pagerduty, webhook, letters := r.told()
					return len(slack) > i && len(pagerduty) > i && len(webhook) > i && len(letters) > i
				})
				slack, pagerduty, webhook, letters := r.told()
				said := slack[i].Attachments[0]
				assert.Equal(t, title, said.Title)
				assert.Equal(t, title, said.Fallback)
				payload := pagerduty[i]["payload"].(map[string]any)
				if status == "firing" { // of the end PagerDuty shows nothing
					assert.Equal(t, title, payload["summary"])
					assert.Equal(t, names, payload["component"])
				}
				subject, text, page := letter(t, letters[i])
				assert.Equal(t, title, subject)
				assert.Contains(t, page, "<h2>"+title+"</h2>")
				alerts := webhook[i]["alerts"].([]any)
				require.Len(t, alerts, n)
				for j := range n {
					component := fmt.Sprintf("component=c%02d", j+1)
					assert.Contains(t, said.Text, "`"+component+"`")
					assert.Contains(t, payload["custom_details"].(map[string]any)[status], component+" ")
					assert.Contains(t, text, component+" ")
					assert.Contains(t, page, "<code>"+component+"</code>")
					assert.Equal(t, component, "component="+alerts[j].(map[string]any)["labels"].(map[string]any)["component"].(string))
				}
			}

			post(true)
			told("firing", fmt.Sprintf("[CRITICAL x%d] PerformanceAlert: %s", n, names), 0)
			post(false)
			told("resolved", "[RESOLVED] PerformanceAlert: "+names, 1)
			time.Sleep(3 * time.Second) // another interval
			slack, _, _, _ := r.told()
			assert.Len(t, slack, 2)
			r.noFaults(t)
		})
	}
}
