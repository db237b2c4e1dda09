// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package guardianeventsconnector turns verdict metrics into events, one at the begin and one at the end of an episode.
//
// A reader (reader.go) makes sightings of the points of a batch: what the verdict metrics say of one thing at one time. The
// episodes (episode.go) decide from the sightings when an alarm is raised and when it is cleared. The engine (engine.go) makes
// events of that (events.go) and keeps them until the next consumer has taken them.
package guardianeventsconnector

//go:generate mdatagen metadata.yaml
