// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
	"github.com/llm-guardian/otelcol-guardian/internal/drift"
)

const (
	// compactKey marks a compact file, in the metadata of Parquet, with its version.
	compactKey     = "otelcol-guardian.reference"
	compactVersion = "1"
)

// compactRow is a feature of a compact file. What is not in Data is there for people.
type compactRow struct {
	Feature string `parquet:"feature"`
	Kind    string `parquet:"kind"`
	N       int64  `parquet:"n"`
	Missing int64  `parquet:"missing"`
	Hash    string `parquet:"hash"`
	Data    []byte `parquet:"data"` // cells and counts, as drift.Reference encodes them
}

// WriteTo writes a compact file, which holds the cells and counts of every reference and loads in milliseconds.
func (s *Set) WriteTo(w io.Writer) (int64, error) {
	counted := &counter{w: w}
	writer := parquet.NewGenericWriter[compactRow](counted, parquet.KeyValueMetadata(compactKey, compactVersion), parquet.Compression(&parquet.Zstd))
	rows := make([]compactRow, 0, len(s.byName))
	for _, name := range s.Names() {
		r := s.byName[name]
		rows = append(rows, compactRow{
			Feature: name, Kind: r.Kind().String(), N: int64(r.N()), Missing: int64(r.Missing()), Hash: r.Hash(), Data: r.Append(nil),
		})
	}
	if _, err := writer.Write(rows); err != nil {
		return counted.n, err
	}
	err := writer.Close()
	return counted.n, err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

func readCompact(file *parquet.File, version string) (*Set, error) {
	if version != compactVersion {
		return nil, fmt.Errorf("it is a compact reference of version %q; this version reads %s", version, compactVersion)
	}
	if file.NumRows() > maxColumns {
		return nil, fmt.Errorf("it has more than %d features", maxColumns)
	}
	reader := parquet.NewGenericReader[compactRow](file)
	defer reader.Close() //nolint:errcheck // it was only read
	set := &Set{byName: map[string]*drift.Reference{}}
	rows := make([]compactRow, 64)
	for {
		n, err := reader.Read(rows)
		for i := range rows[:n] {
			if err := set.decode(&rows[i]); err != nil {
				return nil, err
			}
		}
		if err == io.EOF { //nolint:errorlint // that is what the library returns
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if len(set.byName) == 0 {
		return nil, drift.ErrNoValues
	}
	return set, nil
}

func (s *Set) decode(row *compactRow) error {
	r, err := drift.DecodeReference(row.Data)
	if err != nil {
		return fmt.Errorf("feature %q: %w", row.Feature, err)
	}
	if r.Hash() != row.Hash {
		return fmt.Errorf("feature %q: %w: its hash is %s, not %s", row.Feature, codec.ErrDamaged, r.Hash(), row.Hash)
	}
	s.byName[row.Feature] = r
	return nil
}
