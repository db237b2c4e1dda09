// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"slices"
	"sync"
)

// AttributeKeys gives the attribute keys under which a field of an event's record is read, the preferred one first, for who needs
// a single field of a record and not the event. It gives nil if the event has no such field, or one without an attribute.
func AttributeKeys(eventName, path string) []string {
	t := byEventName[eventName]
	if t == nil {
		return nil
	}
	for i := range t.fields {
		f := &t.fields[i]
		if f.name == path && f.key != "" && f.kind != kindOpen && f.kind != kindList {
			return append([]string{f.key}, slices.Clone(f.otherKeys)...)
		}
	}
	return nil
}

// HasUniqueValues reports whether an attribute that any event has by this key is of that one event: an id or a time, or what somebody
// wrote. What events are about is not told apart by it.
func HasUniqueValues(key string) bool { return uniqueKeys()[key] }

// uniqueKeys are the keys of the fields of all events that have unique values, and those of the IDs of the trace.
var uniqueKeys = sync.OnceValue(func() map[string]bool {
	keys := map[string]bool{KeyID: true, "trace_id": true, "span_id": true, "traceparent": true, "tracestate": true}
	for _, t := range byEventName {
		addUniqueKeys(keys, t.fields)
	}
	delete(keys, "")
	return keys
})

func addUniqueKeys(keys map[string]bool, of fields) {
	for i := range of {
		f := &of[i]
		if f.elements != nil {
			addUniqueKeys(keys, f.elements.fields)
		}
		if !f.hasUniqueValues {
			continue
		}
		keys[f.key] = true
		for _, key := range f.otherKeys {
			keys[key] = true
		}
	}
}
