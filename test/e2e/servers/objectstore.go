// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package servers

import (
	"bytes"
	"net/http"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// ObjectStore is a running server with one empty bucket. What it holds is in memory and does not survive Stop.
type ObjectStore struct {
	*Process
	// Env is what the clients of cloud libraries need to talk to it.
	Env []string
	// Prefix and Suffix stand around the name of an object in its URL.
	Prefix, Suffix string

	method         string // that creates buckets and objects
	bucket, object string // their URLs, without the name of the object
	description    string // of the bucket
}

const objectBucket = "references"

// StartS3 starts moto's server, which speaks Amazon's S3.
func StartS3(t testing.TB) *ObjectStore {
	t.Helper()
	binary, log := built(t, "build", "venv-objects", "bin", "moto_server"), t.TempDir()+"/moto.log"
	store := &ObjectStore{Env: []string{"AWS_ACCESS_KEY_ID=guardian", "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true"}}
	store.Process = launch(t, 1, func(ports []int) *Process {
		base := "http://" + address(ports[0])
		store.Prefix = "s3://" + objectBucket + "/"
		store.Suffix = "?region=us-east-1&use_path_style=true&endpoint=" + base
		store.method, store.bucket, store.object = http.MethodPut, base+"/"+objectBucket, base+"/"+objectBucket+"/"
		return &Process{
			name: "moto", args: []string{binary, "-H", "127.0.0.1", "-p", strconv.Itoa(ports[0])},
			stopBy: syscall.SIGKILL, ready: answers(base + "/moto-api/"), logPath: log,
		}
	})
	store.makeBucket(t)
	return store
}

// StartGCS starts a server that speaks the JSON API of Google Cloud Storage.
func StartGCS(t testing.TB) *ObjectStore {
	t.Helper()
	binary, log := built(t, "build", "venv-objects", "bin", "gcp-storage-emulator"), t.TempDir()+"/gcs.log"
	store := &ObjectStore{Prefix: "gs://" + objectBucket + "/"}
	store.Process = launch(t, 1, func(ports []int) *Process {
		base := "http://" + address(ports[0])
		store.Env = []string{"STORAGE_EMULATOR_HOST=" + address(ports[0])}
		store.method, store.bucket = http.MethodPost, base+"/storage/v1/b?project=guardian"
		store.description = `{"name":"` + objectBucket + `"}`
		store.object = base + "/upload/storage/v1/b/" + objectBucket + "/o?uploadType=media&name="
		return &Process{
			name:   "the emulator of Google Cloud Storage",
			args:   []string{binary, "start", "--host=127.0.0.1", "--port=" + strconv.Itoa(ports[0]), "--in-memory"},
			stopBy: syscall.SIGKILL, ready: answers(base + "/storage/v1/b?project=guardian"), logPath: log,
		}
	})
	store.makeBucket(t)
	return store
}

// Restart starts the stopped server again, with an empty bucket.
func (s *ObjectStore) Restart(t testing.TB) {
	t.Helper()
	s.Start()
	s.makeBucket(t)
}

func (s *ObjectStore) makeBucket(t testing.TB) {
	t.Helper()
	s.upload(t, s.bucket, "application/json", []byte(s.description))
}

// Put stores an object in place of what was there.
func (s *ObjectStore) Put(t testing.TB, name string, content []byte) {
	t.Helper()
	s.upload(t, s.object+name, "text/csv", content)
}

// upload talks plain HTTP: the library under test must not be what fills the store. moto checks no signature, but lets only who
// sends one replace an object.
func (s *ObjectStore) upload(t testing.TB, to, contentType string, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), s.method, to, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Authorization", "AWS guardian:signature")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode, "%s %s", s.method, to)
}
