// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package kibana

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) { testutil.VerifyNoLeaks(m) }

// TestFileIsWhatIsCommitted writes the saved objects with -update, as `make dashboards` does.
func TestFileIsWhatIsCommitted(t *testing.T) {
	objects, err := Objects()
	require.NoError(t, err)
	testutil.Golden(t, filepath.Join("..", "..", "kibana", File), objects)
}
