// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// arrival is one thing that begins. The next one is due after a random time.
type arrival struct{}

// kinds are the things that begin, with how many of a hundred arrivals they are.
var kinds = [...]struct {
	weight int
	begin  func(*Cluster, time.Time) event.Event
}{
	{40, (*Cluster).beginRequest},
	{40, (*Cluster).predict},
	{9, (*Cluster).reportWorkload},
	{5, (*Cluster).detect},
	{3, (*Cluster).mapFinding},
	{1, (*Cluster).violate},
	{1, (*Cluster).raiseAlert},
	{1, (*Cluster).fail},
}

// eventsPerArrival is the mean number of events that follow from an arrival, itself
// included and what comes late not: a request also has an end and perhaps a judgement.
const eventsPerArrival = 1 + 0.40*(1+(1-backgroundErrorShare)*judgedShare)

func (arrival) happen(c *Cluster, at time.Time) event.Event {
	pause := c.random.ExpFloat64() * eventsPerArrival / c.config.Rate
	c.queue.add(at.Add(time.Duration(pause*float64(time.Second))), arrival{})
	draw := c.random.IntN(100)
	for i := range kinds {
		if draw -= kinds[i].weight; draw < 0 {
			return kinds[i].begin(c, at)
		}
	}
	return c.fail(at)
}
