// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"strings"
	"time"
)

// Notice is what an event says of an alert.
type Notice struct {
	// Name of the alert, and the labels that tell it apart from others of the name. Times and measured values belong into Annotations.
	Name   string
	Labels Labels
	// Source is who says it. Several sources may speak of one alert: it is in force while one of them says so.
	Source string
	// Severity is how bad it is; None says that it is over, as far as the source knows.
	Severity Severity
	// At is when it was so.
	At time.Time
	// Lasts is how long the alert is in force by itself, from when it is told. 0 leaves it in force until a notice says that it is over.
	Lasts time.Duration
	// Repeats says that the source said the same before.
	Repeats bool
	// Annotations are what people read.
	Annotations map[string]string
}

// Key tells alerts apart, whatever their severity.
func (n *Notice) Key() string {
	var b strings.Builder
	b.WriteString(n.Name)
	for _, label := range n.Labels {
		b.WriteByte(0)
		b.WriteString(label.Name)
		b.WriteByte(0)
		b.WriteString(label.Value)
	}
	return b.String()
}

// Alert is what is told to an Alertmanager. It is over if EndsAt is not after the time of telling.
type Alert struct {
	Name             string
	Labels           Labels
	Severity         Severity
	Annotations      map[string]string
	StartsAt, EndsAt time.Time
}
