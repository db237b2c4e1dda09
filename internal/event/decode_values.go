// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// object decodes the members of an object.
func (d *Decoder) object(n *node, target any) error {
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	d.deep(d.json.StackDepth())
	for d.json.PeekKind() != '}' {
		raw, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		child, known := find(&n.names, d.unquoted(raw))
		if !known {
			d.Unknown++
			err = d.skip()
		} else {
			err = d.value(child, target)
		}
		if err != nil {
			return err
		}
	}
	_, err := d.json.ReadToken()
	return err
}

// value decodes a member.
func (d *Decoder) value(n *node, target any) error {
	switch d.json.PeekKind() {
	case 'n':
		return d.skip()
	case '{':
		switch {
		case n.children != nil:
			return d.object(n, target)
		case n.field.kind == kindOpen:
			into := n.field.at(target).(*Attributes)
			*into = (*into)[:0]
			return d.openObject(n, n.field.key, into)
		}
	case '[':
		switch {
		case n.field == nil:
		case n.field.kind == kindList:
			return d.elements(n, n.field.at(target).(listOf))
		case n.field.kind == kindTexts:
			return d.strings(n, n.field.at(target).(*[]string))
		}
	case '"':
		if f := n.of(n.text); f != nil {
			return d.text(n, f, target)
		}
	case '0':
		if f := n.of(n.number); f != nil {
			return d.number(n, f, target)
		}
	case 't', 'f':
		if f := n.of(nil); f != nil {
			return d.bool(n, f, target)
		}
	}
	d.fail(CodeWrongType, n.pointer, "must be "+n.wants())
	return d.skip()
}

// of gives the node's own field, else the one that a bare value stands for.
func (n *node) of(bare *field) *field {
	if n.field != nil {
		return n.field
	}
	return bare
}

// wants says in words what a node takes.
func (n *node) wants() string {
	if n.field == nil {
		return "an object"
	}
	switch n.field.kind {
	case kindText:
		return "a string"
	case kindDouble:
		return "a number"
	case kindInteger:
		return "an integer"
	case kindBoolean:
		return "true or false"
	case kindTexts:
		return "a list of strings"
	case kindOpen:
		return "an object"
	default:
		return "a list of objects"
	}
}

