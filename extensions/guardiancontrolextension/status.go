// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pipeline"
)

// statuses keeps the last status of each component instance. Their number is
// that of the instances in the configuration.
type statuses struct {
	mu   sync.Mutex
	last map[string]instanceStatus
}

// instanceStatus is the last status of one instance.
type instanceStatus struct {
	Kind      string    `json:"kind"`
	Component string    `json:"component"`
	Pipelines []string  `json:"pipelines,omitempty"`
	Status    string    `json:"status"`
	Since     time.Time `json:"since"`
	Error     string    `json:"error,omitempty"`
}

func newStatuses() *statuses {
	return &statuses{last: map[string]instanceStatus{}}
}

func (s *statuses) record(source *componentstatus.InstanceID, event *componentstatus.Event) {
	status := instanceStatus{
		Kind:      strings.ToLower(source.Kind().String()),
		Component: source.ComponentID().String(),
		Status:    strings.TrimPrefix(event.Status().String(), "Status"),
		Since:     event.Timestamp(),
	}
	source.AllPipelineIDs(func(id pipeline.ID) bool {
		status.Pipelines = append(status.Pipelines, id.String())
		return true
	})
	slices.Sort(status.Pipelines)
	if err := event.Err(); err != nil {
		status.Error = err.Error()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[status.key()] = status
}

func (s *statuses) list() []instanceStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]instanceStatus, 0, len(s.last))
	for _, status := range s.last {
		all = append(all, status)
	}
	slices.SortFunc(all, func(a, b instanceStatus) int { return strings.Compare(a.key(), b.key()) })
	return all
}

func (s instanceStatus) key() string {
	return strings.Join([]string{s.Kind, s.Component, strings.Join(s.Pipelines, " ")}, "\n")
}
