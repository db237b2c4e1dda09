// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package privacy says what may be kept of a text that people or models have written: nothing, a keyed hash, the text with what
// identifies people and gives access masked, or all of it.
//
// # What is masked
//
//   - [EMAIL]: addresses, with letters of any script that separates words.
//   - [CARD]: 13 to 19 digits in one piece, or in groups of at least four (the last may be shorter) between single spaces or single
//     dashes, that begin as issued cards do and have a valid check digit.
//   - [PHONE]: numbers that begin with + and the country, or with 00 and separators; and with separators the national forms
//     3-3-4 of North America and those of 9 to 12 digits that begin with 0.
//   - [KEY]: tokens with a well-known prefix, JSON web tokens, Bearer and Basic credentials, blocks of private keys, names with passwords in URLs,
//     values that are assigned to a name that ends in password, token, api_key and the like, and long random text after such a word.
//   - [REDACTED]: what the configured patterns match. They come first.
//
// Telephone numbers without separators, passwords in prose and names are not found: this reduces what leaks, it does
// not replace leaving content out.
//
// # How
//
// The text is scanned once, from left to right, in time that is linear in its length. What is masked is decided by the match itself and by
// what stands to the left of it, where a mask that was just written counts as it will be read later: masking a second
// time changes nothing. Text without a match is returned as it is, without an allocation.
package privacy
