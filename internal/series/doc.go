// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package series says which series a data point or record belongs to, and keeps a bounded amount of state per series.
//
// # Identity
//
// An [ID] is built level by level, each level hashed once however many points lie below it:
//
//	metric := series.ID{}.Resource(rm.Resource()).Scope(sm.Scope()).Metric(m)
//	id := metric.Attributes(dp.Attributes())
//
// The key of an ID is 128 bits wide. Attributes are not sorted: every attribute is hashed on its own and the hashes are
// added, which no order can change. The hash is seeded per process, so that nobody outside can engineer two series that
// collide, and so a key means nothing to another process: what outlives a process are the labels, from which the key is
// computed again.
//
// Two series are the same when they agree in every level that was given, as sets of attributes. A value counts with its
// type: the int 1, the double 1.0, the string "1" and true are four values, and an attribute with an empty string is
// not an absent attribute. Doubles are compared by their bits. Malformed data can hold a key twice; every occurrence then
// counts, so {a=1, a=1} is a series of its own and not {a=1}. Maps and slices nested deeper than 32 levels count as
// empty values.
//
// # Store
//
// A [Store] maps identities to states of a type of the caller's choice, and never holds more than its limit:
//
//	store.Advance(now, nil)            // Once per batch: lets time pass, evicts idle series.
//	ref, state := store.Observe(&id)   // Once per point: finds or creates the series.
//
// Series that come when the store is full share one overflow series, so that sums over all series stay right. No series
// that still reports is evicted to make room: state that took time to learn outlives a burst of new series. Where sums
// of different metrics must not mix, each metric needs a store of its own.
//
// With more series than fit into the cache of the processor it pays to take all keys of a metric first, with
// [ID.AttributesKey], and to look for the series after that, with [Store.Find], and [Store.Observe] for those that are
// not found: the processor then waits for many series at once instead of one after the other.
//
// A Store is not safe for concurrent use. Keys are computed without the store, which is most of the work, so a mutex that
// is held for the look-ups of one metric is enough for two cores; there is no sharded store.
package series
