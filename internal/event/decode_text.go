// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"hash/maphash"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// unquoted gives the bytes of a JSON string, good until the decoder reads on.
func (d *Decoder) unquoted(raw []byte) []byte {
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	d.scratch, _ = jsontext.AppendUnquote(d.scratch[:0], raw) // The parser has accepted it.
	return d.scratch
}

// cut shortens a string to at most limit bytes, at a rune, and marks it where the
// limit leaves room for the mark. No limit is 0.
func cut(s string, limit int) string {
	if limit <= 0 || len(s) <= limit {
		return s
	}
	mark := Truncated
	if limit < len(mark) {
		mark = ""
	}
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}

// textCache gives the same string for the same bytes, so that names and values
// that come again and again are not allocated each time. It is bounded: a string
// takes the place of another one with the same hash.
type textCache struct {
	seed    maphash.Seed
	entries []string
}

const (
	cachedTexts    = 1024 // a power of two
	cachedTextSize = 64
)

func (c *textCache) get(b []byte) string {
	if len(b) > cachedTextSize {
		return string(b)
	}
	if c.entries == nil {
		c.entries, c.seed = make([]string, cachedTexts), maphash.MakeSeed()
	}
	entry := &c.entries[maphash.Bytes(c.seed, b)%cachedTexts]
	if *entry != string(b) {
		*entry = string(b)
	}
	return *entry
}
