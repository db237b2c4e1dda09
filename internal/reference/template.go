// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"fmt"
	"slices"
	"strings"
)

// Template is a location with keys in braces, as in refs/{model.name}/{model.version}.parquet.
type Template struct {
	texts []string // one more than keys
	keys  []string
}

// ParseTemplate reads a template. The error says which brace has no partner.
func ParseTemplate(text string) (*Template, error) {
	t := &Template{}
	for rest := text; ; {
		before, after, opened := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			return nil, fmt.Errorf("%q has a } without a {", text)
		}
		t.texts = append(t.texts, before)
		if !opened {
			return t, nil
		}
		key, after, closed := strings.Cut(after, "}")
		if !closed || key == "" || strings.Contains(key, "{") {
			return nil, fmt.Errorf("%q has a { without a key and a }", text)
		}
		t.keys = append(t.keys, key)
		rest = after
	}
}

// Keys returns the keys, each once.
func (t *Template) Keys() []string {
	keys := slices.Clone(t.keys)
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Expand puts values in place of the keys. Values come from telemetry: one that would lead out of the folder, or change the meaning
// of a URL, is an error.
func (t *Template) Expand(value func(key string) string) (string, error) {
	var location strings.Builder
	for i, key := range t.keys {
		v := value(key)
		if err := checkPathValue(v); err != nil {
			return "", fmt.Errorf("cannot use the value %q of %s in the path of a reference: %w", v, key, err)
		}
		location.WriteString(t.texts[i])
		location.WriteString(v)
	}
	location.WriteString(t.texts[len(t.keys)])
	return location.String(), nil
}

// maxPathValue is the length of the longest value in a path.
const maxPathValue = 255

func checkPathValue(v string) error {
	switch {
	case v == "":
		return fmt.Errorf("it is empty")
	case len(v) > maxPathValue:
		return fmt.Errorf("it is longer than %d bytes", maxPathValue)
	case strings.ContainsAny(v, `\?#%`) || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf(`it holds \, ?, #, %% or a control character`)
	}
	for part := range strings.SplitSeq(v, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("it is no path below the folder")
		}
	}
	return nil
}
