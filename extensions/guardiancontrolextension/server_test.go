// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/llm-guardian/otelcol-guardian/extensions/guardiancontrolextension/internal/metadatatest"
	"github.com/llm-guardian/otelcol-guardian/internal/admin"
	"github.com/llm-guardian/otelcol-guardian/internal/sockets"
	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

var drift = component.MustNewID("drift")

// served is a running control and a client of its admin surface.
type served struct {
	*control
	t         *testing.T
	telemetry *componenttest.Telemetry
	client    http.Client
}

// serve starts a control whose admin surface has a free port.
func serve(t *testing.T, change func(*confighttp.ServerConfig)) *served {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	server := cfg.Admin.GetOrInsertDefault()
	server.NetAddr.Endpoint = "localhost:0"
	if change != nil {
		change(server)
	}
	s := &served{t: t, telemetry: componenttest.NewTelemetry()}
	set := settings()
	set.TelemetrySettings = s.telemetry.NewTelemetrySettings()
	s.control = newControl(set, cfg, io.Discard)
	require.NoError(t, s.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		assert.NoError(t, s.Shutdown(context.Background()))
		assert.NoError(t, s.telemetry.Shutdown(context.Background()))
	})
	return s
}

// request makes a request from header lines "Key: value".
func (s *served) request(method, path string, headers ...string) *http.Request {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.server.addr.String()+path, http.NoBody)
	require.NoError(s.t, err)
	for _, header := range headers {
		key, value, _ := strings.Cut(header, ": ")
		req.Header.Set(key, value)
		if key == "Host" {
			req.Host = value
		}
	}
	return req
}

func (s *served) do(method, path string, headers ...string) (status int, body string, header http.Header) {
	s.t.Helper()
	resp, err := s.client.Do(s.request(method, path, headers...))
	require.NoError(s.t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return resp.StatusCode, string(content), resp.Header
}

func echo(name string) admin.Surface {
	return admin.Surface{Name: name, Description: "Says what it was asked.", Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.WriteString(w, name+" "+req.Method+" "+req.URL.Path)
	})}
}

func TestIndexListsPagesAndSurfaces(t *testing.T) {
	s := serve(t, nil)
	unregister, err := s.Register(drift, component.KindProcessor, echo("references"))
	require.NoError(t, err)
	_, err = s.Register(component.MustNewIDWithName("drift", "gpu"), component.KindProcessor, echo("references"))
	require.NoError(t, err)

	status, body, header := s.do(http.MethodGet, "/v1")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "application/json", header.Get("Content-Type"))
	assert.Equal(t, "no-store", header.Get("Cache-Control"))
	assert.Empty(t, header.Get("Access-Control-Allow-Origin"))
	assert.JSONEq(t, `{
		"pages": [
			{"path": "/v1/listening", "description": "What listens where, now."},
			{"path": "/v1/status", "description": "Last reported status of each component."}
		],
		"surfaces": [
			{"path": "/v1/processor/drift/gpu/references", "owner": "processor/drift/gpu", "description": "Says what it was asked."},
			{"path": "/v1/processor/drift/references", "owner": "processor/drift", "description": "Says what it was asked."}
		]
	}`, body)

	unregister()
	_, body, _ = s.do(http.MethodGet, "/v1/")
	assert.NotContains(t, body, "/v1/processor/drift/references")
}

func TestListeningShowsTheAdminSurfaceItself(t *testing.T) {
	s := serve(t, nil)
	s.sockets = func() ([]sockets.Socket, error) {
		return []sockets.Socket{parseSocket(t, "tcp "+s.server.addr.String())}, nil
	}
	_, body, _ := s.do(http.MethodGet, "/v1/listening")
	var got report
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	assert.True(t, got.Verified)
	require.Len(t, got.Entries, 1)
	assert.Equal(t, s.server.addr.String(), got.Entries[0].Address)
}

