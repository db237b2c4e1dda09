// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package servers

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// InfluxDB is a running InfluxDB 1.6 without authentication.
type InfluxDB struct {
	*Process
	URL string
}

// InfluxSeries is one series of an InfluxQL answer.
type InfluxSeries struct {
	Name    string            `json:"name"`
	Tags    map[string]string `json:"tags"`
	Columns []string          `json:"columns"`
	Values  [][]any           `json:"values"` // Times are nanoseconds; all numbers are json.Number.
}

const influxConfig = `
reporting-disabled = true
bind-address = %q
[meta]
  dir = %q
[data]
  dir = %q
  wal-dir = %q
[http]
  bind-address = %q
[monitor]
  store-enabled = false
`

// StartInfluxDB starts an InfluxDB that holds the empty database that is named.
func StartInfluxDB(t testing.TB, database string) *InfluxDB {
	t.Helper()
	binary, dir := program(t, "influxd"), t.TempDir()
	configPath := filepath.Join(dir, "influxdb.conf")
	influx := new(InfluxDB)
	influx.Process = launch(t, 2, func(ports []int) *Process {
		influx.URL = "http://" + address(ports[0])
		writeFile(t, configPath, fmt.Sprintf(influxConfig, address(ports[1]),
			filepath.Join(dir, "meta"), filepath.Join(dir, "data"), filepath.Join(dir, "wal"), address(ports[0])))
		return &Process{
			name:    "InfluxDB",
			args:    []string{binary, "run", "-config", configPath},
			stopBy:  syscall.SIGTERM,
			ready:   answers(influx.URL + "/ping"),
			logPath: filepath.Join(dir, "influxdb.log"),
		}
	})
	influx.Query(t, "", fmt.Sprintf("CREATE DATABASE %q", database))
	return influx
}

// Query runs one InfluxQL statement.
func (i *InfluxDB) Query(t testing.TB, database, statement string) []InfluxSeries {
	t.Helper()
	parameters := url.Values{"db": {database}, "q": {statement}, "epoch": {"ns"}}
	body, err := call(t.Context(), http.MethodPost, i.URL+"/query", "application/x-www-form-urlencoded", []byte(parameters.Encode()))
	require.NoError(t, err)
	var answer struct {
		Results []struct {
			Series []InfluxSeries `json:"series"`
			Error  string         `json:"error"`
		} `json:"results"`
	}
	require.NoError(t, decodeNumbers(body, &answer))
	require.Len(t, answer.Results, 1, "InfluxDB answered %s", body)
	require.Empty(t, answer.Results[0].Error, "InfluxDB refused %q", statement)
	return answer.Results[0].Series
}

// Write hands over points in line protocol.
func (i *InfluxDB) Write(t testing.TB, database, lines string) {
	t.Helper()
	_, err := call(t.Context(), http.MethodPost, i.URL+"/write?db="+url.QueryEscape(database), "text/plain", []byte(lines))
	require.NoError(t, err)
}
