// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/llm-guardian/otelcol-guardian/internal/duplicates"
)

// keyMaker makes the keys of identities. Its secret is as old as the keys that are remembered, restarts included.
type keyMaker struct{ secret duplicates.Secret }

func newKeyMaker() *keyMaker { return &keyMaker{secret: duplicates.NewSecret()} }

func (k *keyMaker) of(kind identityKind, parts ...string) duplicates.Key {
	return k.secret.KeyOf(byte(kind), parts...)
}

func (k *keyMaker) ofSpan(kind identityKind, trace pcommon.TraceID, span pcommon.SpanID) duplicates.Key {
	return k.of(kind, string(trace[:]), string(span[:]))
}
