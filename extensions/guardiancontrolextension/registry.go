// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"

	"github.com/llm-guardian/otelcol-guardian/internal/admin"
)

// registry holds the surfaces by the path where they are mounted. Registering
// works whether or not anything serves them.
type registry struct {
	mu     sync.RWMutex
	mounts map[string]*mount
}

// mount is a registered surface.
type mount struct {
	path    string
	owner   string // <kind>/<type>[/<name>]
	surface admin.Surface

	requests sync.WaitGroup
	ctx      context.Context // ends when the surface is unregistered
	cancel   context.CancelFunc
}

func newRegistry() *registry {
	return &registry{mounts: map[string]*mount{}}
}

// Register implements admin.Registry.
func (r *registry) Register(owner component.ID, kind component.Kind, surface admin.Surface) (unregister func(), err error) {
	if err := surface.Validate(); err != nil {
		return nil, fmt.Errorf("cannot register surface %q of %s: %w", surface.Name, owner, err)
	}
	m := &mount{owner: strings.ToLower(kind.String()) + "/" + owner.String(), surface: surface}
	m.path = "/v1/" + m.owner + "/" + surface.Name

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mounts[m.path] != nil {
		return nil, fmt.Errorf("cannot register surface %q of %s: %s is taken", surface.Name, owner, m.path)
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	r.mounts[m.path] = m
	return sync.OnceFunc(func() { r.remove(m) }), nil
}

func (r *registry) remove(m *mount) {
	r.mu.Lock()
	delete(r.mounts, m.path)
	r.mu.Unlock()
	m.cancel()
	m.requests.Wait()
}

// acquire finds the surface that a path belongs to and the path below it. Of
// two that fit, as with a component whose name is that of another's surface,
// the longer wins. The caller must call Done on the surface's requests.
func (r *registry) acquire(path string) (m *mount, below string, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for prefix := path; strings.HasPrefix(prefix, "/"); prefix = prefix[:strings.LastIndexByte(prefix, '/')] {
		if m := r.mounts[prefix]; m != nil {
			m.requests.Add(1)
			return m, path[len(prefix):], true
		}
	}
	return nil, "", false
}

// list returns the surfaces in the order of their paths.
func (r *registry) list() []*mount {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]*mount, 0, len(r.mounts))
	for _, m := range r.mounts {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *mount) int { return strings.Compare(a.path, b.path) })
	return all
}

// serve hands a request to the surface, with a path relative to it and a
// context that ends with it.
func (m *mount) serve(w http.ResponseWriter, req *http.Request, below string) {
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	defer context.AfterFunc(m.ctx, cancel)()
	req = req.Clone(ctx)
	req.URL.Path, req.URL.RawPath = below, ""
	if below == "" {
		req.URL.Path = "/"
	}
	m.surface.Handler.ServeHTTP(w, req)
}
