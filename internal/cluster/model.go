// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/event"
)

const (
	sampledShare       = 0.1                 // of predictions: people are asked for the truth
	labelDeadline      = 30 * 24 * time.Hour // from the prediction
	brokenPredictions  = 0.005               // share of predictions that fail
	confidenceLossPerZ = 0.15                // share of right answers lost per standard deviation of drift
)

// model is a classic model. Its answer is a score made of its features: a class, or the
// score itself on a scale.
type model struct {
	name, version  string
	source         string
	endpoint, task string
	latency        float64 // median, milliseconds
	features       []feature
	classes        [2]string // what a low and a high score mean; "" for a regression
	mean, spread   float64   // of the answers of a regression
}

// feature is one input of a model, independent of the others. A numeric one is a
// monotone function of a normal variable, so that a shift of that is a shift of known size; a
// categorical one has categories of falling frequency.
type feature struct {
	name       string
	weight     float64 // in the model's score
	value      func(z float64) event.Value
	categories []string
	key        string // attribute key
}

var models = [...]model{
	{
		name: "churn", version: "12", source: "/model/churn", endpoint: "/predict/churn", task: "classification", latency: 8,
		classes: [2]string{"no", "yes"},
		features: []feature{
			{name: "age", weight: -0.4, value: whole(41, 12)},
			{name: "income", weight: -0.5, value: skewed(52000, 0.5, 2)},
			{name: "tenure_months", weight: -0.8, value: skewedWhole(24, 0.8)},
			{name: "tickets", weight: 1.1, value: skewedWhole(2, 0.9)},
			{name: "plan", weight: 0.6, categories: []string{"basic", "plus", "pro", "trial"}},
		},
	},
	{
		name: "fraud", version: "7", source: "/model/fraud", endpoint: "/predict/fraud", task: "classification", latency: 12,
		classes: [2]string{"legitimate", "fraud"},
		features: []feature{
			{name: "amount", weight: 1.2, value: skewed(80, 1.1, 2)},
			{name: "distance_km", weight: 0.7, value: skewed(12, 1.3, 1)},
			{name: "account_days", weight: -0.6, value: skewedWhole(400, 0.9)},
			{name: "channel", weight: 0.4, categories: []string{"card", "transfer", "wallet", "phone"}},
		},
	},
	{
		name: "price", version: "3", source: "/model/price", endpoint: "/predict/price", task: "regression", latency: 5,
		mean: 310000, spread: 90000,
		features: []feature{
			{name: "rooms", weight: 0.5, value: whole(4, 1.2)},
			{name: "area_m2", weight: 0.9, value: skewed(95, 0.4, 1)},
			{name: "year", weight: 0.3, value: whole(1985, 20)},
			{name: "heating", weight: 0.2, categories: []string{"gas", "heat_pump", "district", "oil"}},
		},
	},
}

var regions = []string{"eu", "us", "apac"}

func init() {
	for i := range models {
		for j := range models[i].features {
			f := &models[i].features[j]
			f.key = "features." + f.name
		}
	}
}

// whole makes whole numbers, nearly normal.
func whole(mean, deviation float64) func(float64) event.Value {
	return func(z float64) event.Value { return event.Integer(int64(math.Round(mean + deviation*z))) }
}

// skewed makes log-normal numbers, kept to some decimal places.
func skewed(median, sigma float64, places int) func(float64) event.Value {
	return func(z float64) event.Value { return event.Double(round(median*math.Exp(sigma*z), places)) }
}

// skewedWhole makes log-normal numbers without decimal places.
func skewedWhole(median, sigma float64) func(float64) event.Value {
	return func(z float64) event.Value { return event.Integer(int64(math.Round(median * math.Exp(sigma*z)))) }
}

// categoryShares are the frequencies of the categories of a feature.
var categoryShares = [...]float64{0.45, 0.3, 0.2, 0.05}

func modelNamed(name string) *model {
	for i := range models {
		if models[i].name == name {
			return &models[i]
		}
	}
	return nil
}

