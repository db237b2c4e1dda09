// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Probe calls nothing of the driver, and is linked as whatever can.
package main

import (
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

func main() {
	_ = nvml.New()
	fmt.Println("started")
}
