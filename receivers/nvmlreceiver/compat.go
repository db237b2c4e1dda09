// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import "go.opentelemetry.io/collector/pdata/pmetric"

// row is a metric of another exporter: a figure under that exporter's name and
// in its unit. Its own unit is empty, so that no suffix is added to the name.
type row struct {
	name   string
	figure figureID
	scale  float64
	kind   kind
}

// rowWriter writes rows, each metric in one piece.
type rowWriter struct {
	w      *writer
	points map[string]pmetric.NumberDataPointSlice
}

func newRowWriter(w *writer) rowWriter {
	return rowWriter{w: w, points: map[string]pmetric.NumberDataPointSlice{}}
}

func (r rowWriter) add(name string, kind kind, gpu *gpu, value float64, labels []pair) {
	points, begun := r.points[name]
	if !begun {
		points = begin(r.w.scope, name, "", "As another exporter spells it.", kind)
		r.points[name] = points
	}
	point := points.AppendEmpty()
	point.SetTimestamp(r.w.now)
	if kind != gauge {
		point.SetStartTimestamp(timestamp(gpu.start))
	}
	point.SetDoubleValue(value)
	point.Attributes().EnsureCapacity(len(labels))
	put(point.Attributes(), labels)
}

// write writes the rows whose figures are known.
func (r rowWriter) write(rows []row, gpu *gpu, of *figures, labels []pair) {
	for _, row := range rows {
		if value, known := of.get(row.figure); known {
			r.add(row.name, row.kind, gpu, value*row.scale, labels)
		}
	}
}
