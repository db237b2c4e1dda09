// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package admin is how a component offers a page or an action to whoever runs
// the collector, without knowing the extension that serves it. The
// guardian_control extension implements Registry; every other component asks
// its host for one:
//
//	unregister, err := admin.Register(host, set.ID, component.KindProcessor, admin.Surface{
//		Name:        "references",
//		Description: "Reference distributions that are in use.",
//		Handler:     p.referencesHandler(),
//	})
//
// and calls unregister in its Shutdown. Where no registry is configured the
// surface goes nowhere and costs nothing.
package admin
