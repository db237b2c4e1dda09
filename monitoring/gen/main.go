// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Command gen writes the dashboards of Grafana into monitoring/dashboards, and the saved objects of Kibana into
// monitoring/kibana. It runs in the repository's root.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/llm-guardian/otelcol-guardian/monitoring/gen/grafana"
	"github.com/llm-guardian/otelcol-guardian/monitoring/gen/kibana"
)

func main() {
	if err := write(); err != nil {
		log.Fatal(err)
	}
}

func write() error {
	dashboards, err := grafana.Files()
	if err != nil {
		return err
	}
	for name, text := range dashboards {
		if err := save(filepath.Join("monitoring", "dashboards", name), text); err != nil {
			return err
		}
	}
	objects, err := kibana.Objects()
	if err != nil {
		return err
	}
	return save(filepath.Join("monitoring", "kibana", kibana.File), objects)
}

func save(path string, text []byte) error {
	if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // Everybody may read it.
		return fmt.Errorf("cannot write the generated file: %w", err)
	}
	fmt.Println(path)
	return nil
}
