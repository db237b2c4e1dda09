// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sender

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// answer is what a collector says of a batch that it has dealt with.
type answer struct {
	accepted, duplicates int
	rejected             []reject
}

// accountsFor tells whether the answer speaks of every one of n events.
func (a *answer) accountsFor(n int) bool {
	return a.accepted >= 0 && a.duplicates >= 0 && a.accepted <= n && a.duplicates <= n && a.accepted+a.duplicates+len(a.rejected) == n
}

// reject is why an event of a batch was not taken.
type reject struct {
	Index   int    `json:"index"`
	ID      string `json:"id"`
	Code    string `json:"code"`
	Pointer string `json:"pointer"`
	Message string `json:"message"`
}

func (r reject) String() string {
	return fmt.Sprintf("%s: %s at %q: %s", r.ID, r.Code, r.Pointer, r.Message)
}

// refusal is why a batch was not taken.
type refusal struct {
	err     error
	retry   bool          // the same batch may be sent again
	after   time.Duration // not before
	atFault bool          // the batch is not what it should be
	inDoubt bool          // some of it may have been taken all the same
	useless bool          // no batch is ever going to be taken
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// unanswered is the refusal of a request that brought no answer. One that did not even find
// a connection cannot have got through.
func unanswered(err error) *refusal {
	var operation *net.OpError
	neverLeft := errors.As(err, &operation) && operation.Op == "dial"
	return &refusal{err: err, retry: true, inDoubt: !neverLeft}
}

// refusedWith is the refusal that an HTTP status stands for.
func refusedWith(status int, header http.Header, reason string) *refusal {
	r := &refusal{err: fmt.Errorf("status %d %s: %s", status, http.StatusText(status), reason)}
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusRequestTimeout:
		r.retry, r.after = true, retryAfter(header, time.Now())
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		r.retry, r.inDoubt = true, true
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType:
		r.useless = true
	default:
		r.atFault = status < http.StatusInternalServerError
	}
	return r
}

// maxRetryAfter bounds how long a server may keep the sender waiting.
const maxRetryAfter = 5 * time.Minute

// retryAfter reads the header of that name: seconds, or a date. It is 0 without one.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return min(time.Duration(max(seconds, 0))*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}

// pause gives how long to wait before a retry: twice as long each time, a half of it left to
// chance so that senders do not come back together, and at least as long as was asked for.
func (s *Sender) pause(retries int, asked time.Duration) time.Duration {
	grown := min(s.RetryFirst<<min(retries, 20), s.RetryMost)
	return max(grown/2+rand.N(grown/2+1), asked)
}
