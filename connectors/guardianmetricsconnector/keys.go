// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardianmetricsconnector

import (
	"encoding/binary"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/llm-guardian/otelcol-guardian/internal/duplicates"
)

// keyMaker makes the keys of identities. Its secret is as old as the keys that are remembered, restarts included.
type keyMaker struct {
	secret   duplicates.Secret
	identity []byte // scratch
}

func newKeyMaker() *keyMaker { return &keyMaker{secret: duplicates.NewSecret()} }

// of gives the key of an identity of a kind. Each part counts with its length.
func (k *keyMaker) of(kind identityKind, parts ...string) duplicates.Key {
	k.identity = append(k.identity[:0], byte(kind))
	for _, part := range parts {
		k.identity = binary.AppendUvarint(k.identity, uint64(len(part)))
		k.identity = append(k.identity, part...)
	}
	return k.secret.KeyOf(k.identity)
}

func (k *keyMaker) ofSpan(kind identityKind, trace pcommon.TraceID, span pcommon.SpanID) duplicates.Key {
	return k.of(kind, string(trace[:]), string(span[:]))
}
