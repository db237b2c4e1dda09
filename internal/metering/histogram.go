// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package metering

// bucketOf returns which bucket a value is in: the first one whose upper bound is not below it. Bounds are few, so that
// going through them takes less time than a binary search.
func bucketOf(bounds []float64, value float64) int {
	for i, bound := range bounds {
		if value <= bound {
			return i
		}
	}
	return len(bounds)
}

func totalOf(buckets []uint64) uint64 {
	total := uint64(0)
	for _, n := range buckets {
		total += n
	}
	return total
}
