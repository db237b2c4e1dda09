// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// joiner says what each process is, and which specialist has which share of a GPU.
type joiner struct {
	table       *processTable // nil if nobody asks for processes
	specialists []specialist
}

// specialist is known by its processes or its pods.
type specialist struct {
	kind         string
	process, pod *regexp.Regexp
}

func newJoiner(config *Config) *joiner {
	j := &joiner{}
	for _, of := range config.Specialists {
		s := specialist{kind: of.Type}
		if of.Process != "" {
			s.process = regexp.MustCompile(of.Process) // Validate has compiled it.
		} else {
			s.pod = regexp.MustCompile(of.Pod)
		}
		j.specialists = append(j.specialists, s)
	}
	if wantsProcesses(config) {
		j.table = newProcessTable("/proc")
	}
	return j
}

// wantsProcesses says whether the processes of the GPUs are needed for anything.
func wantsProcesses(config *Config) bool {
	enabled := config.enabled()
	return enabled[processMemory] || enabled[processUtilization] ||
		slices.ContainsFunc(config.Specialists, func(of SpecialistConfig) bool { return of.Process != "" })
}

// ofProcess gives the specialist that a command line belongs to.
func (j *joiner) ofProcess(command string) (string, bool) {
	for _, specialist := range j.specialists {
		if specialist.process != nil && specialist.process.MatchString(command) {
			return specialist.kind, true
		}
	}
	return "", false
}

func (j *joiner) ofPod(of owner) (string, bool) {
	for _, specialist := range j.specialists {
		if specialist.pod != nil && specialist.pod.MatchString(of.Namespace+"/"+of.Pod) {
			return specialist.kind, true
		}
	}
	return "", false
}

// usage is what a specialist uses of one GPU. What is not known is NaN.
type usage struct {
	specialist, uuid    string
	utilization, memory float64
}

// write adds the specialists' metrics.
func (j *joiner) write(w *writer, e *engine) {
	if j.table != nil {
		defer j.table.refresh()
	}
	if len(j.specialists) == 0 {
		return
	}
	var usages []usage
	for _, gpu := range e.gpus {
		if gpu.last == nil || gpu.last.err != nil {
			continue
		}
		usages = j.byPod(usages, e, gpu)
		usages = j.byProcess(usages, gpu)
	}
	j.emit(w, usages)
}

// byPod adds the GPUs and MIG devices that a specialist's pod has to itself.
func (j *joiner) byPod(usages []usage, e *engine, gpu *gpu) []usage {
	add := func(uuid string, of *figures) {
		owner, known := e.owner(uuid)
		if !known {
			return
		}
		if kind, found := j.ofPod(owner); found {
			usages = append(usages, usage{kind, uuid, orNaN(of, figUtilization), orNaN(of, figMemoryUsed)})
		}
	}
	add(gpu.UUID, &gpu.last.figures)
	for i := range gpu.last.instances {
		add(gpu.last.instances[i].UUID, &gpu.last.instances[i].figures)
	}
	return usages
}

func orNaN(of *figures, id figureID) float64 {
	if value, known := of.get(id); known {
		return value
	}
	return math.NaN()
}

// byProcess adds what a specialist's processes use of a GPU.
func (j *joiner) byProcess(usages []usage, gpu *gpu) []usage {
	if j.table == nil {
		return usages
	}
	first := len(usages)
	for _, process := range gpu.last.processes {
		info, known := j.table.lookup(process.PID)
		if !known {
			continue
		}
		kind, found := j.ofProcess(info.command)
		if !found {
			continue
		}
		at := slices.IndexFunc(usages[first:], func(u usage) bool { return u.specialist == kind })
		if at < 0 {
			usages = append(usages, usage{specialist: kind, uuid: gpu.UUID, utilization: unknownUnless(gpu.last.processUtilization != nil)})
			at = len(usages) - 1 - first
		}
		of := &usages[first+at]
		of.memory += process.Memory
		of.utilization += gpu.last.processUtilization[process.PID]
	}
	return usages
}

// unknownUnless begins a sum that is unknown unless the condition holds.
func unknownUnless(known bool) float64 {
	if known {
		return 0
	}
	return math.NaN()
}

func (j *joiner) emit(w *writer, usages []usage) {
	memory := map[string]float64{}
	for _, of := range usages {
		if w.enabled[specialistUtilization] && !math.IsNaN(of.utilization) {
			const percent = 100
			w.add(specialistUtilization, time.Time{}, min(percent, of.utilization*percent), nil, []pair{{keySpecialist, of.specialist}, {keySpecialistOf, of.uuid}})
		}
		memory[of.specialist] += of.memory
	}
	slices.SortFunc(usages, func(a, b usage) int { return cmp.Compare(a.specialist, b.specialist) })
	for i, of := range usages {
		last := i == len(usages)-1 || usages[i+1].specialist != of.specialist
		if total := memory[of.specialist]; last && w.enabled[specialistMemory] && !math.IsNaN(total) {
			w.add(specialistMemory, time.Time{}, total, nil, []pair{{keySpecialist, of.specialist}, {keyMemoryType, typeGPU}})
		}
	}
}

// processes writes the metrics of the processes of a GPU.
func (w *writer) processes(e *engine, gpu *gpu) {
	if !w.enabled[processMemory] && !w.enabled[processUtilization] {
		return
	}
	for _, process := range gpu.last.processes {
		entity, known := w.process(e, gpu, process.PID)
		if known && w.enabled[processMemory] && !math.IsNaN(process.Memory) {
			putPID(w.add(processMemory, gpu.start, process.Memory, entity, nil), process.PID)
		}
		if used, found := gpu.last.processUtilization[process.PID]; known && found && w.enabled[processUtilization] {
			putPID(w.add(processUtilization, gpu.start, used, entity, nil), process.PID)
		}
	}
}

func putPID(point pmetric.NumberDataPoint, pid uint32) { point.Attributes().PutInt(keyPID, int64(pid)) }

// process are the attributes of a process of a GPU, once they are known.
func (w *writer) process(e *engine, gpu *gpu, pid uint32) ([]pair, bool) {
	info, known := e.joiner.table.lookup(pid)
	if !known {
		return nil, false
	}
	pairs := w.entity(e, gpu, gpu.UUID, gpu.Name)
	for _, more := range []pair{{keyExecutable, info.executable}, {keyPodUID, info.podUID}, {keyContainerID, info.container}} {
		if more.value != "" {
			pairs = append(pairs, more)
		}
	}
	w.pairs = pairs
	return pairs, true
}
