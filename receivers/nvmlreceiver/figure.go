// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

// figureID names a number that is read of a GPU or of a MIG device. Its unit is
// that of the metric that shows it: a share from 0 to 1, bytes, watts, hertz.
type figureID int

const (
	figUtilization figureID = iota // mean since the last reading
	figUtilizationMax
	figUtilizationNow
	figController
	figEncoder
	figDecoder
	figJPEG
	figOpticalFlow
	figMemoryTotal
	figMemoryUsed
	figMemoryFree
	figMemoryReserved
	figMemoryUtilization
	figEnergy
	figPower
	figPowerAverage
	figPowerLimit
	figPowerDefaultLimit
	figPowerRequestedLimit
	figPowerMinLimit
	figPowerMaxLimit
	figTemperature
	figTemperatureMemory
	figLimitSlowdown
	figLimitShutdown
	figLimitMax
	figClockGraphics
	figClockSM
	figClockMemory
	figClockVideo
	figMaxClockGraphics
	figMaxClockSM
	figMaxClockMemory
	figMaxClockVideo
	figThrottleReasons // the bits
	figThrottleIdle
	figThrottleApplications
	figThrottlePowerCap
	figThrottleSlowdown
	figThrottleSyncBoost
	figThrottleSoftwareThermal
	figThrottleHardwareThermal
	figThrottlePowerBrake
	figThrottleDisplay
	figThrottledPowerCap // seconds
	figThrottledSyncBoost
	figThrottledSoftwareThermal
	figThrottledHardwareThermal
	figThrottledPowerBrake
	figECCCorrectedVolatile
	figECCUncorrectedVolatile
	figECCCorrectedAggregate
	figECCUncorrectedAggregate
	figPCIeReplay
	figNVLinkCRCFlit
	figNVLinkCRCData
	figNVLinkReplay
	figNVLinkRecovery
	figRemappedCorrectable
	figRemappedUncorrectable
	figRemapPending
	figRemapFailure
	figRecoveryAction
	figPCIeSent
	figPCIeReceived
	figNVLinkSent
	figNVLinkReceived
	figLinkGeneration
	figLinkWidth
	figMaxLinkGeneration
	figMaxLinkWidth
	figGraphicsActivity
	figSMActivity
	figSMOccupancy
	figTensorActivity
	figTensorHalfActivity
	figTensorIntActivity
	figTensorFP64Activity
	figFP64Activity
	figFP32Activity
	figFP16Activity
	figIntegerActivity
	figDRAMActivity
	figPCIeSentRate
	figPCIeReceivedRate
	figNVLinkSentRate
	figNVLinkReceivedRate
	figMIGCurrent
	figMIGPending
	figureCount
)

// figures are what one reading found. What is not known has no value, not 0.
type figures struct {
	values [figureCount]float64
	known  [figureCount]bool
}

func (f *figures) set(id figureID, value float64) { f.values[id], f.known[id] = value, true }

func (f *figures) get(id figureID) (float64, bool) { return f.values[id], f.known[id] }

// merge adds what another reading knows.
func (f *figures) merge(other *figures) {
	for id, known := range other.known {
		if known {
			f.set(figureID(id), other.values[id])
		}
	}
}
