// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// errLineTooLong says that a line was passed over.
var errLineTooLong = errors.New("the line is too long")

// jsonSpace is what JSON has as white space.
const jsonSpace = " \t\r\n"

// lineReader reads lines that are not blank, of a bounded length.
type lineReader struct {
	reader *bufio.Reader
	limit  int
	long   []byte // a line that does not fit into the reader
}

// next gives the next line, good until the one after it is read. The error is
// errLineTooLong for one with more bytes than allowed, after which the next one can
// be read; io.EOF after the last one; else what the source says.
func (l *lineReader) next() ([]byte, error) {
	for {
		line, err := l.line()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		line = bytes.Trim(line, jsonSpace)
		switch {
		case len(line) > l.limit:
			return nil, errLineTooLong
		case len(line) > 0:
			return line, nil
		case err != nil:
			return nil, err
		}
	}
}

// line gives the next line, blank or not; of one that is too long, its beginning.
func (l *lineReader) line() ([]byte, error) {
	piece, err := l.reader.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return piece, err
	}
	l.long = l.long[:0]
	for errors.Is(err, bufio.ErrBufferFull) {
		l.keep(piece)
		piece, err = l.reader.ReadSlice('\n')
	}
	l.keep(piece)
	return l.long, err
}

func (l *lineReader) keep(piece []byte) {
	if len(l.long) <= l.limit {
		l.long = append(l.long, piece...)
	}
}
