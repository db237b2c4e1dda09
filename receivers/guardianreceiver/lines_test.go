// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianreceiver

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Lines of every length around the reader's buffer and the limit, however they arrive.
func TestLines(t *testing.T) {
	const buffer, limit = 16, 40
	for length := range 60 {
		long := strings.Repeat("x", length)
		for _, end := range []string{"\n", "\r\n", ""} {
			want := []string{"first", long, "last"}
			switch {
			case length == 0:
				want = []string{"first", "last"}
			case length > limit:
				want[1] = "too long"
			}
			text := "first\n" + long + "\n \n\nlast" + end
			for _, source := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
				reader := lineReader{reader: bufio.NewReaderSize(source, buffer), limit: limit}
				var got []string
				for {
					line, err := reader.next()
					if errors.Is(err, io.EOF) {
						break
					}
					if errors.Is(err, errLineTooLong) {
						line = []byte("too long")
					} else if !assert.NoError(t, err) {
						return
					}
					got = append(got, string(line))
				}
				assert.Equal(t, want, got)
				assert.LessOrEqual(t, len(reader.long), limit+buffer, "a line that is too long is not buffered")
			}
		}
	}
}

func TestLinesOfBrokenSource(t *testing.T) {
	broken := errors.New("broken")
	reader := lineReader{reader: bufio.NewReader(io.MultiReader(strings.NewReader("first\nhalf"), iotest.ErrReader(broken))), limit: 10}
	line, err := reader.next()
	assert.Equal(t, "first", string(line))
	assert.NoError(t, err)
	_, err = reader.next()
	assert.ErrorIs(t, err, broken, "half a line is no line")
}

// Of a body that ends too early the lines that came whole are taken, and the answer says so. With
// strict=true none are.
func TestLinesBeforeABreakAreTaken(t *testing.T) {
	var body bytes.Buffer
	w := gzip.NewWriter(&body)
	_, err := io.WriteString(w, `{"type":"detection","data":{"detector_type":"a","status":"success"}}`+"\n"+`{"type":"detection","data":{"detector_type":"b","status":"success"}}`+"\n")
	require.NoError(t, err)
	require.NoError(t, w.Flush()) // and no end
	for path, accepted := range map[string]int{"/v1/events": 2, "/v1/events?strict=true": 0} {
		r := start(t, "")
		a := r.post(t, path, body.String(), "Content-Type", "application/x-ndjson", "Content-Encoding", "gzip")
		assert.Equal(t, 400, a.status, path)
		assert.Equal(t, accepted, a.Accepted, path)
	}
}
