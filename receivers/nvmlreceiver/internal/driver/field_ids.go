// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driver

import (
	"strconv"
	"strings"
)

// The fields that the receiver asks for, by NVML's number.
const (
	FieldECCCorrectedVolatile    = 3
	FieldECCUncorrectedVolatile  = 4
	FieldECCCorrectedAggregate   = 5
	FieldECCUncorrectedAggregate = 6
	FieldNVLinkCRCFlit           = 38
	FieldNVLinkCRCData           = 45
	FieldNVLinkReplay            = 52
	FieldNVLinkRecovery          = 59
	FieldThrottlePowerCap        = 74 // ns
	FieldThrottleSyncBoost       = 76 // ns
	FieldMemoryTemperature       = 82 // °C
	FieldPCIeReplay              = 94
	FieldNVLinkSent              = 138 // KiB
	FieldNVLinkReceived          = 139 // KiB
	FieldRemappedCorrectable     = 142
	FieldRemappedUncorrectable   = 143
	FieldRemapPending            = 144
	FieldRemapFailure            = 145
	FieldPowerAverage            = 185 // mW
	FieldPowerInstant            = 186 // mW
	FieldPowerMinLimit           = 187 // mW
	FieldPowerMaxLimit           = 188 // mW
	FieldPowerDefaultLimit       = 189 // mW
	FieldPowerCurrentLimit       = 190 // mW
	FieldPowerRequestedLimit     = 192 // mW
	FieldPCIeSent                = 197 // bytes
	FieldPCIeReceived            = 198 // bytes
	FieldRecoveryAction          = 230
)

// ThrottleFields are the numbers of three throttle times, in ns. They changed
// between drivers, and the old numbers now stand for something else.
type ThrottleFields struct{ SoftwareThermal, HardwareThermal, PowerBrake uint32 }

// renumbered is the first driver with the new numbers.
var renumbered = []int{580, 82}

// ThrottleFieldsOf gives the numbers that a driver uses. A version that cannot
// be read counts as new.
func ThrottleFieldsOf(driverVersion string) ThrottleFields {
	if older(driverVersion, renumbered) {
		return ThrottleFields{SoftwareThermal: 251, HardwareThermal: 252, PowerBrake: 253}
	}
	return ThrottleFields{SoftwareThermal: 269, HardwareThermal: 270, PowerBrake: 271}
}

// older compares a dotted version with another one, part by part.
func older(version string, than []int) bool {
	parts := strings.Split(version, ".")
	for i, want := range than {
		if i >= len(parts) {
			return true
		}
		got, err := strconv.Atoi(parts[i])
		if err != nil {
			return false
		}
		if got != want {
			return got < want
		}
	}
	return false
}
