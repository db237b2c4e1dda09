// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/llm-guardian/otelcol-guardian/extensions/guardiancontrolextension/internal/metadata"
)

// shutdownTimeout bounds how long Shutdown waits for requests that are being
// answered before it cuts their connections.
const shutdownTimeout = 5 * time.Second

// maxPath bounds the work of finding the surface that a path belongs to.
const maxPath = 2048

// page is a built-in page: read-only, JSON, computed for each request.
type page struct {
	Path        string `json:"path"`
	Description string `json:"description"`
	content     func() any
}

// pages returns the pages of the extension itself, without the index.
func (c *control) pages() []page {
	return []page{
		{"/v1/listening", "What listens where, now.", func() any { return c.listening() }},
		{"/v1/status", "Last reported status of each component.", func() any {
			return map[string]any{"components": c.statuses.list()}
		}},
	}
}

// adminServer serves the pages and the registered surfaces.
type adminServer struct {
	registry  *registry
	pages     []page
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	addr      net.Addr
	local     bool // addr is a loopback address, so requests must name one

	http    *http.Server
	serving sync.WaitGroup
}

// startAdmin opens the endpoint and serves it until shutdown.
func startAdmin(ctx context.Context, cfg *confighttp.ServerConfig, host component.Host, set component.TelemetrySettings,
	registry *registry, pages []page,
) (*adminServer, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, fmt.Errorf("cannot create the metrics of the admin surface: %w", err)
	}
	s := &adminServer{registry: registry, pages: pages, logger: set.Logger, telemetry: telemetry}
	guarded, err := s.guard(cfg)
	if err != nil {
		return nil, err
	}
	if s.http, err = cfg.ToServer(ctx, host.GetExtensions(), set, guarded); err != nil {
		return nil, fmt.Errorf("admin: cannot make the HTTP server: %w", err)
	}
	listener, err := cfg.ToListener(ctx)
	if err != nil {
		return nil, fmt.Errorf("admin::endpoint: cannot listen on %q: %w", cfg.NetAddr.Endpoint, err)
	}
	s.addr, s.local = listener.Addr(), isLoopback(listener.Addr())
	if _, isTCP := s.addr.(*net.TCPAddr); isTCP && !s.local && !cfg.Auth.HasValue() {
		set.Logger.Warn("The admin surface is open to other machines without authentication; set admin::auth.",
			zap.Stringer("endpoint", s.addr))
	}
	set.Logger.Info("The admin surface is open.", zap.Stringer("endpoint", s.addr))
	s.serving.Go(func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			// Telemetry still flows, so this must not end the collector.
			componentstatus.ReportStatus(host, componentstatus.NewPermanentErrorEvent(
				fmt.Errorf("admin: cannot serve %s: %w", s.addr, err)))
		}
	})
	return s, nil
}

func (s *adminServer) shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("admin: cannot end all requests in time: %w", errors.Join(err, s.http.Close()))
	}
	s.serving.Wait()
	s.telemetry.Shutdown()
	return err
}

// guard refuses what a browser may send on behalf of another site: requests for
// a host name that merely resolves to this machine, and changes that another
// origin asks for, unless CORS names that origin.
func (s *adminServer) guard(cfg *confighttp.ServerConfig) (http.Handler, error) {
	origins := http.NewCrossOriginProtection()
	if cors := cfg.CORS.Get(); cors != nil {
		for _, origin := range cors.AllowedOrigins {
			if strings.Contains(origin, "*") {
				continue // A pattern lets others read, never change.
			}
			if err := origins.AddTrustedOrigin(origin); err != nil {
				return nil, fmt.Errorf("admin::cors::allowed_origins: cannot trust %q: %w", origin, err)
			}
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case s.local && !namesLoopback(req.Host):
			s.refuse(w, req, "host", http.StatusMisdirectedRequest, "the Host header must name localhost")
		case origins.Check(req) != nil:
			s.refuse(w, req, "cross_origin", http.StatusForbidden, "another origin may not ask for changes")
		default:
			s.route(w, req)
		}
	}), nil
}

func isLoopback(addr net.Addr) bool {
	bound, err := netip.ParseAddrPort(addr.String())
	return err == nil && bound.Addr().IsLoopback()
}

// namesLoopback tells whether a Host header can only mean this machine.
func namesLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.IsLoopback()
}

// route answers with a built-in page or the surface that the path belongs to.
func (s *adminServer) route(w http.ResponseWriter, req *http.Request) {
	path := req.URL.Path
	if len(path) > maxPath {
		writeError(w, http.StatusNotFound, "no such page")
		return
	}
	if path == "/v1" || path == "/v1/" {
		s.writePage(w, req, s.index)
		return
	}
	for _, p := range s.pages {
		if p.Path == path {
			s.writePage(w, req, p.content)
			return
		}
	}
	m, below, ok := s.registry.acquire(path)
	if !ok {
		writeError(w, http.StatusNotFound, "no such page; /v1 lists what there is")
		return
	}
	defer m.requests.Done()
	s.serveSurface(w, req, m, below)
}

func (s *adminServer) refuse(w http.ResponseWriter, req *http.Request, reason string, status int, message string) {
	s.telemetry.GuardianControlAdminRefused.Add(req.Context(), 1, metric.WithAttributes(attribute.String("reason", reason)))
	writeError(w, status, message)
}

// index lists the built-in pages and the registered surfaces.
func (s *adminServer) index() any {
	type listed struct {
		Path        string `json:"path"`
		Owner       string `json:"owner"`
		Description string `json:"description"`
	}
	surfaces := []listed{}
	for _, m := range s.registry.list() {
		surfaces = append(surfaces, listed{m.path, m.owner, m.surface.Description})
	}
	return map[string]any{"pages": s.pages, "surfaces": surfaces}
}

func (s *adminServer) writePage(w http.ResponseWriter, req *http.Request, content func() any) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeError(w, http.StatusMethodNotAllowed, "this page can only be read")
		return
	}
	writeJSON(w, http.StatusOK, content())
}
