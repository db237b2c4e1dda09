// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import "time"

// budget keeps what the calls to one GPU cost under a limit: a class that is
// dear is read in every second scrape only, then in every fourth.
type budget struct {
	limit time.Duration
	// rarest bounds how rarely a class is read.
	rarest int
	cost   [classCount]float64 // nanoseconds, smoothed
	warm   [classCount]bool    // the first call, which may set something up, has been made
	every  [classCount]int
	scrape int
}

// change is a class that is read more or less often than before.
type change struct {
	class class
	every int
	cost  time.Duration
}

const (
	smoothing = 0.25
	// slack is the share of the limit that must stay free before a class is read more often again.
	slack = 0.2
	// longest is how long a class may go unread: Prometheus forgets a series after five minutes.
	longest     = 4 * time.Minute
	maxInterval = 16
)

func newBudget(limit, interval time.Duration) *budget {
	b := &budget{limit: limit, rarest: max(1, min(maxInterval, int(longest/interval)))}
	for class := range b.every {
		b.every[class] = 1
	}
	return b
}

// due marks the classes that this scrape reads.
func (b *budget) due(wanted, due *[classCount]bool) {
	b.scrape++
	for class, wanted := range wanted {
		due[class] = wanted && b.scrape%b.every[class] == 0
	}
}

// learn takes in what a reading has cost, and says which class is read more or
// less often from now on, if any.
func (b *budget) learn(of *reading) (change, bool) {
	for class, read := range of.read {
		cost := float64(of.cost[class])
		switch {
		case !read || classes[class].once:
		case !b.warm[class]:
			b.warm[class] = true
		case b.cost[class] == 0:
			b.cost[class] = cost
		default:
			b.cost[class] += smoothing * (cost - b.cost[class])
		}
	}
	if b.limit <= 0 {
		return change{}, false
	}
	if b.mean() > float64(b.limit) {
		return b.demote()
	}
	return b.promote()
}

// mean is what a scrape costs, over many scrapes.
func (b *budget) mean() float64 {
	sum := 0.0
	for class, cost := range b.cost {
		sum += cost / float64(b.every[class])
	}
	return sum
}

func (b *budget) demote() (change, bool) {
	dearest, share := class(-1), 0.0
	for i, cost := range b.cost {
		if of := cost / float64(b.every[i]); of > share && 2*b.every[i] <= b.rarest {
			dearest, share = class(i), of
		}
	}
	return b.set(dearest, 2)
}

// promote reads the cheapest demoted class twice as often, if that fits.
func (b *budget) promote() (change, bool) {
	cheapest, added := class(-1), float64(b.limit)
	for i, cost := range b.cost {
		if of := cost / float64(b.every[i]); b.every[i] > 1 && of < added {
			cheapest, added = class(i), of
		}
	}
	if b.mean()+added > (1-slack)*float64(b.limit) {
		return change{}, false
	}
	return b.set(cheapest, 0.5)
}

func (b *budget) set(class class, factor float64) (change, bool) {
	if class < 0 {
		return change{}, false
	}
	b.every[class] = int(float64(b.every[class]) * factor)
	return change{class, b.every[class], time.Duration(b.cost[class])}, true
}
