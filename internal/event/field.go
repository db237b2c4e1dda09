// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"maps"
	"slices"
	"strings"
)

// field describes one field of a type, wherever it is read or written.
type field struct {
	// at gives a pointer to the field's value in an event or list element.
	at     func(any) any
	kind   kind
	number int // among the fields of its table

	name       string   // JSON path, dotted
	otherNames []string // other JSON paths that are read
	key        string   // attribute key on records; "" if it has no attribute
	otherKeys  []string // other attribute keys that are read, the preferred ones first
	meaning    string
	elements   *table // of a list

	required bool
	enum     []string
	spelling map[string]string // other spellings of the enum's values
	low      Float
	high     Float
	format   string // of a JSON Schema
	speaker  string // who says a text that OpenTelemetry has as a chat message
	secrecy  secrecy
	// hasUniqueValues keeps ids, which never come twice, out of the cache of strings.
	hasUniqueValues bool
	takesAnyScalar  bool
}

// kind is the type of a field's value.
type kind uint8

const (
	kindText    kind = iota // *string
	kindDouble              // *Float
	kindInteger             // *Int
	kindBoolean             // *Bool
	kindTexts               // *[]string
	kindOpen                // *Attributes
	kindList                // elements
)

// secrecy says how a text is treated before it is kept.
type secrecy uint8

const (
	plain       secrecy = iota
	maskedText          // secrets in it are masked
	contentText         // what people wrote, or quotes it
)

type fields []field

func join(groups ...fields) fields { return slices.Concat(groups...) }

func newField[T, V any](name, meaning string, k kind, at func(*T) *V) field {
	return field{name: name, key: name, meaning: meaning, kind: k, at: func(e any) any { return at(e.(*T)) }}
}

func text[T any](name, meaning string, at func(*T) *string) field {
	return newField(name, meaning, kindText, at)
}

func double[T any](name, meaning string, at func(*T) *Float) field {
	return newField(name, meaning, kindDouble, at)
}

func integer[T any](name, meaning string, at func(*T) *Int) field {
	return newField(name, meaning, kindInteger, at)
}

func boolean[T any](name, meaning string, at func(*T) *Bool) field {
	return newField(name, meaning, kindBoolean, at)
}

func texts[T any](name, meaning string, at func(*T) *[]string) field {
	return newField(name, meaning, kindTexts, at)
}

func open[T any](name, meaning string, at func(*T) *Attributes) field {
	return newField(name, meaning, kindOpen, at)
}

// listOf is a pointer to a slice of elements.
type listOf interface {
	grow() any
	clear()
	len() int
	element(i int) any
}

type slicePointer[E any] struct{ slice *[]E }

func (s slicePointer[E]) grow() any {
	*s.slice = append(*s.slice, *new(E))
	return &(*s.slice)[len(*s.slice)-1]
}
func (s slicePointer[E]) clear()            { *s.slice = (*s.slice)[:0] }
func (s slicePointer[E]) len() int          { return len(*s.slice) }
func (s slicePointer[E]) element(i int) any { return &(*s.slice)[i] }

func list[T, E any](name, meaning string, elements fields, at func(*T) *[]E) field {
	f := field{name: name, meaning: meaning, kind: kindList, at: func(e any) any { return slicePointer[E]{at(e.(*T))} }}
	f.elements = newTable("", "", nil, nil, elements, nil)
	return f
}

// as gives the field an attribute key, and others under which it is read too.
func (f field) as(key string, others ...string) field {
	f.key, f.otherKeys = key, others
	return f
}

// path adds a JSON path under which the field is read too.
func (f field) path(other string) field {
	f.otherNames = append(f.otherNames, other)
	return f
}

func (f field) needed() field {
	f.required = true
	return f
}

func (f field) oneOf(values ...string) field {
	f.enum = values
	return f
}

func (f field) spelled(other, value string) field {
	spelling := map[string]string{other: value}
	maps.Copy(spelling, f.spelling)
	f.spelling = spelling
	return f
}

func (f field) notNegative() field {
	f.low = Some(0.)
	return f
}

// upTo bounds the field from 0 to high.
func (f field) upTo(high float64) field {
	f.low, f.high = Some(0.), Some(high)
	return f
}

func (f field) date() field {
	f.format = "date-time"
	return f
}

func (f field) unique() field {
	f.hasUniqueValues = true
	return f
}

func (f field) jsonOnly() field {
	f.key = ""
	return f
}

