// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"errors"
	"slices"
	"time"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
)

// gpu is one GPU as the receiver remembers it, also while it cannot be reached.
type gpu struct {
	driver.Identity
	index int

	reader   *reader // nil while the GPU is not there
	reads    detached[*reading]
	budget   *budget
	counters *counters
	// start is since when the driver's counters count, as far as we know, and since
	// when ours do.
	start, since time.Time

	// begun says that this scrape has begun to read the GPU.
	begun bool
	// missed counts the scrapes in a row to which the GPU has not answered.
	missed int
	// lost says why the GPU counts as lost, or is nil.
	lost error

	last      *reading // of this scrape, or nil
	health    figures  // the last that is known of what decides the state
	instances []string // UUIDs of the MIG devices, sorted
	seen      bool     // the GPU has been read at least once
	xids      xidCounts
}

// errNoAnswer says that the driver has not come back from a call.
var errNoAnswer = errors.New("the driver does not answer calls for the GPU")

// missedLimit is how many scrapes in a row a GPU may miss before it is lost.
const missedLimit = 2

// begin starts reading the GPU, unless the last reading is still under way.
func (g *gpu) begin(plan *plan) {
	g.last, g.begun = nil, false
	if g.reader == nil || g.reads.busy() {
		return
	}
	reader, due := g.reader, [classCount]bool{}
	g.begun = true
	g.budget.due(&plan.classes, &due)
	g.reads.start(func() *reading { return reader.read(&due) })
}

// end takes in the reading, if there is one before the deadline. A GPU that has
// hung since an earlier scrape is not waited for.
func (g *gpu) end(deadline <-chan struct{}) {
	if !g.begun {
		if g.reader != nil {
			g.missed++
		}
		return
	}
	reading, ok := g.reads.wait(deadline)
	switch {
	case !ok:
		g.missed++
	case reading.err != nil:
		g.missed = 0
		g.last = reading
	default:
		g.missed, g.seen = 0, true
		g.last = reading
		for _, id := range healthFigures {
			if value, known := reading.get(id); known {
				g.health.set(id, value)
			}
		}
	}
}

// verdict says whether the GPU is lost, and why.
func (g *gpu) verdict() error {
	switch {
	case g.last != nil && g.last.err != nil && !isDisconnected(g.last.err):
		return g.last.err
	case g.missed >= missedLimit:
		return errNoAnswer
	case g.reader == nil, g.missed > 0:
		return g.lost
	default:
		return nil
	}
}

// migUUIDs are the MIG devices of the last reading, and whether it looked for them.
func (g *gpu) migUUIDs() ([]string, bool) {
	if g.last == nil || g.last.err != nil || !g.last.read[classInstances] || !g.last.known[figMIGCurrent] {
		return nil, false
	}
	uuids := make([]string, 0, len(g.last.instances))
	for _, instance := range g.last.instances {
		uuids = append(uuids, instance.UUID)
	}
	slices.Sort(uuids)
	return uuids, true
}
