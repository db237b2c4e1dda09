// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package driver is NVML, the library of the NVIDIA driver, narrowed to what the
// receiver reads.
//
// A call of a function that the installed driver lacks ends the process, as does
// any call before the library was loaded. Everything here looks the function up
// first and answers with [ErrFunctionNotFound], so that no caller needs to know.
package driver
