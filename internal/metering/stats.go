// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

// Stats describe a Meter.
type Stats struct {
	Metrics []MetricStats // in the order of the definitions
	Dropped uint64        // series of saved states that no metric takes any more
}

// MetricStats describe a metric. The counts begin with the Meter; they are not part of its state.
type MetricStats struct {
	Name       string
	Series     int    // held now, the overflow series not counted
	Limit      int    // that may be held
	Created    uint64 // series, those restored not counted, and the overflow series neither
	Expired    uint64 // series that were idle
	Overflowed uint64 // updates that went to the overflow series
	Rejected   uint64 // updates without effect: not finite, not for this kind of metric, or a counter's that is negative
	Bytes      int    // estimate of the memory held
}

// Stats returns the statistics of the Meter.
func (m *Meter) Stats() Stats {
	stats := Stats{Metrics: make([]MetricStats, len(m.instruments)), Dropped: m.dropped}
	for n, i := range m.instruments {
		stats.Metrics[n] = i.stats
		stats.Metrics[n].Series, stats.Metrics[n].Bytes = i.table.len(), i.table.bytes()
	}
	return stats
}
