// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

func TestMain(m *testing.M) {
	testutil.VerifyNoLeaks(m)
}

type fakeHost map[component.ID]component.Component

func (h fakeHost) GetExtensions() map[component.ID]component.Component { return h }

type fakeRegistry struct {
	component.StartFunc
	component.ShutdownFunc
	err        error
	registered []string
}

func (r *fakeRegistry) Register(owner component.ID, kind component.Kind, surface Surface) (func(), error) {
	r.registered = append(r.registered, kind.String()+" "+owner.String()+" "+surface.Name)
	return func() { r.registered = nil }, r.err
}

type plainExtension struct {
	component.StartFunc
	component.ShutdownFunc
}

var (
	control = component.MustNewType("guardian_control")
	drift   = component.MustNewID("drift")
	surface = Surface{Name: "references", Description: "Reference distributions.", Handler: http.NotFoundHandler()}
)

func TestFindTakesTheFirstRegistryByID(t *testing.T) {
	first, second := &fakeRegistry{}, &fakeRegistry{}
	host := fakeHost{
		component.MustNewID("a_plain_one"):         &plainExtension{},
		component.NewIDWithName(control, "second"): second,
		component.NewID(control):                   first,
	}
	for range 20 {
		got, ok := Find(host)
		require.True(t, ok)
		require.Same(t, first, got)
	}
}

func TestFindWithoutARegistry(t *testing.T) {
	_, ok := Find(fakeHost{component.MustNewID("plain"): &plainExtension{}})
	assert.False(t, ok)
	_, ok = Find(componenttest.NewNopHost())
	assert.False(t, ok)
}

func TestRegisterPassesTheSurfaceOn(t *testing.T) {
	registry := &fakeRegistry{}
	unregister, err := Register(fakeHost{component.NewID(control): registry}, drift, component.KindProcessor, surface)
	require.NoError(t, err)
	assert.Equal(t, []string{"Processor drift references"}, registry.registered)
	unregister()
	assert.Empty(t, registry.registered)
}

func TestRegisterReportsTheRegistrysError(t *testing.T) {
	refused := errors.New("refused")
	host := fakeHost{component.NewID(control): &fakeRegistry{err: refused}}
	_, err := Register(host, drift, component.KindProcessor, surface)
	assert.ErrorIs(t, err, refused)
}

func TestRegisterWithoutARegistryIsANoOp(t *testing.T) {
	unregister, err := Register(componenttest.NewNopHost(), drift, component.KindProcessor, surface)
	require.NoError(t, err)
	unregister()
	unregister()
}

func TestSurfaceValidate(t *testing.T) {
	require.NoError(t, surface.Validate())

	err := Surface{Name: "Not/This", Description: "two\nlines"}.Validate()
	require.Error(t, err)
	for _, fault := range []string{`"Not/This"`, "one line of text", "handler must not be nil"} {
		assert.ErrorContains(t, err, fault)
	}

	f := func(name string) {
		t.Helper()
		assert.Error(t, Surface{Name: name, Description: "d", Handler: http.NotFoundHandler()}.Validate())
	}
	f("")
	f("1st")
	f("..")
	f("a b")
	f("a\n")
}
