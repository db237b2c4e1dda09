// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package servers

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// SearchEngine is a running Elasticsearch or OpenSearch node without security and without the modules of a distribution.
// Bulk, search, templates and data streams are there; README.md lists what is not.
type SearchEngine struct {
	*Process
	URL string
}

// Hit is one document found.
type Hit struct {
	ID     string          `json:"_id"`
	Index  string          `json:"_index"`
	Source json.RawMessage `json:"_source"`
}

// searchPage is how many hits one request of Search brings, at most 10,000 by the servers' own limit.
const searchPage = 5000

// StartElasticsearch starts an Elasticsearch node with a heap of at most 1 GiB.
func StartElasticsearch(t testing.TB) *SearchEngine {
	t.Helper()
	return startSearchEngine(t, "Elasticsearch", "com.llmguardian.e2e.ElasticsearchNode")
}

// StartOpenSearch starts an OpenSearch node with a heap of at most 1 GiB.
func StartOpenSearch(t testing.TB) *SearchEngine {
	t.Helper()
	return startSearchEngine(t, "OpenSearch", "com.llmguardian.e2e.OpenSearchNode")
}

func startSearchEngine(t testing.TB, name, mainClass string) *SearchEngine {
	t.Helper()
	jvm, home := java(t, strings.ToLower(name), "1g"), t.TempDir()
	engine := new(SearchEngine)
	engine.Process = launch(t, 1, func(ports []int) *Process {
		engine.URL = "http://" + address(ports[0])
		return &Process{
			name:    name,
			args:    append(jvm[:len(jvm):len(jvm)], mainClass, strconv.Itoa(ports[0]), home),
			stopBy:  syscall.SIGTERM,
			ready:   answers(engine.URL + "/_cluster/health?wait_for_status=yellow&timeout=10s"),
			logPath: filepath.Join(home, "node.log"),
		}
	})
	return engine
}

// Do sends a request with a JSON (or, for _bulk, newline-delimited JSON) body and returns the answer's body.
func (s *SearchEngine) Do(t testing.TB, method, path, body string) []byte {
	t.Helper()
	answer, err := call(t.Context(), method, s.URL+path, "application/json", []byte(body))
	require.NoError(t, err)
	return answer
}

// Search returns every document of an index, data stream or pattern that a query (such as `{"match_all": {}}`) finds,
// however many, those written a moment ago included.
func (s *SearchEngine) Search(t testing.TB, index, query string) []Hit {
	t.Helper()
	s.Do(t, http.MethodPost, "/"+index+"/_refresh?ignore_unavailable=true", "")
	page := s.page(t, "/"+index+"/_search?ignore_unavailable=true&scroll=1m", `{"size":`+strconv.Itoa(searchPage)+`,"query":`+query+`}`)
	var all []Hit
	for len(page.Hits.Hits) > 0 {
		all = append(all, page.Hits.Hits...)
		page = s.page(t, "/_search/scroll", `{"scroll":"1m","scroll_id":"`+page.ScrollID+`"}`)
	}
	// A courtesy, so that a test may ask often; a server that has freed the scroll by itself calls this an error.
	_, _ = call(t.Context(), http.MethodDelete, s.URL+"/_search/scroll/"+page.ScrollID, "", nil)
	return all
}

type searchAnswer struct {
	ScrollID string `json:"_scroll_id"`
	Hits     struct {
		Hits []Hit `json:"hits"`
	} `json:"hits"`
}

func (s *SearchEngine) page(t testing.TB, path, body string) searchAnswer {
	t.Helper()
	var answer searchAnswer
	raw := s.Do(t, http.MethodPost, path, body)
	require.NoError(t, json.Unmarshal(raw, &answer), "%s answered %s", path, raw)
	return answer
}
