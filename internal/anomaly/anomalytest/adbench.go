// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalytest

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
)

// LoadADBench reads a set of ADBench as CSV, whose last column is the label.
func LoadADBench(path string) (rows [][]float64, labels []bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, record := range records[1:] {
		row := make([]float64, len(record)-1)
		for i := range row {
			if row[i], err = strconv.ParseFloat(record[i], 64); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", path, err)
			}
		}
		rows, labels = append(rows, row), append(labels, record[len(row)] == "1")
	}
	return rows, labels, nil
}

// ROCAUC is the probability that an anomaly has a higher score than another row, ties counting half (Mann–Whitney).
func ROCAUC(scores []float64, labels []bool) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case scores[a] < scores[b]:
			return -1
		case scores[a] > scores[b]:
			return 1
		}
		return 0
	})
	ranks, anomalies := 0.0, 0
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && scores[order[j]] == scores[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			if labels[k] {
				ranks += float64(i+j+1) / 2
				anomalies++
			}
		}
		i = j
	}
	m := float64(anomalies)
	return (ranks - m*(m+1)/2) / (m * (float64(len(scores)) - m))
}
