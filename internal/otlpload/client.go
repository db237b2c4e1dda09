// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

// Client exports marshalled OTLP requests to one server. It is safe for concurrent use.
type Client interface {
	// Encoding returns the encoding that request bodies must have.
	Encoding() Encoding
	// Export sends one request without compression and waits for the answer. An error is a [*RefusalError]; also a request accepted
	// only in part counts as refused. After an error the body may still be in use and must not be changed.
	Export(ctx context.Context, signal Signal, body []byte) error
	// Close ends the connections.
	Close() error
}

// NewClient returns a client for the server at endpoint, a host and port. It connects on first use and reconnects quickly.
func NewClient(protocol Protocol, endpoint string) (Client, error) {
	if protocol == GRPC {
		return newGRPCClient(endpoint)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	return &httpClient{
		base:     "http://" + endpoint,
		encoding: protocol.Encoding(),
		client:   http.Client{Transport: transport},
	}, nil
}

type grpcClient struct {
	connection *grpc.ClientConn
}

func newGRPCClient(endpoint string) (Client, error) {
	connection, err := grpc.NewClient("passthrough:///"+endpoint,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.6, MaxDelay: 200 * time.Millisecond},
			MinConnectTimeout: time.Second,
		}))
	if err != nil {
		return nil, fmt.Errorf("cannot make a gRPC client for %q: %w", endpoint, err)
	}
	return &grpcClient{connection: connection}, nil
}

func (*grpcClient) Encoding() Encoding { return Protobuf }

func (c *grpcClient) Export(ctx context.Context, signal Signal, body []byte) error {
	var answer mem.Buffer
	if err := c.connection.Invoke(ctx, "/"+signal.grpcService()+"/Export", body, &answer); err != nil {
		return grpcRefusal(err)
	}
	defer answer.Free()
	return partialRefusal(signal, Protobuf, answer.ReadOnlyData())
}

func (c *grpcClient) Close() error { return c.connection.Close() }

type httpClient struct {
	base     string
	encoding Encoding
	client   http.Client
}

func (c *httpClient) Encoding() Encoding { return c.encoding }

func (c *httpClient) Export(ctx context.Context, signal Signal, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+signal.httpPath(), bytes.NewReader(body))
	if err != nil {
		return &RefusalError{Err: err}
	}
	request.Header.Set("Content-Type", contentTypes[c.encoding])
	response, err := c.client.Do(request)
	if err != nil {
		return &RefusalError{Retryable: true, Err: err}
	}
	answer, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return &RefusalError{Retryable: true, Err: err}
	}
	if response.StatusCode != http.StatusOK {
		return httpRefusal(response.StatusCode, answer)
	}
	return partialRefusal(signal, c.encoding, answer)
}

func (c *httpClient) Close() error {
	c.client.CloseIdleConnections()
	return nil
}

// contentTypes holds the media type of each encoding.
var contentTypes = [...]string{Protobuf: "application/x-protobuf", JSON: "application/json"}

// partialRefusal returns an error if the answer to an accepted request says that some items were rejected.
func partialRefusal(signal Signal, encoding Encoding, answer []byte) error {
	if len(answer) == 0 {
		return nil
	}
	rejected, message, err := partialSuccess(signal, encoding, answer)
	if err != nil {
		return &RefusalError{Err: fmt.Errorf("cannot read the answer: %w", err)}
	}
	if rejected > 0 {
		return &RefusalError{Err: fmt.Errorf("%d %s rejected: %s", rejected, signal.Items(), message)}
	}
	return nil
}

func partialSuccess(signal Signal, encoding Encoding, answer []byte) (rejected int64, message string, err error) {
	switch signal {
	case Traces:
		r := ptraceotlp.NewExportResponse()
		err = unmarshal(r, encoding, answer)
		return r.PartialSuccess().RejectedSpans(), r.PartialSuccess().ErrorMessage(), err
	case Logs:
		r := plogotlp.NewExportResponse()
		err = unmarshal(r, encoding, answer)
		return r.PartialSuccess().RejectedLogRecords(), r.PartialSuccess().ErrorMessage(), err
	default:
		r := pmetricotlp.NewExportResponse()
		err = unmarshal(r, encoding, answer)
		return r.PartialSuccess().RejectedDataPoints(), r.PartialSuccess().ErrorMessage(), err
	}
}

type unmarshaler interface {
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

func unmarshal(into unmarshaler, encoding Encoding, body []byte) error {
	if encoding == JSON {
		return into.UnmarshalJSON(body)
	}
	return into.UnmarshalProto(body)
}