func (f field) anyScalar() field {
	f.takesAnyScalar = true
	return f
}

func (f field) content() field {
	f.secrecy, f.hasUniqueValues = contentText, true
	return f
}

func (f field) message() field {
	f.secrecy, f.hasUniqueValues = maskedText, true
	return f
}

func (f field) saidBy(speaker string) field {
	f.speaker = speaker
	return f
}

// ofMeta makes a field of Meta one of the event that embeds it.
func (f field) ofMeta() field {
	at := f.at
	f.at = func(e any) any { return at(e.(Event).Common()) }
	return f
}

// set reports whether the event has the field.
func (f *field) set(event any) bool { return isSet(f.at(event)) }

// isSet reports whether what field.at gives holds something.
func isSet(value any) bool {
	switch v := value.(type) {
	case *string:
		return *v != ""
	case *Float:
		return v.Set
	case *Int:
		return v.Set
	case *Bool:
		return v.Set
	case *[]string:
		return len(*v) > 0
	case *Attributes:
		return len(*v) > 0
	case listOf:
		return v.len() > 0
	default:
		return false
	}
}

// table is what is known of a type.
type table struct {
	typ       Type   // JSON type; "" if there is none
	eventName string // "" if the type is written as several records
	new       func() Event
	check     func(Event) *Problem // rules over several fields; may be nil
	fields    fields
	required  []*field
	root      *node
	keys      index[keyed]
	opens     []*field
}

// keyed is what an attribute key stands for.
type keyed struct {
	key   string
	field *field
	// rank is 0 for the field's own key, and counts the other keys under which the
	// field is read: a lower one wins.
	rank int
}

// shorthand maps an object to the field that a bare string (or with # a bare
// number) in its place stands for.
type shorthand map[string]string

// node is an object of a type's JSON, or a field.
type node struct {
	pointer  string // JSON pointer below data
	children map[string]*node
	names    index[*node] // the children, for the decoder
	order    []string     // of the children, for the encoder
	field    *field
	text     *field // what a bare string in place of the object means
	number   *field
}

func newTable(typ Type, eventName string, newEvent func() Event, check func(Event) *Problem, all fields, short shorthand) *table {
	t := &table{
		typ: typ, eventName: eventName, new: newEvent, check: check, fields: all,
		root: &node{},
	}
	for i := range t.fields {
		f := &t.fields[i]
		f.number = i
		t.root.add(f.name, f, true)
		for _, other := range f.otherNames {
			t.root.add(other, f, false)
		}
		t.addKeys(f)
		if f.required {
			t.required = append(t.required, f)
		}
	}
	for name, target := range short {
		name, isNumber := strings.CutSuffix(name, "#")
		n := t.root.add(name, nil, false)
		if isNumber || t.field(target).kind == kindDouble {
			n.number = t.field(target)
		} else {
			n.text = t.field(target)
		}
	}
	return t
}

// addKeys notes the attribute keys that a field is read from.
func (t *table) addKeys(f *field) {
	if f.kind == kindOpen {
		t.opens = append(t.opens, f)
		return
	}
	if f.key != "" {
		t.keys.add(f.key, keyed{key: f.key, field: f})
	}
	for i, other := range f.otherKeys {
		t.keys.add(other, keyed{key: other, field: f, rank: i + 1})
	}
}

// field finds a field by its JSON path.
func (t *table) field(name string) *field {
	for i := range t.fields {
		if t.fields[i].name == name {
			return &t.fields[i]
		}
	}
	panic("event: no field " + name) // reached when the package is initialised, if at all
}

// need marks a field of a shared group as required in this type.
func (t *table) need(name string) *table {
	f := t.field(name)
	f.required = true
	t.required = append(t.required, f)
	return t
}

// add gives the node at a path below n, made where it is missing. Only canonical
// paths are written by the encoder.
func (n *node) add(path string, f *field, canonical bool) *node {
	at := n
	for name := range strings.SplitSeq(path, ".") {
		if at.children == nil {
			at.children = map[string]*node{}
		}
		child := at.children[name]
		if child == nil {
			child = &node{pointer: at.pointer + "/" + name}
			at.children[name] = child
			at.names.add(name, child)
		}
		if canonical && !slices.Contains(at.order, name) {
			at.order = append(at.order, name)
		}
		at = child
	}
	if f != nil {
		at.field = f
	}
	return at
}
