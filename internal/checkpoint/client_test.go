// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// A client's values outlive it. After its file was damaged there is a client that holds nothing, and the file is kept aside.
func TestOpenClientSetsADamagedFileAside(t *testing.T) {
	ext := requireFileStorage(t, t.TempDir())
	client, err := OpenClient(t.Context(), ext, testKind, testID, "log", zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, client.Set(t.Context(), "key", []byte("value")))
	require.NoError(t, client.Close(t.Context()))

	client, err = OpenClient(t.Context(), ext, testKind, testID, "log", zap.NewNop())
	require.NoError(t, err)
	value, err := client.Get(t.Context(), "key")
	require.NoError(t, err)
	assert.Equal(t, "value", string(value))
	require.NoError(t, client.Close(t.Context()))

	path := findStorageFile(ext, testKind, testID, "log").path
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range content {
		content[i] ^= 0x55
	}
	require.NoError(t, os.WriteFile(path, content, 0o600))
	client, err = OpenClient(t.Context(), ext, testKind, testID, "log", zap.NewNop())
	require.NoError(t, err)
	value, err = client.Get(t.Context(), "key")
	require.NoError(t, err)
	assert.Nil(t, value)
	require.NoError(t, client.Close(t.Context()))
	assert.FileExists(t, path+".damaged")
}
