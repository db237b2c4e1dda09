// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
)

// Surface is one thing that a component shows or lets an operator do.
type Surface struct {
	// Name is the last fixed part of the surface's path: lower-case letters,
	// digits, "_" and "-", beginning with a letter.
	Name string

	// Description is one line for the index of surfaces.
	Description string

	// Handler answers every method and every path below the surface. It sees
	// paths relative to where it is mounted, beginning with "/". It may run
	// concurrently with itself; a panic in it becomes a 500. The request's
	// context ends when the surface is unregistered. A handler that streams
	// flushes through http.NewResponseController.
	Handler http.Handler
}

var surfaceName = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

// Validate reports everything that is wrong with the surface.
func (s Surface) Validate() error {
	var errs []error
	if !surfaceName.MatchString(s.Name) {
		errs = append(errs, fmt.Errorf("name must match %s (got %q)", surfaceName, s.Name))
	}
	if s.Description == "" || strings.ContainsAny(s.Description, "\r\n") {
		errs = append(errs, fmt.Errorf("description must be one line of text (got %q)", s.Description))
	}
	if s.Handler == nil {
		errs = append(errs, errors.New("handler must not be nil"))
	}
	return errors.Join(errs...)
}

// Registry takes surfaces in. Its methods may be called concurrently and at any
// time between the registry's Start and its Shutdown; extensions start before
// all other components and stop after them.
type Registry interface {
	// Register makes the surface reachable under its owner's kind and ID. It
	// fails if the surface is not valid or its owner has registered the name
	// before. unregister makes the surface unreachable, cancels the contexts
	// of the requests that are being answered and waits for them to end, so
	// what the handler uses can be released afterwards. Calling it again does
	// nothing; calling it from the surface's own handler never returns.
	Register(owner component.ID, kind component.Kind, surface Surface) (unregister func(), err error)
}

// Find returns the registry among the host's extensions. Of several it takes
// the one whose ID sorts first, so that all components agree.
func Find(host component.Host) (Registry, bool) {
	extensions := host.GetExtensions()
	for _, id := range slices.SortedFunc(maps.Keys(extensions), compareIDs) {
		if registry, ok := extensions[id].(Registry); ok {
			return registry, true
		}
	}
	return nil, false
}

func compareIDs(a, b component.ID) int {
	return cmp.Compare(a.String(), b.String())
}

// Register registers the surface with the host's registry. Without one it
// succeeds and unregister does nothing.
func Register(host component.Host, owner component.ID, kind component.Kind, surface Surface) (unregister func(), err error) {
	registry, ok := Find(host)
	if !ok {
		return func() {}, nil
	}
	return registry.Register(owner, kind, surface)
}
