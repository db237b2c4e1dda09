// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package event

// index finds values by name. Names of one length lie together, so that a look-up
// compares with the two or three names that have the same length: for the few dozen
// names of a type that costs less than hashing. It is filled when the package is
// initialised and only read afterwards.
type index[V any] struct {
	byLength [][]named[V]
}

type named[V any] struct {
	name  string
	value V
}

// add puts a value under a name, unless one is there already.
func (x *index[V]) add(name string, value V) {
	for len(x.byLength) <= len(name) {
		x.byLength = append(x.byLength, nil)
	}
	if _, ok := find(x, name); !ok {
		x.byLength[len(name)] = append(x.byLength[len(name)], named[V]{name, value})
	}
}

// find gives the value under a name. It does not allocate.
func find[V any, N string | []byte](x *index[V], name N) (value V, ok bool) {
	if len(name) >= len(x.byLength) {
		return value, false
	}
	for i := range x.byLength[len(name)] {
		if candidate := &x.byLength[len(name)][i]; candidate.name == string(name) {
			return candidate.value, true
		}
	}
	return value, false
}