func TestStatusKeepsTheLastOfEachInstance(t *testing.T) {
	s := serve(t, nil)
	traces, logs := pipeline.NewID(pipeline.SignalTraces), pipeline.NewID(pipeline.SignalLogs)
	exporter := componentstatus.NewInstanceID(component.MustNewID("otlp_grpc"), component.KindExporter, traces, logs)
	s.ComponentStatusChanged(exporter, componentstatus.NewEvent(componentstatus.StatusOK))
	s.ComponentStatusChanged(exporter, componentstatus.NewRecoverableErrorEvent(errors.New("no route")))
	s.ComponentStatusChanged(componentstatus.NewInstanceID(drift, component.KindProcessor, logs), componentstatus.NewEvent(componentstatus.StatusOK))

	_, body, _ := s.do(http.MethodGet, "/v1/status")
	var got struct{ Components []instanceStatus }
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	require.Len(t, got.Components, 2)
	assert.WithinDuration(t, time.Now(), got.Components[0].Since, time.Minute)
	for i := range got.Components {
		got.Components[i].Since = time.Time{}
	}
	assert.Equal(t, []instanceStatus{
		{Kind: "exporter", Component: "otlp_grpc", Pipelines: []string{"logs", "traces"}, Status: "RecoverableError", Error: "no route"},
		{Kind: "processor", Component: "drift", Pipelines: []string{"logs"}, Status: "OK"},
	}, got.Components)
}

func TestBuiltInPagesAreReadOnly(t *testing.T) {
	s := serve(t, nil)
	for _, path := range []string{"/v1", "/v1/listening", "/v1/status"} {
		status, body, _ := s.do(http.MethodHead, path)
		assert.Equal(t, http.StatusOK, status)
		assert.Empty(t, body)
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
			status, body, header := s.do(method, path)
			assert.Equal(t, http.StatusMethodNotAllowed, status, "%s %s", method, path)
			assert.Equal(t, "GET, HEAD", header.Get("Allow"))
			assert.JSONEq(t, `{"error": "this page can only be read"}`, body)
		}
	}
}

func TestSurfacePaths(t *testing.T) {
	s := serve(t, nil)
	for owner, names := range map[string][]string{"drift": {"a", "b"}, "drift/a": {"c"}} {
		var id component.ID
		require.NoError(t, id.UnmarshalText([]byte(owner)))
		for _, name := range names {
			_, err := s.Register(id, component.KindProcessor, echo(name))
			require.NoError(t, err)
		}
	}
	f := func(path string, want int, answer string) {
		t.Helper()
		status, body, _ := s.do(http.MethodPost, path)
		assert.Equal(t, want, status, path)
		assert.Contains(t, body, answer)
	}
	f("/v1/processor/drift/a", http.StatusOK, "a POST /")
	f("/v1/processor/drift/a/", http.StatusOK, "a POST /")
	f("/v1/processor/drift/a/x/y", http.StatusOK, "a POST /x/y")
	f("/v1/processor/drift/a/x%20y", http.StatusOK, "a POST /x y")
	f("/v1/processor/drift/b", http.StatusOK, "b POST /")
	f("/v1/processor/drift/a/c/d", http.StatusOK, "c POST /d") // The longer path wins.
	f("/v1/processor/drift/ab", http.StatusNotFound, "no such page")
	f("/v1/processor/drift", http.StatusNotFound, "no such page")
	f("/", http.StatusNotFound, "no such page")
	f("/v1/processor/drift/a/"+strings.Repeat("/", maxPath), http.StatusNotFound, "no such page")
}

func TestRegisterRefuses(t *testing.T) {
	r := newRegistry()
	_, err := r.Register(drift, component.KindProcessor, echo("a"))
	require.NoError(t, err)
	_, err = r.Register(drift, component.KindProcessor, echo("a"))
	assert.ErrorContains(t, err, "/v1/processor/drift/a is taken")
	_, err = r.Register(drift, component.KindProcessor, admin.Surface{Name: "A", Description: "d"})
	assert.ErrorContains(t, err, `cannot register surface "A" of drift`)

	_, err = r.Register(drift, component.KindConnector, echo("a"))
	assert.NoError(t, err, "another kind is another component")
}

