// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"
)

// bodies holds buffers for request bodies, because each is needed for an instant only.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (s *Sink) newHTTPServer() *http.Server {
	mux := http.NewServeMux()
	for _, signal := range Signals {
		mux.HandleFunc("POST "+signal.httpPath(), func(w http.ResponseWriter, r *http.Request) { s.httpExport(w, r, signal) })
	}
	return &http.Server{Handler: mux, ReadHeaderTimeout: requestTimeout}
}

func (s *Sink) httpExport(w http.ResponseWriter, r *http.Request, signal Signal) {
	body := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	encoding, err := readBody(body, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if refused := Fault(s.fault.Load()).refuseHTTP(w); refused {
		return
	}
	s.receipts[signal].Deliver(ScanIDs(body.Bytes(), encoding, signal))
	w.Header().Set("Content-Type", contentTypes[encoding])
	if encoding == JSON {
		_, _ = io.WriteString(w, "{}") // The client notices a broken connection itself.
	}
}

// readBody reads a request's body and says how it is encoded.
func readBody(into *bytes.Buffer, r *http.Request) (Encoding, error) {
	encoding := Protobuf
	switch mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case err != nil:
		return 0, fmt.Errorf("cannot read the content type: %w", err)
	case mediaType == contentTypes[JSON]:
		encoding = JSON
	case mediaType != contentTypes[Protobuf]:
		return 0, fmt.Errorf("unsupported content type %q", mediaType)
	}
	source := io.Reader(r.Body)
	switch compression := r.Header.Get("Content-Encoding"); compression {
	case "":
	case "gzip":
		inflated, err := gzip.NewReader(r.Body)
		if err != nil {
			return 0, fmt.Errorf("cannot inflate the body: %w", err)
		}
		source = inflated
	default:
		return 0, fmt.Errorf("unsupported content encoding %q", compression)
	}
	if _, err := into.ReadFrom(io.LimitReader(source, maxBody)); err != nil {
		return 0, fmt.Errorf("cannot read the body: %w", err)
	}
	return encoding, nil
}
