// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

// The states of hw.status that the receiver uses.
const (
	stateOK               = "ok"
	stateDegraded         = "degraded"
	stateFailed           = "failed"
	statePredictedFailure = "predicted_failure"
)

var states = []string{stateOK, stateDegraded, stateFailed, statePredictedFailure}

// The recovery actions of NVML, in its order.
var recoveryActions = []string{"none", actionResetGPU, actionRebootNode, actionDrain, actionDrainReset, "recover_imex_domain"}

// recoveryAction names an action that the driver asks for.
func recoveryAction(number float64) string {
	if number < 0 || int(number) >= len(recoveryActions) {
		return "unknown"
	}
	return recoveryActions[int(number)]
}

// throttledByHardware are the reasons to throttle that are a fault of the
// machine around the GPU: heat and power.
const throttledByHardware = 0x40 | 0x80

// state judges a GPU from what the driver says of it.
func (g *gpu) state() string {
	of := func(id figureID) float64 {
		value, _ := g.health.get(id)
		return value
	}
	switch action := recoveryAction(of(figRecoveryAction)); {
	case g.lost != nil, g.xids.fatal, action == actionResetGPU, action == actionRebootNode:
		return stateFailed
	case of(figRemapFailure) > 0:
		return statePredictedFailure
	case action != "none", g.missed > 0, of(figRemapPending) > 0, uint64(of(figThrottleReasons))&throttledByHardware != 0:
		return stateDegraded
	default:
		return stateOK
	}
}
