// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

// ReadmeOptions compares the README.md beside the test with a configuration of
// defaults: every option has one row, | `key::of::it` | default | …, and every
// such row is an option with that default. Lists and maps of structures are
// options by their first element, which config must have: the key of a map's
// stands in the key. A default is written as in YAML, with or without a note in
// brackets behind it: an option that has none as –, or as required, and several
// that stand elsewhere in the README as see below. A row `key::{a,b}` has those
// of both. What another module reads, such as confighttp, needs one row: each that
// there is of it is compared, and the whole is on or off.
func ReadmeOptions(t testing.TB, config any) {
	t.Helper()
	written := readmeRows(string(readFile(t, "README.md")))
	require.NotEmpty(t, written, "README.md has no table of options")
	effective := confmap.New()
	require.NoError(t, effective.Marshal(config))
	compare := func(key string, want []string) {
		assert.Contains(t, want, written[key], "README.md: the default of %s", key)
		delete(written, key)
	}
	walkOptions("", reflect.Indirect(reflect.ValueOf(config)), func(key string, value reflect.Value) {
		if foreign(value.Type()) {
			rows := slices.DeleteFunc(slices.Sorted(maps.Keys(written)), func(row string) bool { return row != key && !strings.HasPrefix(row, key+"::") })
			assert.NotEmpty(t, rows, "README.md has no row of %s", key)
			for _, row := range rows {
				compare(row, effectiveTexts(effective.Get(row)))
			}
		} else if assert.Contains(t, written, key, "README.md has no row of %s", key) {
			compare(key, defaultTexts(value))
		}
	})
	for _, row := range slices.Sorted(maps.Keys(written)) {
		if assert.True(t, effective.IsSet(row), "README.md has a row of what is no option: %s", row) {
			compare(row, effectiveTexts(effective.Get(row))) // of another module, and stands among ours
		}
	}
}

var (
	optionRow = regexp.MustCompile("(?m)^\\| `([a-z0-9_:<>]*?)(?:\\{([a-z0-9_,]+)\\})?` \\| ([^|]*) \\|.*$")
	note      = regexp.MustCompile(` \(.*\)$`)
)

// readmeRows gives the defaults in the table of options, by key.
func readmeRows(markdown string) map[string]string {
	_, table, _ := strings.Cut(markdown, "\n| option | default |")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := map[string]string{}
	for _, row := range optionRow.FindAllStringSubmatch(table, -1) {
		written := strings.ReplaceAll(note.ReplaceAllString(row[3], ""), "`", "")
		if row[2] == "" {
			rows[row[1]] = written
			continue
		}
		defaults := strings.Split(written, ", ")
		for i, part := range strings.Split(row[2], ",") {
			rows[row[1]+part] = defaults[min(i, len(defaults)-1)]
		}
	}
	return rows
}

// walkOptions calls visit with every option of a configuration, and with every structure of another module whose options do not stand
// among ours.
func walkOptions(prefix string, of reflect.Value, visit func(string, reflect.Value)) {
	for field, value := range of.Fields() {
		tag, _, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
		key := prefix + tag
		switch kind := value.Type(); {
		case tag == "":
		case foreign(kind):
			visit(key, value)
		case value.Kind() == reflect.Struct:
			walkOptions(key+"::", value, visit)
		case value.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.Struct:
			walkOptions(key+"::", value.Index(0), visit)
		case value.Kind() == reflect.Map && kind.Elem().Kind() == reflect.Struct:
			name := value.MapKeys()[0]
			walkOptions(key+"::"+name.String()+"::", value.MapIndex(name), visit)
		default:
			visit(key, value)
		}
	}
}

// foreign says that a type is a structure that another module reads.
func foreign(kind reflect.Type) bool {
	return kind.Kind() == reflect.Struct && kind.PkgPath() != "" && !strings.HasPrefix(kind.PkgPath(), "github.com/llm-guardian/")
}

var zeroUnits = regexp.MustCompile(`([hm])0[ms](0s)?$`)

// defaultTexts are the ways in which a default may be written.
func defaultTexts(value reflect.Value) []string {
	switch kind := value.Kind(); {
	case value.IsZero() && (kind == reflect.String || kind == reflect.Pointer),
		(kind == reflect.Slice || kind == reflect.Map) && value.Len() == 0:
		return []string{"–", "required"}
	case kind == reflect.Map:
		return []string{"see below"}
	}
	switch v := value.Interface().(type) {
	case float64:
		return []string{strconv.FormatFloat(v, 'g', -1, 64), strconv.FormatFloat(v, 'f', 2, 64)}
	case []string:
		return []string{"[" + strings.Join(v, ", ") + "]"}
	}
	return []string{plainText(reflect.Indirect(value).Interface())}
}

// effectiveTexts are those of what the collector reads in our place.
func effectiveTexts(value any) []string {
	switch v := value.(type) {
	case nil:
		return []string{"–", "required", "off"}
	case string:
		if v == "" {
			return []string{"–", "required"}
		}
	case []any:
		texts := make([]string, len(v))
		for i := range v {
			if texts[i] = plainText(v[i]); texts[i] == "" {
				texts[i] = `""`
			}
		}
		return []string{"[" + strings.Join(texts, ", ") + "]"}
	case map[string]any:
		if v["enabled"] == false {
			return []string{"off"}
		}
		return []string{"on"}
	}
	return []string{plainText(value)}
}

// plainText gives one value as in YAML.
func plainText(value any) string {
	if v, ok := value.(time.Duration); ok {
		return zeroUnits.ReplaceAllString(zeroUnits.ReplaceAllString(v.String(), "$1"), "$1")
	}
	return fmt.Sprint(value)
}