func TestRegisterBeforeStartAndAfter(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Admin.GetOrInsertDefault().NetAddr.Endpoint = "localhost:0"
	s := &served{t: t, control: newControl(settings(), cfg, io.Discard)}
	defer s.client.CloseIdleConnections()
	_, err := s.Register(drift, component.KindProcessor, echo("before"))
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context(), componenttest.NewNopHost()))
	_, err = s.Register(drift, component.KindProcessor, echo("after"))
	require.NoError(t, err)
	for _, name := range []string{"before", "after"} {
		status, _, _ := s.do(http.MethodGet, "/v1/processor/drift/"+name)
		assert.Equal(t, http.StatusOK, status)
	}
	require.NoError(t, s.Shutdown(t.Context()))
	require.NoError(t, s.Shutdown(t.Context()))
}

func TestRegisterWithoutAdmin(t *testing.T) {
	c := newControl(settings(), createDefaultConfig().(*Config), io.Discard)
	require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	assert.Nil(t, c.server)
	found, ok := admin.Find(extensionsHost{component.MustNewID("guardian_control"): c})
	require.True(t, ok)
	unregister, err := found.Register(drift, component.KindProcessor, echo("a"))
	require.NoError(t, err)
	unregister()
	c.ComponentStatusChanged(componentstatus.NewInstanceID(drift, component.KindProcessor), componentstatus.NewEvent(componentstatus.StatusOK))
	assert.Empty(t, c.statuses.list(), "nothing can ask for it")
	require.NoError(t, c.Shutdown(t.Context()))
}

type extensionsHost map[component.ID]component.Component

func (h extensionsHost) GetExtensions() map[component.ID]component.Component { return h }

func TestUnregisterCancelsAndWaitsForRequests(t *testing.T) {
	s := serve(t, nil)
	begun := make(chan struct{})
	var ended atomic.Bool
	unregister, err := s.Register(drift, component.KindProcessor, admin.Surface{
		Name: "slow", Description: "Answers when it must end.",
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			close(begun)
			<-req.Context().Done()
			ended.Store(true)
		}),
	})
	require.NoError(t, err)

	var client sync.WaitGroup
	client.Go(func() {
		resp, err := s.client.Do(s.request(http.MethodGet, "/v1/processor/drift/slow"))
		if assert.NoError(t, err) {
			assert.NoError(t, resp.Body.Close())
		}
	})
	<-begun
	unregister()
	assert.True(t, ended.Load())
	unregister()
	client.Wait()
	status, _, _ := s.do(http.MethodGet, "/v1/processor/drift/slow")
	assert.Equal(t, http.StatusNotFound, status)
}

// Meant for the race detector: nothing is served after its unregister returned.
func TestConcurrentUse(t *testing.T) {
	s := serve(t, nil)
	var all sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		all.Go(func() {
			for range 50 {
				var gone atomic.Bool
				unregister, err := s.Register(drift, component.KindProcessor, admin.Surface{
					Name: name, Description: "Notices late requests.",
					Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { assert.False(t, gone.Load()) }),
				})
				if !assert.NoError(t, err) {
					return
				}
				_, _, _ = s.do(http.MethodGet, "/v1")
				unregister()
				gone.Store(true)
			}
		})
		all.Go(func() {
			for range 50 {
				status, _, _ := s.do(http.MethodGet, "/v1/processor/drift/"+name)
				assert.Contains(t, []int{http.StatusOK, http.StatusNotFound}, status)
			}
		})
	}
	all.Wait()
}

