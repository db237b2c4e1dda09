// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package sender

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/llm-guardian/otelcol-guardian/internal/otlpload"
)

// OTLP is a client of an OTLP receiver, without TLS.
type OTLP struct{ client otlpload.Client }

// NewOTLP makes a client that connects when it sends. A host and port is spoken to over gRPC,
// a URL such as http://localhost:4318 over HTTP.
func NewOTLP(endpoint string) (*OTLP, error) {
	protocol, host := otlpload.GRPC, endpoint
	if strings.Contains(endpoint, "://") {
		base, err := url.Parse(endpoint)
		if err != nil || base.Scheme != "http" || base.Host == "" || strings.Trim(base.Path, "/") != "" {
			return nil, fmt.Errorf("the OTLP endpoint is %q: it must be host:port (gRPC) or http://host:port, both without TLS", endpoint)
		}
		protocol, host = otlpload.HTTPProtobuf, base.Host
	}
	client, err := otlpload.NewClient(protocol, host)
	if err != nil {
		return nil, err
	}
	return &OTLP{client: client}, nil
}

// send gives the function that exports a signal. What OTLP refuses for now is in doubt: the same
// status stands for a server that is busy and for a connection that broke after the server had
// read everything.
func (o *OTLP) send(signal otlpload.Signal) sendFunc {
	return func(ctx context.Context, body []byte, n int) (answer, error) {
		switch err := o.client.Export(ctx, signal, body); {
		case err == nil:
			return answer{accepted: n}, nil
		case otlpload.Retryable(err):
			return answer{}, unanswered(err)
		default:
			return answer{}, &refusal{err: err, atFault: true}
		}
	}
}

func (o *OTLP) close() error { return o.client.Close() }
