// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package prefetch

import (
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

// Nothing is read or written that the program could see, whatever the address is.
func TestLines(t *testing.T) {
	memory := slices.Repeat([]byte{7}, 10*LineSize)
	for n := 1; n <= 20; n++ { // beyond its end too
		for offset := range 2 * LineSize {
			Lines(unsafe.Pointer(&memory[offset]), n)
		}
	}
	assert.NotPanics(t, func() { Lines(nil, 3) })
	assert.Equal(t, slices.Repeat([]byte{7}, 10*LineSize), memory)
}
