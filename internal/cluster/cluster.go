// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"iter"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

// maxLate bounds how many happenings may be outstanding that come late. Beyond it
// predictions and evaluations are not chosen for labels.
const maxLate = 250_000

// Cluster makes events. It is not safe for concurrent use.
type Cluster struct {
	config  Config
	run     string // tells the ids of this run from those of others
	secret  uint64 // what trace and span ids are made of
	random  *rand.Rand
	sources sources
	queue   queue
	late    int // happenings in the queue that come late
	room    int // for those
	counts  counts
	scratch []byte
	events  events
}

// counts number what has an id.
type counts struct{ events, requests, findings, workloads uint64 }

// sources are where chance comes from: the specialists' for their requests and all that
// follows from these, the models' for their predictions and labels.
type sources struct {
	specialists, models []*rand.Rand
	reports             *rand.Rand
}

// events are handed out again and again.
type events struct {
	request     event.Request
	evaluation  event.Evaluation
	improvement event.Improvement
	prediction  event.Prediction
	label       event.Label
	failure     event.Failure
	alert       event.PerformanceAlert
	workload    event.Workload
	detection   event.Detection
	mapping     event.Mapping
	violation   event.Violation
}

// New makes a cluster that has not begun to work yet. The error names every fault
// of the configuration.
func New(config Config) (*Cluster, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	c := &Cluster{config: config, room: maxLate, secret: mix(config.Seed ^ mix(uint64(config.Start.UnixNano())))}
	var secret [8]byte
	binary.BigEndian.PutUint64(secret[:], c.secret)
	c.run = hex.EncodeToString(secret[:4])
	c.random = c.source("arrivals")
	c.sources.reports = c.source("reports")
	for i := range specialists {
		c.sources.specialists = append(c.sources.specialists, c.source(specialists[i].id))
	}
	for i := range models {
		c.sources.models = append(c.sources.models, c.source(models[i].name))
	}
	c.queue.add(config.Start, arrival{})
	return c, nil
}

// source gives an actor its randomness, the same for the same seed and name.
func (c *Cluster) source(name string) *rand.Rand {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(name)) // It never fails.
	return rand.New(rand.NewPCG(c.config.Seed, sum.Sum64()))
}

// Next gives the next event, whose time is never before that of the event before. There is
// always another one. The event is the cluster's own: it is good until the next call.
func (c *Cluster) Next() event.Event {
	next := c.queue.next()
	e := next.what.happen(c, next.at)
	meta := e.Common()
	c.counts.events++
	meta.ID = c.id("event", c.counts.events)
	meta.Time = next.at
	return e
}

// NextTime gives the time of the event that Next would give.
func (c *Cluster) NextTime() time.Time { return c.queue.items[0].at }

// Until gives the events before a moment, each good until the next one.
func (c *Cluster) Until(end time.Time) iter.Seq[event.Event] {
	return func(yield func(event.Event) bool) {
		for c.NextTime().Before(end) && yield(c.Next()) {
		}
	}
}

// since gives the virtual time from the start to a moment.
func (c *Cluster) since(at time.Time) time.Duration { return at.Sub(c.config.Start) }

// addLate puts something into the queue that comes late, if there is room.
func (c *Cluster) addLate(at time.Time, random *rand.Rand, what happening) {
	draw := random.Float64()
	if c.late >= c.room {
		return
	}
	c.late++
	low, high := math.Log(c.config.LateAfter.Seconds()), math.Log(c.config.LateWithin.Seconds())
	delay := math.Exp(low + (high-low)*draw)
	c.queue.add(at.Add(seconds(delay)), late{what})
}

// late counts itself out when it happens.
type late struct{ happening }

func (l late) happen(c *Cluster, at time.Time) event.Event {
	c.late--
	return l.happening.happen(c, at)
}

// id makes an id such as request-5f3c21aa-17.
func (c *Cluster) id(kind string, number uint64) string {
	c.scratch = append(append(append(append(c.scratch[:0], kind...), '-'), c.run...), '-')
	c.scratch = strconv.AppendUint(c.scratch, number, 10)
	return string(c.scratch)
}

// about gives what every event about a request or prediction has.
func (c *Cluster) about(number uint64, source string) event.Meta {
	meta := event.Meta{Source: source, RequestID: c.id("request", number), CorrelationID: c.id("session", number)}
	if !isTraced(number) {
		meta.TraceID = event.DeriveTraceID(meta.RequestID)
		return meta
	}
	high := mix(c.secret ^ number)
	binary.BigEndian.PutUint64(meta.TraceID[:8], high)
	binary.BigEndian.PutUint64(meta.TraceID[8:], mix(high+1))
	binary.BigEndian.PutUint64(meta.SpanID[:], mix(high+2))
	meta.Flags = 1
	return meta
}

// isTraced tells whether the application traces a request: every other one.
func isTraced(number uint64) bool { return number%2 == 0 }

// mix is a bijection that scatters neighbouring numbers (the finaliser of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// seconds turns seconds into a duration, to the microsecond.
func seconds(s float64) time.Duration {
	return time.Duration(math.Round(s*1e6)) * time.Microsecond
}

// round keeps a number to the given number of decimal places, as applications write them.
func round(x float64, places int) float64 {
	scale := math.Pow10(places)
	return math.Round(x*scale) / scale
}

// share keeps a number between 0 and 1, to three places.
func share(x float64) float64 { return round(min(max(x, 0), 1), 3) }

// chance tells whether something of the given probability happens.
func chance(random *rand.Rand, probability float64) bool { return random.Float64() < probability }

// pick gives one of some values.
func pick[T any](random *rand.Rand, values []T) T { return values[random.IntN(len(values))] }

// logNormal draws from a log-normal distribution with the given median.
func logNormal(random *rand.Rand, median, sigma float64) float64 {
	return median * math.Exp(sigma*random.NormFloat64())
}
