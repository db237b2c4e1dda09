// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package driver

import "math"

// The profiling counters that the receiver reads, by NVML's number.
const (
	ProfileGraphics   = 1
	ProfileSM         = 2
	ProfileOccupancy  = 3
	ProfileInteger    = 4
	ProfileTensor     = 5
	ProfileTensorHalf = 7
	ProfileTensorFP64 = 8
	ProfileTensorInt  = 9
	ProfileDRAM       = 10
	ProfileFP64       = 11
	ProfileFP32       = 12
	ProfileFP16       = 13

	ProfilePCIeSent       = 20
	ProfilePCIeReceived   = 21
	ProfileNVLinkReceived = 60
	ProfileNVLinkSent     = 61
)

const mebibyte = 1 << 20

// profileUnit turns percent into a share and MiB/s into bytes per second. What
// is no number is ErrNoData, and a share stays between 0 and 1.
func profileUnit(id uint32, value float64) (float64, error) {
	if math.IsNaN(value) || math.IsInf(value, 0) || value < 0 {
		return 0, ErrNoData
	}
	switch id {
	case ProfilePCIeSent, ProfilePCIeReceived, ProfileNVLinkReceived, ProfileNVLinkSent:
		return value * mebibyte, nil
	default:
		return min(value/100, 1), nil
	}
}
