// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"maps"
	"slices"

	"go.opentelemetry.io/collector/pdata/plog"
)

// What is to be done about an event of a GPU.
const (
	actionNone               = "none"
	actionCheckApplication   = "check_application"
	actionRestartApplication = "restart_application"
	actionResetGPU           = "reset_gpu"
	actionRebootNode         = "reboot_node"
	actionDrain              = "drain"
	actionDrainReset         = "drain_and_reset"
	actionCheckHardware      = "check_hardware"
	actionFollowDriver       = "see_recovery_action"
	actionInspect            = "inspect"
)

// xid is what is known of an XID code.
type xid struct {
	name     string
	severity plog.SeverityNumber
	action   string
	// fatal errors leave the GPU unusable until it is reset or replaced.
	fatal bool
}

// xids are the codes that users meet. The meaning of each is NVIDIA's; names
// and grouping are ours.
var xids = map[int]xid{
	13:  {name: "graphics engine exception", severity: plog.SeverityNumberError, action: actionCheckApplication},
	31:  {name: "memory page fault", severity: plog.SeverityNumberError, action: actionCheckApplication},
	32:  {name: "invalid command stream", severity: plog.SeverityNumberError, action: actionCheckApplication},
	38:  {name: "driver firmware error", severity: plog.SeverityNumberError, action: actionInspect},
	43:  {name: "application channel stopped", severity: plog.SeverityNumberWarn, action: actionCheckApplication},
	45:  {name: "application channels removed", severity: plog.SeverityNumberInfo, action: actionNone},
	48:  {name: "uncorrectable memory error", severity: plog.SeverityNumberFatal, action: actionResetGPU, fatal: true},
	61:  {name: "power unit stopped at a breakpoint", severity: plog.SeverityNumberFatal, action: actionResetGPU, fatal: true},
	62:  {name: "power unit halted", severity: plog.SeverityNumberFatal, action: actionResetGPU, fatal: true},
	63:  {name: "memory row replacement recorded", severity: plog.SeverityNumberWarn, action: actionDrainReset},
	64:  {name: "memory row replacement failed", severity: plog.SeverityNumberFatal, action: actionCheckHardware, fatal: true},
	68:  {name: "video engine exception", severity: plog.SeverityNumberError, action: actionCheckApplication},
	69:  {name: "graphics class error", severity: plog.SeverityNumberError, action: actionCheckApplication},
	74:  {name: "NVLink error", severity: plog.SeverityNumberFatal, action: actionCheckHardware, fatal: true},
	79:  {name: "GPU has fallen off the bus", severity: plog.SeverityNumberFatal, action: actionRebootNode, fatal: true},
	92:  {name: "many corrected memory errors", severity: plog.SeverityNumberWarn, action: actionCheckHardware},
	94:  {name: "contained memory error", severity: plog.SeverityNumberError, action: actionRestartApplication},
	95:  {name: "uncontained memory error", severity: plog.SeverityNumberFatal, action: actionResetGPU, fatal: true},
	109: {name: "context switch timeout", severity: plog.SeverityNumberError, action: actionResetGPU},
	119: {name: "system processor does not answer", severity: plog.SeverityNumberFatal, action: actionResetGPU, fatal: true},
	120: {name: "system processor error", severity: plog.SeverityNumberFatal, action: actionResetGPU, fatal: true},
	140: {name: "unrecovered memory error", severity: plog.SeverityNumberFatal, action: actionResetGPU, fatal: true},
	143: {name: "GPU initialisation failed", severity: plog.SeverityNumberFatal, action: actionResetGPU, fatal: true},
	154: {name: "recovery action changed", severity: plog.SeverityNumberWarn, action: actionFollowDriver},
}

// xidOf describes a code. One that is not known is an error that someone should look at.
func xidOf(code int) xid {
	if of, known := xids[code]; known {
		return of
	}
	return xid{name: "unlisted error", severity: plog.SeverityNumberError, action: actionInspect}
}

// maxXIDs bounds the codes that are told apart for one GPU.
const maxXIDs = 64

// xidCounts counts the errors of one GPU by code.
type xidCounts struct {
	byCode   map[int]uint64
	sorted   []int // the codes
	overflow uint64
	last     int
	// fatal says that the GPU has met an error that it cannot recover from by itself.
	fatal bool
}

// add counts an error.
func (c *xidCounts) add(code int) {
	c.last = code
	c.fatal = c.fatal || xidOf(code).fatal
	if _, known := c.byCode[code]; !known && len(c.byCode) >= maxXIDs {
		c.overflow++
		return
	}
	c.byCode[code]++
	if c.byCode[code] == 1 {
		c.sorted = nil
	}
}

// codes are those counted, in order.
func (c *xidCounts) codes() []int {
	if c.sorted == nil {
		c.sorted = slices.Sorted(maps.Keys(c.byCode))
	}
	return c.sorted
}

// newXIDCounts begins with 0 for the fatal codes: a first error is then a step
// that rules see.
func newXIDCounts() xidCounts {
	counts := xidCounts{byCode: map[int]uint64{}}
	for code, of := range xids {
		if of.fatal {
			counts.byCode[code] = 0
		}
	}
	return counts
}
