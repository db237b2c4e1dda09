// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// magic is what a Parquet file begins with.
const magic = "PAR1"

// readParquet reads a file of values, or a compact one.
func readParquet(r io.ReaderAt, size int64, s Settings) (set *Set, err error) {
	// The library panics on some damaged files.
	defer func() {
		if fault := recover(); fault != nil {
			set, err = nil, fmt.Errorf("it is damaged: %v", fault)
		}
	}()
	file, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	if version, compact := file.Lookup(compactKey); compact {
		return readCompact(file, version)
	}
	all := newColumns(s.MaxValues)
	all.rows = int(file.NumRows())
	if err := readColumns(file, all); err != nil {
		return nil, err
	}
	return new(Set).finish(all, s)
}

// readColumns reads the leaves of a file, and its maps.
func readColumns(file *parquet.File, all *columns) error {
	leaves := leavesOf(file.Root(), nil)
	for _, leaf := range leaves {
		switch {
		case leaf.MaxRepetitionLevel() == 0:
			if err := readLeaf(file, leaf, all); err != nil {
				return fmt.Errorf("column %s: %w", name(leaf.Path()), err)
			}
		case isKey(leaf.Path()):
			if err := readMap(file, leaf, leaves, all); err != nil {
				return fmt.Errorf("column %s: %w", name(leaf.Path()), err)
			}
		}
	}
	return nil
}

func leavesOf(c *parquet.Column, dst []*parquet.Column) []*parquet.Column {
	if c.Leaf() {
		return append(dst, c)
	}
	for _, child := range c.Columns() {
		dst = leavesOf(child, dst)
	}
	return dst
}

func name(path []string) string { return strings.Join(path, ".") }

// readLeaf reads a column that has a value per row.
func readLeaf(file *parquet.File, leaf *parquet.Column, all *columns) error {
	convert := conversion(leaf)
	if convert == nil || featureName(name(leaf.Path())) == "" {
		return nil
	}
	return eachValue(file, leaf, func(v parquet.Value) error {
		if v.IsNull() {
			return nil
		}
		column, err := all.at(name(leaf.Path()))
		if column != nil && err == nil {
			convert(column, v)
		}
		return err
	})
}

// isKey says whether a path is that of the keys of a map.
func isKey(path []string) bool {
	return len(path) >= 3 && path[len(path)-1] == "key" && (path[len(path)-2] == "key_value" || path[len(path)-2] == "map")
}

// readMap reads the entries of a map as columns. Its keys and values are columns of the same length.
func readMap(file *parquet.File, keys *parquet.Column, leaves []*parquet.Column, all *columns) error {
	path := keys.Path()
	entry := path[:len(path)-1]
	prefix := name(path[:len(path)-2]) + "."
	var names []string
	err := eachValue(file, keys, func(v parquet.Value) error {
		text := ""
		if !v.IsNull() {
			text = string(v.ByteArray())
		}
		names = append(names, text)
		if len(names) > all.limit {
			return all.admit()
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, leaf := range leaves {
		if leaf == keys || len(leaf.Path()) <= len(entry) || !slices.Equal(leaf.Path()[:len(entry)], entry) {
			continue
		}
		convert := conversion(leaf)
		if convert == nil || leaf.MaxRepetitionLevel() != keys.MaxRepetitionLevel() {
			continue
		}
		if err := readEntries(file, leaf, prefix, names, all, convert); err != nil {
			return err
		}
	}
	return nil
}

func readEntries(file *parquet.File, leaf *parquet.Column, prefix string, names []string, all *columns, convert func(*column, parquet.Value)) error {
	i := 0
	return eachValue(file, leaf, func(v parquet.Value) error {
		if i >= len(names) {
			return errors.New("it has more values than keys")
		}
		key := names[i]
		i++
		if v.IsNull() || key == "" {
			return nil
		}
		column, err := all.at(prefix + key)
		if column != nil && err == nil {
			convert(column, v)
		}
		return err
	})
}

// eachValue gives the values of a column in order, nulls among them.
func eachValue(file *parquet.File, leaf *parquet.Column, do func(parquet.Value) error) error {
	buffer := make([]parquet.Value, 1024)
	for _, group := range file.RowGroups() {
		reader := parquet.NewColumnChunkValueReader(group.ColumnChunks()[leaf.Index()])
		err := eachOf(reader, buffer, do)
		if err := errors.Join(err, reader.Close()); err != nil {
			return err
		}
	}
	return nil
}

func eachOf(reader parquet.ValueReader, buffer []parquet.Value, do func(parquet.Value) error) error {
	for {
		n, err := reader.ReadValues(buffer)
		for _, v := range buffer[:n] {
			if err := do(v); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// conversion says how a column's values become numbers or names; nil for times, ids and other things that are neither.
func conversion(leaf *parquet.Column) func(*column, parquet.Value) {
	var logical format.LogicalTypeValue
	if t := leaf.Type().LogicalType(); t != nil {
		logical = t.Value
	}
	switch leaf.Type().Kind() {
	case parquet.Boolean:
		return func(c *column, v parquet.Value) { c.addText(truth(v.Boolean())) }
	case parquet.Int32:
		return integers(logical,
			func(v parquet.Value) float64 { return float64(v.Int32()) }, func(v parquet.Value) float64 { return float64(v.Uint32()) })
	case parquet.Int64:
		return integers(logical,
			func(v parquet.Value) float64 { return float64(v.Int64()) }, func(v parquet.Value) float64 { return float64(v.Uint64()) })
	case parquet.Float:
		return func(c *column, v parquet.Value) { c.addNumber(float64(v.Float())) }
	case parquet.Double:
		return func(c *column, v parquet.Value) { c.addNumber(v.Double()) }
	case parquet.ByteArray:
		switch logical.(type) {
		case nil, *format.StringType, *format.EnumType:
			return func(c *column, v parquet.Value) { c.addText(string(v.ByteArray())) }
		}
	}
	return nil
}

// integers says how integers become numbers: those that stand for times do not.
func integers(logical format.LogicalTypeValue, signed, unsigned func(parquet.Value) float64) func(*column, parquet.Value) {
	of, scale := signed, 1.0
	switch t := logical.(type) {
	case nil:
	case *format.IntType:
		if !t.IsSigned {
			of = unsigned
		}
	case *format.DecimalType:
		scale = math.Pow10(-int(t.Scale))
	default:
		return nil
	}
	return func(c *column, v parquet.Value) { c.addNumber(of(v) * scale) }
}
