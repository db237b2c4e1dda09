// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"
)

// flight bounds the requests whose events are being taken.
type flight struct {
	limit int64
	now   atomic.Int64
}

// enter reports whether there is room for one more; if so, leave must follow.
func (f *flight) enter() bool {
	if f.now.Add(1) > f.limit {
		f.leave()
		return false
	}
	return true
}

func (f *flight) leave() { f.now.Add(-1) }

// retryAfter gives the seconds that a client is told to wait: from half of the given
// time to one and a half of it, so that those who were refused together do not
// come back together, and at least 1.
func retryAfter(d time.Duration) string {
	seconds := (0.5 + rand.Float64()) * d.Seconds()
	return strconv.Itoa(max(int(seconds+0.5), 1))
}
