// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiananswersextension

import (
	"errors"
	"io"
	"unicode/utf8"
)

// errNotUTF8 is what a reader of a utf8Body gets at the first byte that is none.
var errNotUTF8 = errors.New("the body is not valid UTF-8")

// utf8Body is a request's body that fails where it is not UTF-8.
type utf8Body struct {
	io.ReadCloser
	rest []byte // the beginning of a character that the next read continues
}

// Read reads from the body. What it returns was checked, except for the beginning
// of a last character that has not come as a whole yet.
func (b *utf8Body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	text := p[:n]
	if len(b.rest) > 0 {
		text = append(b.rest, text...)
	}
	whole := len(text) - incomplete(text)
	if !utf8.Valid(text[:whole]) || errors.Is(err, io.EOF) && whole < len(text) {
		return 0, errNotUTF8
	}
	b.rest = append([]byte(nil), text[whole:]...)
	return n, err
}

// incomplete gives the length of a character's beginning at the end of a text.
func incomplete(text []byte) int {
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if tail := text[len(text)-i:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return i
		}
	}
	return 0
}
