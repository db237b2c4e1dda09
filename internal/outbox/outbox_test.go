// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

// consumer answers with errors until there are none left. It spoils what it is given, as its owner may.
type consumer struct {
	errs             []error
	taken            []string
	refused, dropped int
}

func (c *consumer) outbox(limit int) *Outbox[[]byte] {
	return New(Settings[[]byte]{
		Consume: func(_ context.Context, batch []byte) error {
			text := string(batch)
			clear(batch)
			if len(c.errs) > 0 {
				err := c.errs[0]
				c.errs = c.errs[1:]
				if err != nil {
					return err
				}
			}
			c.taken = append(c.taken, text)
			return nil
		},
		Clone: slices.Clone[[]byte], Limit: limit,
		Refused: func() { c.refused++ }, Dropped: func() { c.dropped++ },
	})
}

// What is waiting is bounded by its size too, and a batch that is too large is kept alone.
func TestSizeIsBounded(t *testing.T) {
	c := &consumer{}
	o := c.outbox(10)
	o.settings.Size, o.settings.MaxSize = func(b []byte) int { return len(b) }, 5
	f := func(batch string, want ...string) {
		t.Helper()
		o.Put([]byte(batch))
		var got []string
		for _, b := range o.Waiting() {
			got = append(got, string(b))
		}
		assert.Equal(t, want, got)
	}
	f("aa", "aa")
	f("bbb", "aa", "bbb")
	f("c", "bbb", "c")
	f("toolarge", "toolarge")
	f("d", "d")
	f("e", "d", "e")
	assert.Equal(t, 4, c.dropped)
}

func TestWhatIsRefusedIsSentAgainInOrder(t *testing.T) {
	c := &consumer{errs: []error{nil, errors.New("not now"), errors.New("not yet")}}
	o := c.outbox(10)
	for _, batch := range []string{"a", "b", "c"} {
		o.Put([]byte(batch))
	}
	o.Send(t.Context())
	assert.Equal(t, []string{"a"}, c.taken)
	assert.Len(t, o.Waiting(), 2)
	o.Send(t.Context())
	o.Send(t.Context())
	assert.Equal(t, []string{"a", "b", "c"}, c.taken)
	assert.Equal(t, 2, c.refused)
	assert.Zero(t, c.dropped)
	assert.Zero(t, o.Len())
}

func TestWhatIsRefusedForGoodMakesWay(t *testing.T) {
	c := &consumer{errs: []error{consumererror.NewPermanent(errors.New("never"))}}
	o := c.outbox(10)
	o.Put([]byte("a"))
	o.Put([]byte("b"))
	o.Send(t.Context())
	assert.Equal(t, []string{"b"}, c.taken)
	assert.Equal(t, 1, c.dropped)
	assert.Zero(t, c.refused)
}

func TestTheOldestMakesRoom(t *testing.T) {
	c := &consumer{}
	o := c.outbox(2)
	for _, batch := range []string{"a", "b", "c"} {
		o.Put([]byte(batch))
	}
	o.Send(t.Context())
	assert.Equal(t, []string{"b", "c"}, c.taken)
	assert.Equal(t, 1, c.dropped)
}

// A batch that makes room while it is being sent takes no other one with it.
func TestRoomIsMadeDuringASend(t *testing.T) {
	var o *Outbox[[]byte]
	var taken []string
	o = New(Settings[[]byte]{
		Consume: func(_ context.Context, batch []byte) error {
			taken = append(taken, string(batch))
			if len(taken) == 1 {
				o.Put([]byte("c"))
			}
			return nil
		},
		Clone: slices.Clone[[]byte], Limit: 2, Refused: func() {}, Dropped: func() {},
	})
	o.Put([]byte("a"))
	o.Put([]byte("b"))
	o.Send(t.Context())
	assert.Equal(t, []string{"a", "b", "c"}, taken)
}
