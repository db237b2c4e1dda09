// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package duplicates

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const killedDirectory = "DUPLICATES_KILLED_DIRECTORY"

// appendUntilKilled appends one key after the other and says which ones are written.
func appendUntilKilled(dir string) {
	client, err := newFileStorage(dir, false)
	if err != nil {
		panic(err)
	}
	log, _, err := Open(context.Background(), client, NewTable(Settings{}), start, 0)
	for i := 0; err == nil; i++ {
		if err = log.Append(context.Background(), numbered(i, i+1), start); err == nil {
			fmt.Println(i)
		}
	}
	panic(err)
}

// TestKilled kills a process that appends, and finds everything again that it was told is written.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), killedDirectory+"="+dir)
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	last := -1
	for lines := bufio.NewScanner(output); lines.Scan(); {
		last, err = strconv.Atoi(lines.Text())
		require.NoError(t, err, lines.Text())
		if last == 1000 {
			require.NoError(t, child.Process.Kill())
		}
	}
	require.Error(t, child.Wait(), "killed")
	require.GreaterOrEqual(t, last, 1000)
	table := NewTable(Settings{})
	log, warnings, err := Open(t.Context(), requireFileStorage(t, dir, false), table, start, time.Minute)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, last+1, known(table, numbered(0, last+1), start))
	require.NoError(t, log.Close(t.Context()))
}
