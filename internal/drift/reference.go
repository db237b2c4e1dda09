// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// Kind is what the values of a feature are.
type Kind uint8

// Kinds of features.
const (
	Numeric     Kind = iota + 1 // numbers
	Categorical                 // names
	Aggregated                  // histograms: counts of numbers between edges
)

// String returns the name of the kind.
func (k Kind) String() string {
	switch k {
	case Numeric:
		return "numeric"
	case Categorical:
		return "categorical"
	case Aggregated:
		return "aggregated"
	}
	return "unknown"
}

// ErrNoValues means that a reference was to be made of nothing: no values, or only missing ones.
var ErrNoValues = errors.New("reference has no values")

// ReferenceSettings say how to make a reference.
type ReferenceSettings struct {
	// ID names the reference in verdicts: a file, or the window it was made of.
	ID string
	// Created is the time that the age of the reference counts from.
	Created time.Time
	// Provisional marks a reference that nobody has found stable yet.
	Provisional bool
	// Ordered says that the values come in the order of their time. Only then does their autocorrelation tell how many
	// independent values they stand for; otherwise all count.
	Ordered bool
	// Bins cut up numbers for PSI and Jensen–Shannon.
	Bins BinSettings
}

// Reference is a distribution to compare windows with: cells and how many values each holds. It never changes, and any number of
// features may share it.
type Reference struct {
	id          string
	created     int64
	provisional bool

	hash    string
	kind    Kind
	n       uint64
	missing uint64
	share   float64 // of n that counts after the discount for dependence

	numbers    *numbers
	categories *categories
	buckets    Buckets
}

// NewNumericReference makes a reference of numbers. NaN counts as missing; ±Inf are values of their own. Up to 1,024 distinct
// values are kept as they are, more are thinned to as many with an error that every verdict carries.
func NewNumericReference(values []float64, s ReferenceSettings) (*Reference, error) {
	if err := s.Bins.validate(); err != nil {
		return nil, err
	}
	sorted := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	slices.Sort(sorted)
	if err := checkSize(uint64(len(sorted))); err != nil {
		return nil, err
	}
	r := &Reference{kind: Numeric, n: uint64(len(sorted)), missing: uint64(len(values) - len(sorted)), share: 1}
	r.numbers = newNumbers(sorted, s.Bins)
	if s.Ordered {
		var sequence serial
		for _, v := range values {
			if !math.IsNaN(v) {
				sequence.add(r.numbers.cuts.cell(v))
			}
		}
		r.share = effectiveShare(sequence.correlation(), sequence.n)
	}
	return r.finish(s), nil
}

// NewCategoricalReference makes a reference of names, in the order of their time if s says so, and a number of missing ones. The
// MaxCategories most frequent names keep a count of their own; names are cut at MaxCategoryBytes.
func NewCategoricalReference(names []string, missing uint64, s ReferenceSettings) (*Reference, error) {
	if err := checkSize(uint64(len(names))); err != nil {
		return nil, err
	}
	byName := map[string]uint32{}
	for _, name := range names {
		byName[cutName(name)]++
	}
	r := &Reference{kind: Categorical, n: uint64(len(names)), missing: missing, share: 1, categories: newCategories(byName)}
	if s.Ordered {
		var sequence runs
		for _, name := range names {
			sequence.add(r.categories.of(name))
		}
		r.share = effectiveShare(sequence.correlation(agreement(r.categories.counts)), sequence.n)
	}
	return r.finish(s), nil
}

// NewAggregatedReference makes a reference of the counts of a histogram.
func NewAggregatedReference(b Buckets, s ReferenceSettings) (*Reference, error) {
	if err := checkSize(b.Total()); err != nil {
		return nil, err
	}
	r := &Reference{kind: Aggregated, n: b.Total(), share: 1, buckets: b.clone()}
	return r.finish(s), nil
}

func checkSize(n uint64) error {
	switch {
	case n == 0:
		return ErrNoValues
	case n > maxReference:
		return fmt.Errorf("reference of %d values is too large: at most %d are possible", n, maxReference)
	}
	return nil
}

// agreement is the probability that two independent values have one category.
func agreement(counts []uint32) float64 {
	n := float64(total(counts))
	var sum float64
	for _, c := range counts {
		sum += float64(c) / n * (float64(c) / n)
	}
	return sum
}