func TestPanicEndsOnlyTheRequest(t *testing.T) {
	s := serve(t, nil)
	f := func(name string, handler http.HandlerFunc) {
		_, err := s.Register(drift, component.KindProcessor, admin.Surface{Name: name, Description: "d", Handler: handler})
		require.NoError(t, err)
	}
	f("early", func(http.ResponseWriter, *http.Request) { panic("early") })
	f("late", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		assert.NoError(t, http.NewResponseController(w).Flush())
		panic("late")
	})
	f("abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })

	status, body, _ := s.do(http.MethodGet, "/v1/processor/drift/early")
	assert.Equal(t, http.StatusInternalServerError, status)
	assert.JSONEq(t, `{"error": "the surface failed; the log says why"}`, body)

	resp, err := s.client.Do(s.request(http.MethodGet, "/v1/processor/drift/late"))
	require.NoError(t, err)
	content, err := io.ReadAll(resp.Body)
	assert.Equal(t, "half", string(content))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "the client must see that the answer is cut")
	require.NoError(t, resp.Body.Close())

	_, err = s.client.Do(s.request(http.MethodGet, "/v1/processor/drift/abort")) //nolint:bodyclose // There is no answer.
	require.Error(t, err)

	status, _, _ = s.do(http.MethodGet, "/v1")
	assert.Equal(t, http.StatusOK, status)
	metadatatest.AssertEqualGuardianControlAdminPanics(t, s.telemetry, []metricdata.DataPoint[int64]{
		{Value: 2, Attributes: attribute.NewSet(attribute.String("component", "processor/drift"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

// Every metric of its own that the extension declares, with every reason, comes about.
func TestOwnMetrics(t *testing.T) {
	own := testutil.WatchOwnMetrics(t, "guardian_control_")
	s := serve(t, nil)
	_, err := s.Register(drift, component.KindProcessor, admin.Surface{Name: "broken", Description: "Fails.", Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") })})
	require.NoError(t, err)
	s.do(http.MethodGet, "/v1/processor/drift/broken")
	s.do(http.MethodGet, "/v1", "Host: evil.example")
	s.do(http.MethodPost, "/v1/processor/drift/broken", "Origin: https://evil.example", "Sec-Fetch-Site: cross-site")
	own.Look(s.telemetry.Reader)
	own.Check()
}

func TestHostMustBeLocal(t *testing.T) {
	s := serve(t, nil)
	f := func(host string, want int) {
		t.Helper()
		status, _, _ := s.do(http.MethodGet, "/v1", "Host: "+host)
		assert.Equal(t, want, status, host)
	}
	f("localhost", http.StatusOK)
	f("LocalHost:55691", http.StatusOK)
	f("127.0.0.1:1", http.StatusOK)
	f("[::1]:55691", http.StatusOK)
	f("[::1]", http.StatusOK)
	f("evil.example", http.StatusMisdirectedRequest)
	f("localhost.evil.example:55691", http.StatusMisdirectedRequest)
	f("127.0.0.1.evil.example", http.StatusMisdirectedRequest)
	f("10.0.0.1:55691", http.StatusMisdirectedRequest)
	metadatatest.AssertEqualGuardianControlAdminRefused(t, s.telemetry, []metricdata.DataPoint[int64]{
		{Value: 4, Attributes: attribute.NewSet(attribute.String("reason", "host"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

func TestHostIsFreeWhereOthersMayConnect(t *testing.T) {
	s := serve(t, func(cfg *confighttp.ServerConfig) { cfg.NetAddr.Endpoint = "0.0.0.0:0" })
	req := s.request(http.MethodGet, "/v1", "Host: gateway.example")
	req.URL.Host = net.JoinHostPort("127.0.0.1", req.URL.Port())
	resp, err := s.client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestOtherOriginsMayNotAskForChanges(t *testing.T) {
	s := serve(t, func(cfg *confighttp.ServerConfig) {
		cfg.CORS = configoptional.Some(confighttp.CORSConfig{AllowedOrigins: []string{"https://console.example", "https://*.example"}})
	})
	_, err := s.Register(drift, component.KindProcessor, echo("a"))
	require.NoError(t, err)
	const path = "/v1/processor/drift/a"
	f := func(method, origin string, want int) {
		t.Helper()
		status, _, _ := s.do(method, path, "Origin: "+origin, "Sec-Fetch-Site: cross-site")
		assert.Equal(t, want, status, "%s from %s", method, origin)
	}
	f(http.MethodPost, "https://evil.test", http.StatusForbidden)
	f(http.MethodPost, "https://any.example", http.StatusForbidden)
	f(http.MethodPost, "https://console.example", http.StatusOK)
	f(http.MethodGet, "https://evil.test", http.StatusOK)
	metadatatest.AssertEqualGuardianControlAdminRefused(t, s.telemetry, []metricdata.DataPoint[int64]{
		{Value: 2, Attributes: attribute.NewSet(attribute.String("reason", "cross_origin"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())

	_, _, header := s.do(http.MethodGet, path, "Origin: https://evil.test")
	assert.Empty(t, header.Get("Access-Control-Allow-Origin"))
	_, _, header = s.do(http.MethodGet, path, "Origin: https://any.example")
	assert.Equal(t, "https://any.example", header.Get("Access-Control-Allow-Origin"))
}

func TestServerConfigIsHonoured(t *testing.T) {
	s := serve(t, func(cfg *confighttp.ServerConfig) {
		cfg.ResponseHeaders.Set("X-From", "config")
		cfg.MaxRequestBodySize = 3
	})
	_, err := s.Register(drift, component.KindProcessor, admin.Surface{Name: "a", Description: "d", Handler: http.HandlerFunc(
		func(w http.ResponseWriter, req *http.Request) {
			if _, err := io.ReadAll(req.Body); err != nil {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
			}
		})})
	require.NoError(t, err)
	assert.Equal(t, 10*time.Second, s.server.http.ReadTimeout)
	_, _, header := s.do(http.MethodGet, "/v1")
	assert.Equal(t, "config", header.Get("X-From"))

	req := s.request(http.MethodPost, "/v1/processor/drift/a")
	req.Body = io.NopCloser(strings.NewReader("four"))
	resp, err := s.client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
}

func TestStartErrorsNameTheKey(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	f := func(change func(*confighttp.ServerConfig), faults ...string) {
		t.Helper()
		cfg := createDefaultConfig().(*Config)
		change(cfg.Admin.GetOrInsertDefault())
		c := newControl(settings(), cfg, io.Discard)
		err := c.Start(t.Context(), componenttest.NewNopHost())
		require.Error(t, err)
		for _, fault := range faults {
			assert.ErrorContains(t, err, fault)
		}
		require.NoError(t, c.Shutdown(t.Context()))
	}
	f(func(cfg *confighttp.ServerConfig) { cfg.NetAddr.Endpoint = taken.Addr().String() },
		"admin::endpoint: cannot listen on", taken.Addr().String(), "address already in use")
	f(func(cfg *confighttp.ServerConfig) {
		cfg.NetAddr.Endpoint = "localhost:0"
		auth := confighttp.AuthConfig{}
		auth.AuthenticatorID = component.MustNewID("absent")
		cfg.Auth = configoptional.Some(auth)
	}, "admin: cannot make the HTTP server", "absent")
	f(func(cfg *confighttp.ServerConfig) {
		cfg.CORS = configoptional.Some(confighttp.CORSConfig{AllowedOrigins: []string{"no origin"}})
	}, "admin::cors::allowed_origins", "no origin")
}

func TestShutdownCutsWhatDoesNotEnd(t *testing.T) {
	s := serve(t, nil)
	begun, release := make(chan struct{}), make(chan struct{})
	_, err := s.Register(drift, component.KindProcessor, admin.Surface{
		Name: "stuck", Description: "Ends when the test says so.",
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			close(begun)
			<-release
		}),
	})
	require.NoError(t, err)
	var client sync.WaitGroup
	client.Go(func() {
		_, err := s.client.Do(s.request(http.MethodGet, "/v1/processor/drift/stuck")) //nolint:bodyclose // There is no answer.
		assert.Error(t, err)
	})
	<-begun
	soon, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorContains(t, s.Shutdown(soon), "admin: cannot end all requests in time")
	client.Wait()
	close(release)
}