// elements decodes a list of objects.
func (d *Decoder) elements(n *node, list listOf) error {
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	d.deep(d.json.StackDepth())
	list.clear()
	d.list = n
	defer func() { d.list = nil }()
	for d.item = 0; d.json.PeekKind() != ']'; d.item++ {
		if d.json.PeekKind() != '{' {
			d.fail(CodeWrongType, "", "must be an object")
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		if d.count(n) {
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		element := list.grow()
		if err := d.object(n.field.elements.root, element); err != nil {
			return err
		}
		d.required(n.field.elements, element)
	}
	_, err := d.json.ReadToken()
	return err
}

// required notes a field that must be there and is not.
func (d *Decoder) required(t *table, target any) {
	for _, f := range t.required {
		if !f.set(target) {
			d.fail(CodeMissingField, "/"+strings.ReplaceAll(f.name, ".", "/"), isRequired)
		}
	}
}

// count counts a value of the event and reports whether there are too many.
func (d *Decoder) count(n *node) bool {
	d.values++
	if d.Limits.Attributes <= 0 || d.values <= d.Limits.Attributes {
		return false
	}
	if d.values == d.Limits.Attributes+1 {
		d.fail(CodeTooManyFields, n.pointer, fmt.Sprintf("the event has more than %d values", d.Limits.Attributes))
	}
	return true
}

func (d *Decoder) strings(n *node, into *[]string) error {
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	d.deep(d.json.StackDepth())
	*into = (*into)[:0]
	for d.json.PeekKind() != ']' {
		if d.json.PeekKind() != '"' {
			d.fail(CodeWrongType, n.pointer, "must be a list of strings")
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		raw, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		if !d.count(n) {
			*into = append(*into, cut(d.texts.get(d.unquoted(raw)), d.Limits.Text))
		}
	}
	_, err := d.json.ReadToken()
	return err
}

// text decodes a JSON string.
func (d *Decoder) text(n *node, f *field, target any) error {
	into, ok := f.at(target).(*string)
	if !ok {
		d.fail(CodeWrongType, n.pointer, "must be "+n.wants())
		return d.skip()
	}
	raw, err := d.json.ReadValue()
	if err != nil || d.count(n) {
		return err
	}
	value := d.unquoted(raw)
	switch {
	case f.secrecy == contentText:
		if d.Filter.Content != nil {
			if kept, keep := d.Filter.Content(string(value)); keep {
				*into = cut(kept, d.Limits.Content)
			}
		}
		return nil
	case f.secrecy == maskedText:
		message := string(value)
		if d.Filter.Message != nil {
			message = d.Filter.Message(message)
		}
		*into = cut(message, d.Limits.Content)
		return nil
	case f.hasUniqueValues:
		*into = cut(string(value), d.Limits.Text)
	default:
		*into = cut(d.texts.get(value), d.Limits.Text)
	}
	d.checkText(n, f, into)
	return nil
}

// checkText holds a string to its enum or format.
func (d *Decoder) checkText(n *node, f *field, value *string) {
	if len(f.enum) > 0 {
		normal, ok := f.normal(*value)
		if !ok {
			d.fail(CodeInvalidValue, n.pointer, fmt.Sprintf("is %.100q; must be one of %s", *value, strings.Join(f.enum, ", ")))
		}
		*value = normal
	}
	if f.format != "" && !isTime(*value) {
		d.fail(CodeInvalidValue, n.pointer, notATime)
	}
}

// number decodes a JSON number.
func (d *Decoder) number(n *node, f *field, target any) error {
	raw, err := d.json.ReadValue()
	if err != nil || d.count(n) {
		return err
	}
	switch into := f.at(target).(type) {
	case *Float:
		if value, ok := d.float(n, f, raw); ok {
			*into = Some(value)
		}
	case *Int:
		value, parsed := parseInteger(raw)
		switch {
		case errors.Is(parsed, strconv.ErrRange):
			d.fail(CodeOutOfRange, n.pointer, "must be an integer of at most 64 bits")
		case parsed != nil:
			d.fail(CodeWrongType, n.pointer, "must be an integer")
		default:
			if problem := f.rangeProblem(float64(value)); problem != nil {
				d.fail(problem.Code, n.pointer, problem.Message)
			}
			*into = Some(value)
		}
	case *string:
		if !f.takesAnyScalar {
			d.fail(CodeWrongType, n.pointer, "must be a string")
			return nil
		}
		*into = string(raw)
	default:
		d.fail(CodeWrongType, n.pointer, "must be "+n.wants())
	}
	return nil
}

// float parses a number that the field takes.
func (d *Decoder) float(n *node, f *field, raw []byte) (float64, bool) {
	value, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		d.fail(CodeOutOfRange, n.pointer, "is too great for a double")
		return 0, false
	}
	if problem := f.rangeProblem(value); problem != nil {
		d.fail(problem.Code, n.pointer, problem.Message)
		return 0, false
	}
	return value, true
}

// parseInteger reads an integer, also one that is written with a fraction or an
// exponent, such as 1.0 or 1e3. The error is strconv.ErrRange or ErrSyntax.
func parseInteger(raw []byte) (int64, error) {
	if isDigits(raw) {
		value, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil {
			return 0, strconv.ErrRange
		}
		return value, nil
	}
	value, err := strconv.ParseFloat(string(raw), 64)
	switch {
	case err != nil || math.Abs(value) >= 1<<63:
		return 0, strconv.ErrRange
	case value != math.Trunc(value):
		return 0, strconv.ErrSyntax
	default:
		return int64(value), nil
	}
}

func (d *Decoder) bool(n *node, f *field, target any) error {
	token, err := d.json.ReadToken()
	if err != nil || d.count(n) {
		return err
	}
	switch into := f.at(target).(type) {
	case *Bool:
		*into = Some(token.Bool())
	case *string:
		if f.takesAnyScalar {
			*into = strconv.FormatBool(token.Bool())
			return nil
		}
		d.fail(CodeWrongType, n.pointer, "must be a string")
	default:
		d.fail(CodeWrongType, n.pointer, "must be "+n.wants())
	}
	return nil
}

// openObject decodes an object whose names are the user's own. Objects within it
// are flattened, their names joined by dots. A null and an empty name say nothing.
func (d *Decoder) openObject(n *node, prefix string, into *Attributes) error {
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	tooDeep := d.deep(d.json.StackDepth())
	for d.json.PeekKind() != '}' {
		raw, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		name := d.unquoted(raw)
		key := d.openKey(n.field, prefix, name)
		switch kind := d.json.PeekKind(); {
		case kind == 'n' || tooDeep || len(name) == 0:
			err = d.skip()
		case kind == '{':
			err = d.openObject(n, key, into)
		case d.count(n):
			err = d.skip()
		default:
			var value Value
			var keep bool
			if value, keep, err = d.openValue(n, kind); keep {
				*into = append(*into, Attribute{Key: key, Value: value})
			}
		}
		if err != nil {
			return err
		}
	}
	_, err := d.json.ReadToken()
	return err
}

// openKey gives the attribute key of an entry. The limit of a text is that of the
// entry's own name, so that the key is still one of the field.
func (d *Decoder) openKey(f *field, prefix string, name []byte) string {
	d.key = append(append(append(d.key[:0], prefix...), '.'), name...)
	key := d.texts.get(d.key)
	if limit := d.Limits.Text; limit > 0 {
		key = cut(key, len(f.key)+1+limit)
	}
	return key
}

// openValue decodes a scalar or a list of scalars.
func (d *Decoder) openValue(n *node, kind jsontext.Kind) (Value, bool, error) {
	switch kind {
	case '[':
		return d.openList(n)
	case '"':
		raw, err := d.json.ReadValue()
		if err != nil {
			return Value{}, false, err
		}
		return String(cut(d.texts.get(d.unquoted(raw)), d.Limits.Text)), true, nil
	case '0':
		raw, err := d.json.ReadValue()
		if err != nil {
			return Value{}, false, err
		}
		if isDigits(raw) {
			if value, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
				return Integer(value), true, nil
			}
		}
		value, ok := d.float(n, n.field, raw)
		return Double(value), ok, nil
	default:
		token, err := d.json.ReadToken()
		if err != nil {
			return Value{}, false, err
		}
		return Boolean(token.Bool()), true, nil
	}
}

func (d *Decoder) openList(n *node) (Value, bool, error) {
	if _, err := d.json.ReadToken(); err != nil {
		return Value{}, false, err
	}
	d.deep(d.json.StackDepth())
	list, good := emptyList(), true
	for d.json.PeekKind() != ']' {
		kind := d.json.PeekKind()
		if kind == '{' || kind == '[' || kind == 'n' {
			d.fail(CodeWrongType, n.pointer, "a list there must hold strings, numbers or bools")
			good = false
			if err := d.skip(); err != nil {
				return Value{}, false, err
			}
			continue
		}
		element, ok, err := d.openValue(n, kind)
		if err != nil {
			return Value{}, false, err
		}
		if d.count(n) || !ok {
			good = false
			continue
		}
		list.list = append(list.list, element)
	}
	_, err := d.json.ReadToken()
	return list, good, err
}
