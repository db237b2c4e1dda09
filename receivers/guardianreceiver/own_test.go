// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// Every metric of its own that the receiver declares, with every reason, comes about.
func TestOwnMetrics(t *testing.T) {
	disk := &failing{}
	r := start(t, "storage: failing\nduplicates: {window: 1h, limit: 2}", disk)
	disk.err = errors.New("the disk is full")
	own := testutil.WatchOwnMetrics(t, "guardian_receiver_")
	look := func() { own.Look(r.telemetry.Reader) }
	r.next.do(func(context.Context, plog.Logs) error { look(); return nil }) // a request is in flight
	for _, id := range []string{"a", "b", "c"} {
		require.Equal(t, 1, r.post(t, "/v1/events", detection(id)).Accepted)
	}
	assert.Equal(t, 1, r.post(t, "/v1/events", detection("c")).Duplicates)
	r.post(t, "/v1/events", `{"id":"d","source":"/s","type":"detection","data":{"status":"success"}}`)
	r.post(t, "/v1/detections", `{"detector_type":"pii","status":"success","unknown":1}`)
	look()
	r.seen.table.Admit([16]byte{1}, noon.Add(2*time.Hour)) // the ids before are older than the window
	look()
	own.Check()
}
