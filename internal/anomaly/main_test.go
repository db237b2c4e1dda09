// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"flag"
	"math/rand/v2"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// thorough makes the tests of accuracy long enough for their tables to be quoted.
var thorough = flag.Bool("thorough", false, "the accuracy tests with many repetitions")

// dataVariable names the folder that holds adbench/ and nab/.
const dataVariable = "GUARDIAN_DATA"

// dataFolder returns the folder of public data, and skips the test where there is none.
func dataFolder(t testing.TB) string {
	t.Helper()
	folder := os.Getenv(dataVariable)
	if folder == "" {
		t.Skipf("%s does not say where the data is", dataVariable)
	}
	return folder
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// gaussian is a table of standard normal values.
func gaussian(rows, columns int, seed uint64) *table {
	rng := seeded(seed)
	data := &table{columns: columns, values: make([]float32, rows*columns)}
	for i := range data.values {
		data.values[i] = float32(rng.NormFloat64())
	}
	return data
}

// observe judges a row and trains whatever is due.
func observe(d *Detector, at int64, row []float64) Verdict {
	v := d.Observe(at, row)
	train(d)
	return v
}

func train(d *Detector) {
	if training := d.Training(); training != nil {
		d.Install(training.Fit())
	}
}
