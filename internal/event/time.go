// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"time"
)

const notATime = "must be a time as RFC 3339 has it, such as 2026-01-31T12:00:00Z"

// Times that a record can hold: OpenTelemetry counts nanoseconds from 1970 in 64
// bits, of which Go reads 63, and 0 is no time.
var (
	earliest = time.Unix(0, 1)
	latest   = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

func isTime(s string) bool {
	_, ok := parseTime([]byte(s))
	return ok
}

// parseTime reads a time of RFC 3339. The standard library also takes hours of one
// digit, decimal commas and zones of any hour, which RFC 3339 does not have.
func parseTime(b []byte) (t time.Time, ok bool) {
	const shortest = "2006-01-02T15:04:05Z"
	if len(b) < len(shortest) || b[len("2006-01-02T15")] != ':' || bytes.IndexByte(b, ',') >= 0 || t.UnmarshalText(b) != nil {
		return time.Time{}, false
	}
	if zone := b[len(b)-len("15:04"):]; b[len(b)-1] != 'Z' && (string(zone[:2]) > "23" || string(zone[3:]) > "59") {
		return time.Time{}, false
	}
	return t, true
}
