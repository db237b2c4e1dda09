// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"crypto/sha256"
	"encoding/binary"
)

// Key identifies an event: the first 128 bits of the SHA-256 of what makes it unique. Identities come from outside, and nobody can
// make two of them with the same key.
type Key [16]byte

// KeyOf returns the key of an identity that consists of the given parts, for example source and id. Each part counts with its
// length: the parts "ab", "c" and "a", "bc" are two identities. It allocates only if the parts are longer than about 500 bytes together.
func KeyOf(parts ...string) Key {
	var space [512]byte
	b := space[:0]
	for _, part := range parts {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	sum := sha256.Sum256(b)
	return Key(sum[:len(Key{})])
}
