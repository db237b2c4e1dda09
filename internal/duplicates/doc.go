// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package duplicates says which events have been seen before, so that one that is sent twice is counted once.
//
// # Table
//
// A [Table] holds the keys of events. For each key of a request the caller asks [Table.Claim]. A key that is new is pending
// from then on and belongs to the caller, who ends that with one of two calls: [Table.Commit] when the event has been taken, so that the
// same key is a duplicate for the next 24 hours, or [Table.Release] when it was refused, so that it may come again.
//
// The table never holds more than its limits: past them the key that was committed first is forgotten first, and counted. A
// million keys take about 41 MB, with garbage at most 54 MB while the table grows.
//
// # Log
//
// A [Log] keeps the committed keys in a storage extension, and [Open] puts them back into a table. A caller that may be killed
// at any time appends before it commits:
//
//	switch table.Claim(key, now) { ... }
//	next.Consume(...)                // Release if it refuses.
//	log.Append(ctx, keys, now)       // Returns when the keys are written.
//	table.Commit(keys, now)          // Then the sender is told.
//
// Appends that come while the storage is busy are written together, so that the rate of appends does not hang on how long the
// disk takes to sync.
//
// Full segments of 8192 keys are written once and deleted once. What is younger lies in at most 64 small pieces, which become a
// segment when there are enough of them. Meta data says which segments and pieces there are, and is part of every batch.
// Each value has a checksum that covers its name. One that is damaged or missing is skipped and reported: its keys are
// forgotten, nothing else happens. If the meta data is lost, so are all keys, and the old values stay in the storage
// until their numbers are used again.
//
// Times in the storage are those of the wall clock, since they outlive the process. In the table they are durations since its first use,
// taken with the monotonic clock where the caller's times have one: a step of the wall clock then changes nothing. Times
// without one that go backwards make time stand still until they have caught up.
package duplicates
