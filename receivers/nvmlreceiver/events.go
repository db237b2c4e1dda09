// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/metadata"
)

// The names of the receiver's log events.
const (
	eventXID            = "guardian.gpu.xid"
	eventLost           = "guardian.gpu.lost"
	eventFound          = "guardian.gpu.found"
	eventDriverUnloaded = "guardian.gpu.driver_unloaded"
	eventDriverLoaded   = "guardian.gpu.driver_loaded"
	eventMIGChanged     = "guardian.gpu.mig_changed"
	eventUnavailable    = "guardian.gpu.unavailable"
	eventRecovery       = "guardian.gpu.recovery_action"
)

const (
	keyAction  = "guardian.gpu.action"
	keyXIDName = "nvidia.xid.name"
	keyWhy     = "error.message"
	keyBefore  = "nvidia.mig.before"
	keyAfter   = "nvidia.mig.after"
)

// maxEvents bounds the events that wait for a consumer that refuses them.
const maxEvents = 1024

// eventLog collects log events until they are sent.
type eventLog struct {
	logs    plog.Logs
	records plog.LogRecordSlice
	begun   bool
	dropped func()
}

func (l *eventLog) empty() bool { return !l.begun }

func (l *eventLog) clear() { l.begun = false }

// batch gives a copy: the consumer may keep what it is given, and refuse it.
func (l *eventLog) batch() plog.Logs {
	batch := plog.NewLogs()
	l.logs.CopyTo(batch)
	return batch
}

// add begins a record. It is a record that nobody sees if too many wait.
func (l *eventLog) add(name string, severity plog.SeverityNumber, action string, gpu *gpu, at time.Time) plog.LogRecord {
	if !l.begun {
		l.begun = true
		l.logs = plog.NewLogs()
		scope := l.logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
		scope.Scope().SetName(metadata.ScopeName)
		l.records = scope.LogRecords()
	}
	record := plog.NewLogRecord()
	if l.records.Len() < maxEvents {
		record = l.records.AppendEmpty()
	} else {
		l.dropped()
	}
	record.SetEventName(name)
	record.SetSeverityNumber(severity)
	record.SetSeverityText(severity.String())
	record.SetTimestamp(pcommon.NewTimestampFromTime(at))
	record.SetObservedTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	record.Attributes().PutStr(keyAction, action)
	if gpu != nil {
		putGPU(record.Attributes(), gpu)
	}
	return record
}

func putGPU(attributes pcommon.Map, gpu *gpu) {
	attributes.PutStr(keyID, gpu.UUID)
	attributes.PutStr(keyName, gpu.Name)
	attributes.PutStr(keyVendor, vendor)
	attributes.PutStr(keyType, typeGPU)
	attributes.PutInt(keyIndex, int64(gpu.index))
	if gpu.PCIBusID != "" {
		attributes.PutStr(keyBusID, gpu.PCIBusID)
	}
}

func (l *eventLog) lost(gpu *gpu, why error, at time.Time) {
	record := l.add(eventLost, plog.SeverityNumberFatal, lostAction(why), gpu, at)
	record.Attributes().PutStr(keyWhy, why.Error())
	record.Body().SetStr(fmt.Sprintf("GPU %d (%s) is lost: %s.", gpu.index, gpu.UUID, why))
}

// lostAction is what usually brings a GPU back.
func lostAction(why error) string {
	if isCode(why, driver.ErrResetRequired) {
		return actionResetGPU
	}
	return actionRebootNode
}

func (l *eventLog) found(gpu *gpu, at time.Time) {
	record := l.add(eventFound, plog.SeverityNumberInfo, actionNone, gpu, at)
	record.Body().SetStr(fmt.Sprintf("GPU %d (%s) answers again.", gpu.index, gpu.UUID))
}

func (l *eventLog) driverUnloaded(at time.Time, why error) {
	action := actionNone
	if isCode(why, driver.ErrVersionMismatch) {
		action = "restart_collector"
	}
	record := l.add(eventDriverUnloaded, plog.SeverityNumberError, action, nil, at)
	record.Attributes().PutStr(keyWhy, why.Error())
	record.Body().SetStr(fmt.Sprintf("The NVIDIA driver is gone: %s.", why))
}

func (l *eventLog) driverLoaded(at time.Time, versions driver.Versions) {
	record := l.add(eventDriverLoaded, plog.SeverityNumberInfo, actionNone, nil, at)
	record.Attributes().PutStr(keyDriver, versions.Driver)
	record.Body().SetStr(fmt.Sprintf("The NVIDIA driver %s is there again.", versions.Driver))
}

func (l *eventLog) migChanged(gpu *gpu, before, after []string, at time.Time) {
	record := l.add(eventMIGChanged, plog.SeverityNumberInfo, actionNone, gpu, at)
	putStrings(record.Attributes().PutEmptySlice(keyBefore), before)
	putStrings(record.Attributes().PutEmptySlice(keyAfter), after)
	record.Body().SetStr(fmt.Sprintf("GPU %d (%s) is divided anew: MIG devices [%s].", gpu.index, gpu.UUID, strings.Join(after, " ")))
}

func putStrings(into pcommon.Slice, texts []string) {
	into.EnsureCapacity(len(texts))
	for _, text := range texts {
		into.AppendEmpty().SetStr(text)
	}
}

// driverEvent makes a record of what the driver reports. The GPU may be unknown.
func (l *eventLog) driverEvent(gpu *gpu, event driverEvent) {
	switch event.Type {
	case driver.EventXID:
		l.xid(gpu, event)
	case driver.EventGPUUnavailable:
		record := l.add(eventUnavailable, plog.SeverityNumberFatal, actionResetGPU, gpu, event.at)
		record.Body().SetStr("The driver says that the GPU is unavailable.")
	case driver.EventRecoveryAction:
		action := recoveryAction(float64(event.Data))
		record := l.add(eventRecovery, plog.SeverityNumberWarn, action, gpu, event.at)
		record.Body().SetStr(fmt.Sprintf("The driver asks for a recovery action: %s.", action))
	}
}

func (l *eventLog) xid(gpu *gpu, event driverEvent) {
	code := int(event.Data)
	of := xidOf(code)
	record := l.add(eventXID, of.severity, of.action, gpu, event.at)
	attributes := record.Attributes()
	attributes.PutInt(keyXID, int64(code))
	attributes.PutStr(keyXIDName, of.name)
	if event.GPUInstance >= 0 {
		attributes.PutInt(keyGPUInstance, int64(event.GPUInstance))
	}
	if event.ComputeInstance >= 0 {
		attributes.PutInt(keyCompute, int64(event.ComputeInstance))
	}
	where := "an unknown GPU"
	if gpu != nil {
		where = fmt.Sprintf("GPU %d (%s)", gpu.index, gpu.UUID)
	}
	record.Body().SetStr(fmt.Sprintf("XID %d on %s: %s.", code, where, of.name))
}
