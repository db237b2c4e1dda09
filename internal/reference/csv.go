// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// readCSV reads a header and rows. Cells that are empty, or say null or NaN, are missing.
func readCSV(r io.Reader, limit int) (*columns, error) {
	buffered := bufio.NewReader(r)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = buffered.Discard(len(mark)) // it was peeked
	}
	reader := csv.NewReader(buffered)
	reader.ReuseRecord = true
	header, err := reader.Read()
	if err != nil {
		return nil, fmt.Errorf("cannot read the header: %w", err)
	}
	header = slices.Clone(header)
	all := newColumns(limit)
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err // names the line
		}
		all.rows++
		for i, cell := range record {
			if err := all.addCell(header[i], strings.TrimSpace(cell)); err != nil {
				return nil, err
			}
		}
	}
}

func (c *columns) addCell(name, cell string) error {
	column, err := c.at(strings.TrimSpace(name))
	if column == nil || err != nil || cell == "" || strings.EqualFold(cell, "null") {
		return err
	}
	if v, err := strconv.ParseFloat(cell, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		column.addNumber(v)
	} else {
		column.addText(strings.Clone(cell)) // the reader uses the memory again
	}
	return nil
}
