// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package series

import (
	"crypto/rand"
	"encoding/binary"
	"iter"
	"math"
	"math/bits"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// maxDepth bounds the nesting of values, so that neither a batch nor a checkpoint can exhaust the stack.
const maxDepth = 32

// Key identifies a series within this process. Its halves are computed with independent seeds, so that two series
// collide only where both halves do.
type Key struct{ hi, lo uint64 }

// secrets are the random numbers behind all keys of a process.
type secrets struct {
	text      Key                             // where the hash of a string begins
	length    Key                             // what every byte of its length adds to that
	words     Key                             // tells the first word of a pair from the second
	multiply  Key                             // the second factor of a word that is mixed on its own
	attribute Key                             // tells the name of an attribute from its value
	types     [pcommon.ValueTypeBytes + 1]Key // tell values of different types apart
	levels    [levelAttributes + 1]Key        // tell the levels of an ID apart
}

var secret = newSecrets()

func newSecrets() *secrets {
	s := &secrets{
		text: randomKey(), length: randomKey(), words: randomKey(),
		multiply: randomKey(), attribute: randomKey(),
	}
	for i := range s.types {
		s.types[i] = randomKey()
	}
	for i := range s.levels {
		s.levels[i] = randomKey()
	}
	return s
}

func randomKey() Key {
	var b [16]byte
	_, _ = rand.Read(b[:]) // Never fails, as its documentation promises.
	return Key{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
}

// fold mixes two words into one through all bits of their product.
func fold(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi ^ lo
}

func (k Key) xor(o Key) Key  { return Key{k.hi ^ o.hi, k.lo ^ o.lo} }
func (k Key) fold(o Key) Key { return Key{fold(k.hi, o.hi), fold(k.lo, o.lo)} }

// plus is the one combination that does not depend on order. Unlike xor, it does not cancel equal terms.
func (k Key) plus(o Key) Key { return Key{k.hi + o.hi, k.lo + o.lo} }

// then appends an item to a sequence, which must begin with something else than its first item: then is symmetric.
func (k Key) then(item Key) Key { return k.xor(item).fold(secret.multiply) }

// level makes the key of a level from the key of the level above it and its own content.
func (k Key) level(l level, content Key) Key {
	return k.xor(secret.levels[l]).fold(content.xor(secret.multiply))
}

func hashWord(t pcommon.ValueType, w uint64) Key { return secret.types[t].then(Key{w, w}) }

func hashBool(b bool) Key {
	if b {
		return hashWord(pcommon.ValueTypeBool, 1)
	}
	return hashWord(pcommon.ValueTypeBool, 0)
}

func hashEmpty() Key { return hashWord(pcommon.ValueTypeEmpty, 0) }

func hashAttribute(name, value Key) Key {
	return name.xor(secret.attribute).fold(value.xor(secret.multiply))
}

// hashText is the hash of an attribute whose value is a string: that goes on where the hash of its name ends.
func hashText[T text](name Key, value T) Key {
	return hashOn(name.xor(secret.attribute), value)
}

func hashNamed(name Key, v pcommon.Value, depth int) Key {
	if v.Type() == pcommon.ValueTypeStr {
		return hashText(name, v.Str())
	}
	return hashAttribute(name, hashValue(v, depth))
}

func hashMap(m pcommon.Map, depth int) (sum Key) {
	for name, v := range m.All() {
		sum = sum.plus(hashNamed(hashString(name), v, depth))
	}
	return sum
}

func hashValue(v pcommon.Value, depth int) Key {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return hashString(v.Str())
	case pcommon.ValueTypeInt:
		return hashWord(pcommon.ValueTypeInt, uint64(v.Int()))
	case pcommon.ValueTypeDouble:
		return hashWord(pcommon.ValueTypeDouble, math.Float64bits(v.Double()))
	case pcommon.ValueTypeBool:
		return hashBool(v.Bool())
	case pcommon.ValueTypeBytes:
		return hashBytes(v.Bytes().All())
	case pcommon.ValueTypeMap:
		if depth < maxDepth {
			return secret.types[pcommon.ValueTypeMap].then(hashMap(v.Map(), depth+1))
		}
	case pcommon.ValueTypeSlice:
		if depth < maxDepth {
			return hashSlice(v.Slice(), depth+1)
		}
	}
	return hashEmpty()
}

func hashSlice(s pcommon.Slice, depth int) Key {
	k := secret.types[pcommon.ValueTypeSlice]
	for _, v := range s.All() {
		k = k.then(hashValue(v, depth))
	}
	return k
}

// hashBytes takes an iterator because a pcommon.ByteSlice gives away its bytes one by one or as an allocated copy.
func hashBytes(bytes iter.Seq2[int, byte]) Key {
	k := secret.types[pcommon.ValueTypeBytes]
	for _, b := range bytes {
		k = k.then(Key{uint64(b), uint64(b)})
	}
	return k
}
