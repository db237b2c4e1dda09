// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Command gen writes the Grafana dashboards into monitoring/dashboards.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/llm-guardian/otelcol-guardian/monitoring/gen/grafana"
)

func main() {
	files, err := grafana.Files()
	if err != nil {
		log.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join("monitoring", "dashboards", name), text, 0o644); err != nil { //nolint:gosec // read by others
			log.Fatal(err)
		}
	}
}
