// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// accessCases are clients of the gateway, good and bad. A status of 0 stands for a connection that does not come about.
var accessCases = []struct {
	name          string
	plain         bool // speaks without TLS
	stranger      bool // trusts another authority
	authorization string
	wantStatus    int
	wantCode      codes.Code
}{
	{"right certificate and token", false, false, "Bearer " + gatewayToken, http.StatusOK, codes.OK},
	{"wrong token", false, false, "Bearer another-token", http.StatusUnauthorized, codes.Unauthenticated},
	{"token without its scheme", false, false, gatewayToken, http.StatusUnauthorized, codes.Unauthenticated},
	{"no token", false, false, "", http.StatusUnauthorized, codes.Unauthenticated},
	{"wrong certificate", false, true, "Bearer " + gatewayToken, 0, codes.Unavailable},
	{"no TLS", true, false, "Bearer " + gatewayToken, http.StatusBadRequest, codes.Unavailable},
}

func TestGatewayTakesOTLPOnlyWithTLSAndToken(t *testing.T) {
	g := startGateway(t, gatewayBackends{})
	stranger := newAuthority(t, t.TempDir())
	logs := plog.NewLogs()
	logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("hello")
	request := plogotlp.NewExportRequestFromLogs(logs)
	body, err := request.MarshalProto()
	require.NoError(t, err)

	for _, test := range accessCases {
		trusted := g.authority.pool()
		if test.stranger {
			trusted = stranger.pool()
		}
		trust := &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}

		t.Run("HTTP/"+test.name, func(t *testing.T) {
			scheme := "https://"
			if test.plain {
				scheme = "http://"
			}
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true}}
			got, err := post(t.Context(), client, scheme+g.Address("OTLP_HTTP")+"/v1/logs", test.authorization, body)
			if test.wantStatus == 0 {
				require.ErrorContains(t, err, "certificate signed by unknown authority")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.wantStatus, got)
		})

		t.Run("gRPC/"+test.name, func(t *testing.T) {
			transport := credentials.NewTLS(trust)
			if test.plain {
				transport = insecure.NewCredentials()
			}
			connection, err := grpc.NewClient(g.Address("OTLP_GRPC"), grpc.WithTransportCredentials(transport))
			require.NoError(t, err)
			defer connection.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if test.authorization != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", test.authorization)
			}
			_, err = plogotlp.NewGRPCClient(connection).Export(ctx, request)
			assert.Equal(t, test.wantCode, status.Code(err), "%v", err)
		})
	}
}

func TestGatewayShowsItsPageOnlyWithTLSAndToken(t *testing.T) {
	g := startGateway(t, gatewayBackends{})
	for authorization, want := range map[string]int{
		"Bearer " + gatewayToken: http.StatusOK,
		"Bearer another-token":   http.StatusUnauthorized,
		"":                       http.StatusUnauthorized,
	} {
		got, err := post(t.Context(), g.client(), "https://"+g.Address("PAGE")+"/metrics", authorization, nil)
		require.NoError(t, err)
		assert.Equal(t, want, got, "with %q", authorization)
	}
	got, err := post(t.Context(), g.client(), "http://"+g.Address("PAGE")+"/metrics", "Bearer "+gatewayToken, nil)
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, got, "without TLS")
}
