// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomaly

import (
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
)

// components are a principal component analysis of standardised columns: the first components that together explain a share of the
// variance, but never all of them, as there would be no residual.
type components struct {
	mean, scale []float64 // of the columns
	loadings    []float64 // of the components, one after the other
	variances   []float64 // of the components
	residual    float64   // the mean of Q
}

// leastResidual is the least mean of Q, as a share of the number of columns.
const leastResidual = 1e-6

func newComponents(data *table, s Components) *components {
	n, columns := data.rows(), data.columns
	p := &components{mean: make([]float64, columns), scale: make([]float64, columns)}
	x := mat.NewDense(n, columns, nil)
	values := make([]float64, n)
	for j := range columns {
		for i := range values {
			values[i] = float64(data.at(i, j))
		}
		mean, std := stat.MeanStdDev(values, nil)
		// Columns were brought to the scale of their metric before: a constant one keeps it.
		p.mean[j], p.scale[j] = mean, max(std, sameValue)
		if std < sameValue {
			p.scale[j] = 1
		}
		for i, v := range values {
			x.Set(i, j, (v-mean)/p.scale[j])
		}
	}
	var pc stat.PC
	if !pc.PrincipalComponents(x, nil) {
		return p // Without components all is residual.
	}
	variances := pc.VarsTo(nil)
	var vectors mat.Dense
	pc.VectorsTo(&vectors)
	p.choose(variances, &vectors, s.Variance)
	return p
}

// choose takes the first components that explain the share of the variance.
func (p *components) choose(variances []float64, vectors *mat.Dense, share float64) {
	total := 0.0
	for _, v := range variances {
		total += v
	}
	most := len(p.mean) - 1
	if len(p.mean) == 1 {
		most = 1
	}
	explained := 0.0
	for k := 0; k < min(most, len(variances)) && explained < share*total; k++ {
		explained += variances[k]
		p.variances = append(p.variances, variances[k])
		for j := range p.mean {
			p.loadings = append(p.loadings, vectors.At(j, k))
		}
	}
	p.residual = total - explained
}

// component returns the loadings of a component.
func (p *components) component(k int) []float64 {
	n := len(p.mean)
	return p.loadings[k*n : (k+1)*n]
}

// standardise writes the standardised row and returns the square of its length.
func (p *components) standardise(row []float32, z []float64) float64 {
	length := 0.0
	for j, v := range row {
		z[j] = (float64(v) - p.mean[j]) / p.scale[j]
		length += z[j] * z[j]
	}
	return length
}

// distance is the root mean square of Hotelling's T² per component and of Q by its mean, about 1 for calm rows.
func (p *components) distance(row []float32) float64 {
	var scratch [maxColumns]float64
	z := scratch[:len(row)]
	q, t2 := p.standardise(row, z), 0.0
	for k, variance := range p.variances {
		t := dot(p.component(k), z)
		t2 += t * t / variance
		q -= t * t
	}
	r := float64(len(p.variances))
	q = max(0, q) / p.residualMean()
	switch {
	case r == 0:
		return math.Sqrt(q)
	case len(p.mean) == 1:
		return math.Sqrt(t2)
	}
	return math.Sqrt((t2/r + q) / 2)
}

func (p *components) residualMean() float64 {
	return max(p.residual, leastResidual*float64(len(p.mean)))
}

// contributions adds what every column contributes to the square of the distance.
func (p *components) contributions(row []float32, add func(column int, share float64)) {
	var scratch, rest [maxColumns]float64
	z := scratch[:len(row)]
	p.standardise(row, z)
	copy(rest[:], z)
	for k, variance := range p.variances {
		loadings := p.component(k)
		t := dot(loadings, z)
		for j, l := range loadings {
			rest[j] -= t * l
			add(j, max(0, t*l*z[j]/variance)/float64(len(p.variances)))
		}
	}
	for j := range z {
		add(j, rest[j]*rest[j]/p.residualMean())
	}
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func (p *components) bytes() int {
	return 8*(len(p.mean)+len(p.scale)+len(p.loadings)+len(p.variances)) + 120
}

func (p *components) encode(e *codec.Encoder) {
	for j := range p.mean {
		e.Float64(p.mean[j])
		e.Float64(p.scale[j])
	}
	e.Count(len(p.variances))
	for _, list := range [][]float64{p.variances, p.loadings} {
		for _, v := range list {
			e.Float64(v)
		}
	}
	e.Float64(p.residual)
}

func decodeComponents(d *codec.Decoder, columns int) *components {
	p := &components{mean: make([]float64, columns), scale: make([]float64, columns)}
	for j := range columns {
		p.mean[j], p.scale[j] = d.Finite(), d.Finite()
		d.Require(p.scale[j] > 0)
	}
	n := d.Count(8)
	d.Require(n <= columns)
	for range n {
		v := d.Finite()
		d.Require(v > 0)
		p.variances = append(p.variances, v)
	}
	for range n * columns {
		p.loadings = append(p.loadings, d.Finite())
		if d.Err() != nil {
			return nil
		}
	}
	p.residual = d.Finite()
	return p
}
