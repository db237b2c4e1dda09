// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ReadmeOptions compares the README.md beside the test with a configuration of
// defaults: every option has one row, | `key::of::it` | default | …, and every
// such row is an option with that default. Lists of structures are options by
// their first element, which config must have. A default is written as in YAML:
// an option that has none as –, or as required; a row `key::{a,b}` has those of
// both.
func ReadmeOptions(t testing.TB, config any) {
	t.Helper()
	written := readmeRows(string(readFile(t, "README.md")))
	require.NotEmpty(t, written, "README.md has no table of options")
	walkOptions("", reflect.Indirect(reflect.ValueOf(config)), func(key string, value reflect.Value) {
		got, ok := written[key]
		if !assert.True(t, ok, "README.md has no row of %s", key) {
			return
		}
		delete(written, key)
		want := defaultTexts(value)
		assert.Contains(t, want, got, "README.md: the default of %s", key)
	})
	for key := range written {
		assert.Fail(t, "README.md has a row of what is no option: "+key)
	}
}

var optionRow = regexp.MustCompile("(?m)^\\| `([a-z0-9_:]*?)(?:\\{([a-z0-9_,]+)\\})?` \\| ([^|]*) \\|.*$")

// readmeRows gives the defaults in the table of options, by key.
func readmeRows(markdown string) map[string]string {
	_, table, _ := strings.Cut(markdown, "\n| option | default |")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := map[string]string{}
	for _, row := range optionRow.FindAllStringSubmatch(table, -1) {
		if row[2] == "" {
			rows[row[1]] = row[3]
			continue
		}
		defaults := strings.Split(row[3], ", ")
		for i, part := range strings.Split(row[2], ",") {
			rows[row[1]+part] = defaults[min(i, len(defaults)-1)]
		}
	}
	return rows
}

// walkOptions calls visit with every option of a configuration.
func walkOptions(prefix string, of reflect.Value, visit func(string, reflect.Value)) {
	for field, value := range of.Fields() {
		key := field.Tag.Get("mapstructure")
		switch {
		case key == "":
		case value.Kind() == reflect.Struct:
			walkOptions(prefix+key+"::", value, visit)
		case value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.Struct:
			walkOptions(prefix+key+"::", value.Index(0), visit)
		default:
			visit(prefix+key, value)
		}
	}
}

var zeroUnits = regexp.MustCompile(`([hm])0[ms](0s)?$`)

// defaultTexts are the ways in which a default may be written.
func defaultTexts(value reflect.Value) []string {
	switch v := value.Interface().(type) {
	case time.Duration:
		return []string{zeroUnits.ReplaceAllString(zeroUnits.ReplaceAllString(v.String(), "$1"), "$1")}
	case float64:
		return []string{strconv.FormatFloat(v, 'g', -1, 64), strconv.FormatFloat(v, 'f', 2, 64)}
	case []string:
		if len(v) > 0 {
			return []string{"[" + strings.Join(v, ", ") + "]"}
		}
	}
	if value.IsZero() && (value.Kind() == reflect.String || value.Kind() == reflect.Pointer || value.Kind() == reflect.Slice) {
		return []string{"–", "required"}
	}
	return []string{fmt.Sprint(reflect.Indirect(value).Interface())}
}
