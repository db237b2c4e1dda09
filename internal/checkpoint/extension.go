// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// FindStorage returns the storage extension that the user named with the key `storage`. The error says what is configured
// instead.
func FindStorage(host component.Host, id component.ID) (storage.Extension, error) {
	found, ok := host.GetExtensions()[id]
	if !ok {
		return nil, fmt.Errorf("storage: extension %q is not listed under service::extensions (%s)", id, configuredStorages(host))
	}
	ext, ok := found.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("storage: extension %q is not a storage extension (%s)", id, configuredStorages(host))
	}
	return ext, nil
}

func configuredStorages(host component.Host) string {
	var ids []string
	for id, ext := range host.GetExtensions() {
		if _, ok := ext.(storage.Extension); ok {
			ids = append(ids, fmt.Sprintf("%q", id))
		}
	}
	if len(ids) == 0 {
		return "no storage extension is configured; file_storage is one"
	}
	slices.Sort(ids)
	return "configured storage extensions: " + strings.Join(ids, ", ")
}
