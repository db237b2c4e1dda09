// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package cluster simulates a cluster of language models that are watched by other
// models, and the classic models beside them: it makes the events that their
// applications would send.
//
// A [Cluster] is a pure generator. It has no clock, no goroutine and no I/O: time is
// virtual and goes from event to event, randomness comes from a seed. The same
// [Config] gives the same events, byte for byte once they are written as JSON.
//
//	c, err := cluster.New(cluster.Config{Seed: 1, Start: start, Rate: 100})
//	for e := range c.Until(start.Add(time.Hour)) {
//		body = event.AppendJSON(body, e)
//	}
//
// # What happens in it
//
// Requests, predictions and reports arrive at random (a Poisson process). A request
// tells of its start and of its end; half of the answers are judged by a guardian a
// little later; some judgements suggest an improvement, which is accepted or
// rejected and perhaps implemented in the hours after. A tenth of the predictions is
// sampled for labels, which come minutes to days later; a few of those are corrected
// or taken back. A tenth of the judgements is labelled too, flagged or not, with the
// class "issue" or "ok". Reports are workloads, errors of components, alerts of
// applications, and what detectors find in the data of tenants.
//
// Everything hangs together: an evaluation targets the request that it judged, a label
// the prediction or evaluation that it speaks of, and both have its request id,
// correlation id and trace. Every other request is traced by its application: it has
// a span id, and [AppendSpan] makes the span.
//
// # Scenarios
//
// [Drift] shifts one feature of one model, [Trouble] makes one specialist slow and wrong,
// and a [Burst] makes requests of all specialists fail. Each specialist and model draws from a
// source of randomness of its own, so a drift or a trouble changes what it is about, and
// leaves the rest as it was without it.
package cluster
