// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package checkpoint keeps what took time to learn (references, baselines, windows, cumulative counters) over a restart,
// in the storage extension that the user names with the key `storage`.
//
// # What is stored
//
// A state is one blob of bytes, at most 1 GiB, that the caller encodes and decodes with internal/codec. It is
// written in chunks of at most 1 MiB plus a header, all in one storage batch: over file_storage one key per series is two
// orders of magnitude slower, since every call there, reads included, is a write transaction. The header holds a magic, the
// format version, the owner (component and name), the caller's schema version, the generation number, the time of writing,
// the length and checksum of the blob, and a checksum of itself.
//
// Saves alternate between two generations, and each generation is a storage client of its own, hence a file of its own
// (names ending in .a and .b). The newest generation that is known to be good is never the one overwritten, unless the other
// one is broken for good; then the storage's own transaction is what protects it. [Store.Load] takes the newest generation
// that verifies and that the caller's decoder accepts, else the older one, else nothing: a clean start.
//
// # Damage
//
// file_storage keeps a bbolt file, which it reads through a memory map without checksums and which it scans while opening it
// and while rolling back, partly on a goroutine of its own. There a flipped bit in a page ends the whole process, by a panic
// or a fault that no caller can recover from; a page that points back to its parent overflows the stack, and an absurd
// page count exhausts the memory. Two things stand against that:
//
//   - The structure of the file is checked before every use of it, without bbolt and within a bounded effort: only page
//     headers and keys are read. A damaged file is kept aside under its name plus ".damaged" (one per generation, the latest),
//     a warning is logged, and the generation starts afresh. The values are covered by the checksums above.
//   - Every client call runs on a goroutine of its own that turns panics and memory faults into errors, and is bounded by a
//     deadline. A call that passes it is abandoned and counted, and its generation is broken for the life of the process:
//     it is logged once, and the other generation keeps being used. A generation that faulted three times is broken too.
//
// What remains: a file damaged by another program during the milliseconds of a bbolt transaction can still end the process,
// and so can file_storage's own compaction goroutine (compaction::on_rebound) if the file is damaged while it runs. With
// a storage extension other than file_storage there is no file to check, and only the guards apply.
//
// # Settings that matter
//
// file_storage does not sync its writes by default (`fsync: false`): a process may be killed at any time, but after a power
// cut both generations may be gone. The shipped configurations set `fsync: true`. Each file needs room for the old and the
// new blob at the same time: with `max_size`, allow twice the blob plus 16 MiB.
package checkpoint
