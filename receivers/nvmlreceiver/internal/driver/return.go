// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driver

import "fmt"

// CodeError is an answer of NVML other than success. The numbers are NVML's.
type CodeError uint32

// The answers that someone asks for by name.
const (
	ErrUninitialized    CodeError = 1
	ErrInvalidArgument  CodeError = 2
	ErrNotSupported     CodeError = 3
	ErrNoPermission     CodeError = 4
	ErrNotFound         CodeError = 6
	ErrInsufficientSize CodeError = 7
	ErrDriverNotLoaded  CodeError = 9
	ErrTimeout          CodeError = 10
	ErrLibraryNotFound  CodeError = 12
	ErrFunctionNotFound CodeError = 13
	ErrGPUIsLost        CodeError = 15
	ErrResetRequired    CodeError = 16
	ErrVersionMismatch  CodeError = 18
	ErrNoData           CodeError = 21
	ErrNotReady         CodeError = 27
	ErrGPUNotFound      CodeError = 28
	ErrUnknown          CodeError = 999
)

// texts are our own: NVML's come from a function that may be missing.
var texts = map[CodeError]string{
	ErrUninitialized:    "the connection to the driver is gone",
	ErrInvalidArgument:  "the driver does not know an argument",
	ErrNotSupported:     "the GPU does not support it",
	ErrNoPermission:     "this user may not",
	5:                   "the library is initialised already",
	ErrNotFound:         "there is no such thing",
	ErrInsufficientSize: "the driver has more data than it was given room for",
	8:                   "a power cable of the GPU is not attached",
	ErrDriverNotLoaded:  "the NVIDIA driver is not loaded",
	ErrTimeout:          "nothing happened in time",
	11:                  "the kernel sees an interrupt problem of a GPU",
	ErrLibraryNotFound:  "the NVIDIA driver's library cannot be loaded",
	ErrFunctionNotFound: "the installed driver has no such function",
	14:                  "the GPU's infoROM is damaged",
	ErrGPUIsLost:        "the GPU has fallen off the bus or cannot be reached",
	ErrResetRequired:    "the GPU must be reset before it can be used",
	17:                  "the operating system denies access to the GPU",
	ErrVersionMismatch:  "the NVIDIA driver was updated while its old library was in use: restart this collector",
	19:                  "the GPU is in use",
	20:                  "the driver has no memory left",
	ErrNoData:           "there is no data",
	25:                  "the driver does not know this version of the call",
	26:                  "the driver no longer offers it",
	ErrNotReady:         "it is not ready yet",
	ErrGPUNotFound:      "there is no GPU",
	29:                  "the GPU is in no state for it",
	ErrUnknown:          "the driver failed and does not say why",
}

func (r CodeError) Error() string {
	if text, known := texts[r]; known {
		return text
	}
	return fmt.Sprintf("the driver answered with code %d", uint32(r))
}

// names are the values of the label return in the receiver's own metrics.
var names = map[CodeError]string{
	ErrUninitialized: "uninitialized", ErrInvalidArgument: "invalid_argument", ErrNotSupported: "not_supported", ErrNoPermission: "no_permission",
	ErrNotFound: "not_found", ErrInsufficientSize: "insufficient_size", ErrDriverNotLoaded: "driver_not_loaded", ErrTimeout: "timeout",
	ErrLibraryNotFound: "library_not_found", ErrFunctionNotFound: "function_not_found", ErrGPUIsLost: "gpu_is_lost",
	ErrResetRequired: "reset_required", ErrVersionMismatch: "version_mismatch", ErrNoData: "no_data", ErrNotReady: "not_ready",
	ErrGPUNotFound: "gpu_not_found", ErrUnknown: "unknown",
}

// Name is a short name with few different values, for labels.
func (r CodeError) Name() string {
	if name, known := names[r]; known {
		return name
	}
	return "other"
}

// Absent says that the driver or the GPU does not have what was asked for, and
// will not until it is set up anew, as opposed to a failure.
func (r CodeError) Absent() bool {
	switch r {
	case ErrInvalidArgument, ErrNotSupported, ErrNoPermission, ErrNotFound, ErrFunctionNotFound, 25, 26:
		return true
	default:
		return false
	}
}
