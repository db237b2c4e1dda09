// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"unicode/utf8"
)

// Label is a name and a value.
type Label struct {
	Name  string `json:"n"`
	Value string `json:"v"`
}

// Labels tell alerts apart. They are sorted by name, each name is there once, and no value is empty.
type Labels []Label

// Limits bound what becomes a label.
type Limits struct {
	// Labels is the number of labels of an alert, the name and the severity aside.
	Labels int
	// ValueBytes is the length of a value. It must be at least 16.
	ValueBytes int
}

// Cuts counts what did not fit into the limits.
type Cuts struct {
	// Labels is the number of labels that were left out, Values that of values that were shortened, and Encoding that of values
	// that were not UTF-8.
	Labels, Values, Encoding int
}

// Set gives a label a value, which is brought within the limits. A label that is there already keeps its value, and an empty value
// is none.
func (l *Labels) Set(name, value string, limits Limits, cuts *Cuts) {
	at, found := slices.BinarySearchFunc(*l, name, func(label Label, name string) int { return strings.Compare(label.Name, name) })
	switch {
	case found || value == "":
		return
	case len(*l) >= limits.Labels:
		cuts.Labels++
		return
	}
	if !utf8.ValidString(value) {
		cuts.Encoding++
		value = strings.ToValidUTF8(value, "\uFFFD")
	}
	if len(value) > limits.ValueBytes {
		cuts.Values++
		value = shorten(value, limits.ValueBytes)
	}
	*l = slices.Insert(*l, at, Label{name, value})
}

// Get gives the value of a label, empty if there is none.
func (l Labels) Get(name string) string {
	for _, label := range l {
		if label.Name == name {
			return label.Value
		}
	}
	return ""
}

// shorten keeps the beginning of a text, and replaces the end by a checksum of the whole, so that long values that differ at the end
// only are still told apart.
func shorten(text string, bytes int) string {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(text))
	end := fmt.Sprintf("~%08x", sum.Sum32())
	return cut(text, bytes-len(end)) + end
}

// cut keeps at most that many bytes, and no part of a character.
func cut(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	for bytes > 0 && !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return text[:bytes]
}

// maxAnnotationBytes is the length of an annotation: more than anyone reads on a phone.
const maxAnnotationBytes = 2048

// Text makes a text fit for an annotation: valid UTF-8 of at most 2,048 bytes.
func Text(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > maxAnnotationBytes {
		text = cut(text, maxAnnotationBytes-len("…")) + "…"
	}
	return text
}

// LabelNameOf makes a name of an attribute's key that any Alertmanager takes: ASCII letters, digits and underscores, the first not a
// digit.
func LabelNameOf(key string) string {
	var b strings.Builder
	for i, r := range key {
		switch {
		case r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z':
			b.WriteRune(r)
		case '0' <= r && r <= '9':
			if i == 0 {
				b.WriteByte('_')
			}
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}

// IsLabelName says whether any Alertmanager takes a name.
func IsLabelName(name string) bool { return name != "" && LabelNameOf(name) == name }