func (m *model) feature(name string) *feature {
	for i := range m.features {
		if m.features[i].name == name {
			return &m.features[i]
		}
	}
	return nil
}

// draw gives a value of the feature, and its part in the model's score.
func (f *feature) draw(random *rand.Rand, shift float64) (event.Value, float64) {
	if f.categories == nil {
		z := random.NormFloat64() + shift
		return f.value(z), f.weight * z
	}
	last := len(f.categories) - 1
	draw, moved := random.Float64(), random.Float64() < shift
	category := 0
	for category < last && draw >= categoryShares[category] {
		draw -= categoryShares[category]
		category++
	}
	if moved {
		category = last
	}
	return event.String(f.categories[category]), f.weight * float64(category-1)
}

// predict tells of a prediction. Some are labelled later.
func (c *Cluster) predict(at time.Time) event.Event {
	i := c.random.IntN(len(models))
	m, random := &models[i], c.sources.models[i]
	c.counts.requests++
	number := c.counts.requests
	p := &c.events.prediction
	*p = event.Prediction{Features: p.Features[:0], Segments: p.Segments[:0]}
	p.Meta = c.about(number, m.source)
	p.PredictionID = c.id("prediction", number)
	p.Model = event.Model{Name: m.name, Version: m.version}
	p.Endpoint, p.Task = m.endpoint, m.task
	p.Latency = event.Some(round(logNormal(random, m.latency, 0.4), 3))
	p.Segments = append(p.Segments, event.Attribute{Key: "segments.region", Value: event.String(pick(random, regions))})

	score, drifted := 0.0, 0.0
	for j := range m.features {
		f := &m.features[j]
		shift := c.shiftOf(m, f, c.since(at))
		value, part := f.draw(random, shift)
		p.Features = append(p.Features, event.Attribute{Key: f.key, Value: value})
		score += part
		drifted = max(drifted, math.Abs(shift))
	}
	if chance(random, brokenPredictions) {
		p.Outcome, p.ErrorType = event.StatusError, "feature_store_timeout"
		return p
	}
	p.Outcome = event.StatusSuccess
	m.answer(p, score)
	if sampled := chance(random, sampledShare); sampled {
		c.sample(at, p, promise{number: number, model: i, drifted: drifted})
	}
	return p
}

// answer turns the score into a class with its probability, or into a number.
func (m *model) answer(p *event.Prediction, score float64) {
	if m.task == "regression" {
		p.Predicted.Value = event.Some(round(m.mean+m.spread*score, 0))
		return
	}
	high := 1 / (1 + math.Exp(-1.5*score))
	p.Predicted.Class = m.classes[0]
	if high > 0.5 {
		p.Predicted.Class = m.classes[1]
	}
	p.Probability = event.Some(share(max(high, 1-high)))
	p.Confidence = p.Probability
}

// sample marks a prediction for people to judge, and draws the truth. The model is well calibrated: it
// is right as often as it is confident, until its input drifts.
func (c *Cluster) sample(at time.Time, p *event.Prediction, truth promise) {
	p.SampledForLabel, p.SamplingProbability = event.Some(true), event.Some(sampledShare)
	p.LabelDeadline = at.Add(labelDeadline).UTC().Format(time.RFC3339)
	m, random := &models[truth.model], c.sources.models[truth.model]
	lost := confidenceLossPerZ * truth.drifted
	if m.task == "regression" {
		truth.actual = event.Outcome{Value: event.Some(round(p.Predicted.Value.Value+(0.2+lost)*m.spread*random.NormFloat64(), 0))}
	} else {
		right := chance(random, p.Confidence.Value-lost)
		truth.actual = event.Outcome{Class: p.Predicted.Class}
		if !right {
			truth.actual.Class = m.other(p.Predicted.Class)
		}
	}
	c.addLate(at, random, truth)
}

// other gives the class that the given one is not.
func (m *model) other(class string) string {
	if class == m.classes[0] {
		return m.classes[1]
	}
	return m.classes[0]
}