func (r *Reference) finish(s ReferenceSettings) *Reference {
	r.id, r.created, r.provisional = s.ID, unixNano(s.Created), s.Provisional
	var e codec.Encoder
	r.encodeContent(&e)
	sum := sha256.Sum256(e.Data())
	r.hash = hex.EncodeToString(sum[:16])
	return r
}

// ID returns the name of the reference.
func (r *Reference) ID() string { return r.id }

// Hash identifies the content in 32 hexadecimal digits. Windows against references with one hash can be added up.
func (r *Reference) Hash() string { return r.hash }

// Created returns the time that the age of the reference counts from.
func (r *Reference) Created() time.Time { return fromUnixNano(r.created) }

// Provisional says that nobody has found the reference stable yet.
func (r *Reference) Provisional() bool { return r.provisional }

// Kind returns what the values are.
func (r *Reference) Kind() Kind { return r.kind }

// N returns the number of values, missing ones not counted.
func (r *Reference) N() uint64 { return r.n }

// Missing returns the number of missing values.
func (r *Reference) Missing() uint64 { return r.missing }

// Error returns the largest difference between the distribution functions of the reference and of all values that it was made
// of: 0 for up to 1,024 distinct values, else at most 1/1,024.
func (r *Reference) Error() float64 {
	if r.numbers == nil {
		return 0
	}
	return r.numbers.offBy
}

// effective is the number of independent values that the reference stands for.
func (r *Reference) effective() float64 { return float64(r.n) * r.share }

// accepted returns the same reference, no longer provisional.
func (r *Reference) accepted() *Reference {
	c := *r
	c.provisional = false
	return &c
}

// aggregated returns a numeric reference in the form that histograms are compared with, under the same hash.
func (r *Reference) aggregated() *Reference {
	c := *r
	c.kind, c.buckets = Aggregated, r.numbers.asBuckets()
	return &c
}

// referenceVersion is the first byte of an encoded reference.
const referenceVersion = 1

// Append appends the reference in a compact binary form, at most 16 KiB for a numeric one.
func (r *Reference) Append(dst []byte) []byte {
	e := codec.NewEncoder(append(dst, referenceVersion))
	e.String(r.id)
	e.Varint(r.created)
	e.Bool(r.provisional)
	r.encodeContent(e)
	return e.Data()
}

func (r *Reference) encodeContent(e *codec.Encoder) {
	e.Uvarint(uint64(r.kind))
	e.Uvarint(r.n)
	e.Uvarint(r.missing)
	e.Float64(r.share)
	switch r.kind {
	case Numeric:
		r.numbers.encode(e)
	case Categorical:
		r.categories.encode(e)
	case Aggregated:
		r.buckets.encode(e)
	}
}

// DecodeReference reads what [Reference.Append] wrote. Any other input is an error that wraps [codec.ErrDamaged], never a panic.
func DecodeReference(b []byte) (*Reference, error) {
	d := codec.NewDecoder(b)
	d.Require(d.Uvarint() == referenceVersion)
	s := ReferenceSettings{ID: d.String(), Created: fromUnixNano(d.Varint()), Provisional: d.Bool()}
	r := &Reference{kind: Kind(d.Below(4)), n: d.Uvarint(), missing: d.Uvarint(), share: d.Float64()}
	d.Require(r.share > 0 && r.share <= 1 && r.missing <= maxReference)
	held := r.decodeContent(d)
	d.Require(held == r.n)
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("cannot read a reference: %w", err)
	}
	return r.finish(s), nil
}

// decodeContent returns how many values the cells hold.
func (r *Reference) decodeContent(d *codec.Decoder) uint64 {
	switch r.kind {
	case Numeric:
		if r.numbers = decodeNumbers(d); r.numbers != nil {
			return uint64(r.numbers.upTo[len(r.numbers.upTo)-1])
		}
	case Categorical:
		r.categories = decodeCategories(d)
		return total(r.categories.counts)
	case Aggregated:
		r.buckets = decodeBuckets(d)
		d.Require(r.buckets.Total() <= maxReference && r.buckets.Total() > 0)
		return r.buckets.Total()
	default:
		d.Require(false)
	}
	return 0
}

// unixNano is 0 for the zero time, which UnixNano does not define.
func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromUnixNano(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
