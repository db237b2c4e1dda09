// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

import "slices"

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
