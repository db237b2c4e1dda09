// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"context"
	"time"

	"github.com/llm-guardian/otelcol-guardian/internal/anomaly"
)

// trainer trains models one after the other, in a share of the time.
type trainer struct {
	queue []*entity // those that wait, under the engine's lock
	work  chan struct{}
}

// add puts an entity into the queue. It stands there once at most, so that the queue is as bounded as the entities are.
func (t *trainer) add(e *entity) {
	t.queue = append(t.queue, e)
	signal(t.work)
}

// train trains what is in the queue, until the context is done. After each training it rests for as long as it takes to stay within its share
// of a core.
func (e *engine) train(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.trainer.work:
		}
		for e.trainNext(ctx) {
		}
	}
}

// trainNext trains one model; false if there is none to train, or no time.
func (e *engine) trainNext(ctx context.Context) bool {
	training, of := e.nextTraining()
	if training == nil || ctx.Err() != nil {
		return false
	}
	began := time.Now()
	model := training.Fit()
	took := time.Since(began)
	e.install(of, model, took)
	rest := time.NewTimer(time.Duration(float64(took) * (1/e.config.TrainingCPU - 1)))
	defer rest.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-rest.C:
		return true
	}
}

// nextTraining takes the first entity from the queue that still needs a model.
func (e *engine) nextTraining() (*anomaly.Training, *entity) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.trainer.queue) > 0 {
		next := e.trainer.queue[0]
		e.trainer.queue[0] = nil
		e.trainer.queue = e.trainer.queue[1:]
		next.queued = false
		if training := next.judge.Training(); training != nil && !next.gone {
			next.queued = true // until it is installed
			return training, next
		}
	}
	return nil, nil
}

func (e *engine) install(of *entity, model *anomaly.Model, took time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	of.queued = false
	of.judge.Install(model)
	tally := &of.detector.tally
	tally.trainings++
	tally.trainingTime += took
}
