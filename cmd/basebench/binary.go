// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"strings"
)

// binaryFacts describes a collector's file.
type binaryFacts struct {
	Path          string `json:"path"`
	GoVersion     string `json:"go_version"`
	Bytes         int64  `json:"bytes"`
	StrippedBytes int64  `json:"stripped_bytes"` // the file without its symbol tables and debugging information
}

func inspect(path string) (facts binaryFacts, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return binaryFacts{}, fmt.Errorf("cannot inspect the binary: %w", err)
	}
	file, err := elf.Open(path)
	if err != nil {
		return binaryFacts{}, fmt.Errorf("cannot inspect %q: %w", path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	facts = binaryFacts{Path: path, Bytes: info.Size(), StrippedBytes: info.Size()}
	for _, section := range file.Sections {
		if section.Name == ".symtab" || section.Name == ".strtab" || strings.HasPrefix(section.Name, ".debug_") {
			facts.StrippedBytes -= int64(section.FileSize)
		}
	}
	build, err := buildinfo.ReadFile(path)
	if err != nil {
		return binaryFacts{}, fmt.Errorf("cannot read which Go built %q: %w", path, err)
	}
	facts.GoVersion = build.GoVersion
	return facts, nil
}
