// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

// EVENTS.md is made of the tables; -update writes it.
func TestDocumentationIsThatOfTheTables(t *testing.T) {
	page := documentation()
	testutil.Golden(t, "EVENTS.md", page)
	for _, name := range []string{NameDrift, NameAnomaly} {
		assert.Contains(t, string(page), "### "+name)
	}
	for _, name := range []string{
		NameRequest, NameEvaluationResult, NameIssue, NameImprovement, NamePrediction, NameLabel, NameError,
		NamePerformanceAlert, NameWorkload, NameDetection, NameMapping, NameViolation,
	} {
		assert.Contains(t, string(page), "`"+name+"`")
	}
}

const documentationHead = `# Events

What an application says, field by field. The page is made of the tables in this folder by its tests; change those.

Each event has two forms that mean the same: JSON for the ` + "`guardian`" + ` receiver, and an OpenTelemetry log record whose
event name and attributes are given here. A member of JSON that is not listed is dropped, and so is a null. A field's own
attribute key wins over the others under which it is read.

## What every event has

| JSON | on the record | meaning |
|---|---|---|
| ` + "`type`" + ` (required) | event name | what the event is: the heading below, or ` + "`dev.otelcol-guardian.<type>.v1`" + ` |
| ` + "`data`" + ` (required) | attributes | the fields below |
| ` + "`id`" + ` | ` + "`" + KeyID + "`" + ` | id of the event, unique within its source; made of the ids in data if absent |
| ` + "`source`" + ` | ` + "`" + KeySource + "`" + ` | who says it |
| ` + "`subject`" + ` | ` + "`" + KeySubject + "`" + ` | CloudEvents subject |
| ` + "`time`" + ` | timestamp | when it happened, RFC 3339, after 1970 and before 2262; when it arrived if absent |
| ` + "`traceparent`" + ` | trace id, span id, flags | W3C trace context of what the event speaks of |
| ` + "`correlation_id`, `correlationid`" + ` | ` + "`" + KeyCorrelationID + "`" + ` | id that ties records of several services together |
| | ` + "`" + KeyPart + "`" + ` | counts the records made of one event; the first, which stands for the event, has none |

A record belongs to the trace of what it speaks of: the target's, else that of the traceparent, else one whose id is the
first 16 bytes of the SHA-256 of the first id there is: request id, target's request id, prediction id, target's
prediction id, response id, target's response id.
`

func documentation() []byte {
	var page bytes.Buffer
	page.WriteString(documentationHead)
	for _, typ := range Types {
		table := byType[typ]
		name := "`" + table.eventName + "`"
		if table.eventName == "" {
			name = "one `" + NameEvaluationResult + "` for each result, `" + NameIssue + "` for each issue and `" + NameImprovement + "` for each improvement"
		}
		fmt.Fprintf(&page, "\n## %s\n\nOn records: %s.\n", typ, name)
		documentRules(&page, table)
		documentFields(&page, table, "")
	}
	page.WriteString("\n## What the collector itself says\n\nThese events have no JSON form. Their records also have the keys that the detector or monitor groups by.\n")
	for _, table := range []*table{driftTable, anomalyTable} {
		fmt.Fprintf(&page, "\n### %s\n\n| attribute | type | values | meaning |\n|---|---|---|---|\n", table.eventName)
		for i := range table.fields {
			f := &table.fields[i]
			fmt.Fprintf(&page, "| %s | %s | %s | %s |\n", names("", f.attributeNames()), typeName(f), values(f), f.meaning)
		}
	}
	return page.Bytes()
}

// documentRules says what the tables of fields do not: what one of several fields
// must give, as the decoder says it of an event that has none, and what may stand
// in place of an object.
func documentRules(page *bytes.Buffer, t *table) {
	if t.check != nil {
		if problem := t.check(t.new()); problem != nil {
			fmt.Fprintf(page, "%s%s.\n", strings.ToUpper(problem.Message[:1]), problem.Message[1:])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.root.children)) {
		n := t.root.children[name]
		if n.text != nil {
			fmt.Fprintf(page, "A string as `%s` stands for `%s`.\n", name, n.text.name)
		}
		if n.number != nil {
			fmt.Fprintf(page, "A number as `%s` stands for `%s`.\n", name, n.number.name)
		}
	}
}

func documentFields(page *bytes.Buffer, t *table, prefix string) {
	page.WriteString("\n| JSON | attribute | type | values | meaning |\n|---|---|---|---|---|\n")
	var lists []*field
	for i := range t.fields {
		f := &t.fields[i]
		if f.kind == kindList {
			lists = append(lists, f)
		}
		required := ""
		if f.required {
			required = " (required)"
		}
		fmt.Fprintf(page, "| %s%s | %s | %s | %s | %s |\n", names(prefix, append([]string{f.name}, f.otherNames...)), required,
			names("", f.attributeNames()), typeName(f), values(f), f.meaning)
	}
	for _, f := range lists {
		fmt.Fprintf(page, "\nEach element of `%s`:\n", f.name)
		documentFields(page, f.elements, f.name+"[].")
	}
}

func (f *field) attributeNames() []string {
	switch {
	case f.kind == kindList:
		return nil
	case f.kind == kindOpen:
		return []string{f.key + ".*"}
	case f.key == "":
		return []string{}
	default:
		return append([]string{f.key}, f.otherKeys...)
	}
}

func names(prefix string, all []string) string {
	quoted := make([]string, len(all))
	for i, name := range all {
		quoted[i] = "`" + prefix + name + "`"
	}
	return strings.Join(quoted, ", ")
}

func typeName(f *field) string {
	switch {
	case f.format == "date-time":
		return "time"
	case f.takesAnyScalar:
		return "string, number or bool"
	}
	return map[kind]string{
		kindText: "string", kindDouble: "number", kindInteger: "integer", kindBoolean: "bool",
		kindTexts: "strings", kindOpen: "names and values", kindList: "objects",
	}[f.kind]
}

func values(f *field) string {
	switch {
	case len(f.enum) > 0:
		all := []string{names("", f.enum)}
		for _, other := range slices.Sorted(maps.Keys(f.spelling)) {
			all = append(all, fmt.Sprintf("`%s` is `%s`", other, f.spelling[other]))
		}
		return strings.Join(all, "; ")
	case f.high.Set:
		return fmt.Sprintf("%v to %v", f.low.Value, f.high.Value)
	case f.low.Set:
		return fmt.Sprintf("at least %v", f.low.Value)
	default:
		return ""
	}
}
