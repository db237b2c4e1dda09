// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sender

import (
	"fmt"
	"time"
)

// showProgress writes a line each second until the function that it returns is called.
func (s *Sender) showProgress() (stop func()) {
	if s.Progress == nil {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		begin, before := time.Now(), 0
		for {
			select {
			case now := <-ticker.C:
				r := s.ledger.Report()
				s.writeProgress(now.Sub(begin), &r, r.Total.Sent-before)
				before = r.Total.Sent
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

func (s *Sender) writeProgress(elapsed time.Duration, r *Report, lastSecond int) {
	_, _ = fmt.Fprintf(s.Progress, "%5.0fs  sent %d (%d/s)  taken %d  rejected %d  lost %d  in doubt %d  retries %d  lag %s\n",
		elapsed.Seconds(), r.Total.Sent, lastSecond, r.Total.Taken, r.Total.Rejected, r.Total.Lost, r.Total.Unknown, r.Retries,
		time.Duration(s.lag.Load()).Round(time.Millisecond)) // Nobody to tell if standard error is gone.
}
