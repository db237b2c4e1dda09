// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/semconv/v1.43.0/hwconv"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/drivertest"
)

// convention is a metric as OpenTelemetry's own Go package has it, which is
// generated from the YAML files that the conventions are published as.
type convention interface {
	Name() string
	Unit() string
}

var conventions = []convention{
	hwconv.GpuUtilization{},
	hwconv.GpuMemoryLimit{},
	hwconv.GpuMemoryUsage{},
	hwconv.GpuMemoryUtilization{},
	hwconv.GpuIO{},
	hwconv.Energy{},
	hwconv.Power{},
	hwconv.Temperature{},
	hwconv.TemperatureLimit{},
	hwconv.FanSpeedRatio{},
	hwconv.Errors{},
	hwconv.Status{},
}

// ours are the attributes that we add to metrics of the conventions.
var ours = map[string]bool{keyLink: true, keyECCScope: true}

// beyond are attributes that the conventions have, but not for that metric.
var beyond = map[string][]string{
	"hw.energy": {keyVendor}, "hw.power": {keyVendor}, "hw.temperature": {keyVendor}, "hw.temperature.limit": {keyVendor},
	"hw.fan.speed_ratio": {keyVendor}, "hw.errors": {keyVendor}, "hw.status": {keyVendor},
}

// Names, units, instruments and attributes of every hw. metric are those of the conventions.
func TestConventions(t *testing.T) {
	attributes := conventionAttributes(t)
	byName := map[string]convention{}
	for _, convention := range conventions {
		byName[convention.Name()] = convention
	}
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(1)
		fake.GPUs[0].Fans = []float64{0.5}
		h := start(t, fake, "")
		h.next(1)
		page := h.last(t)
		seen := 0
		for _, metric := range catalogue {
			if !strings.HasPrefix(metric.name, "hw.") {
				continue
			}
			convention := byName[metric.name]
			require.NotNil(t, convention, "%s is no name of the conventions", metric.name)
			seen++
			assert.Equal(t, convention.Unit(), metric.unit, metric.name)
			instrument := reflect.TypeOf(convention).Field(0).Name
			assert.Equal(t, map[kind]string{gauge: "Gauge", counter: "Counter", updown: "UpDownCounter"}[metric.kind], strings.TrimPrefix(instrument, "Int64"), metric.name)
			known := attributes[reflect.TypeOf(convention).Name()]
			require.NotEmpty(t, known)
			require.NotEmpty(t, page[metric.name], metric.name)
			for _, point := range page[metric.name] {
				assert.Contains(t, point.attributes, keyID, "the conventions require it")
				for key := range point.attributes {
					allowed := known[key] || ours[key]
					for _, other := range beyond[metric.name] {
						allowed = allowed || key == other
					}
					assert.True(t, allowed, "%s has the attribute %s, which the conventions do not have for it", metric.name, key)
				}
			}
		}
		assert.Equal(t, len(conventions), seen)
	})
}

// The values of the attributes that the conventions enumerate.
func TestConventionValues(t *testing.T) {
	assert.EqualValues(t, typeGPU, hwconv.TypeGpu)
	assert.Equal(t, []string{
		string(hwconv.StateOk), string(hwconv.StateDegraded), string(hwconv.StateFailed), string(hwconv.StatePredictedFailure),
	}, states)
	values := map[string]bool{}
	for _, point := range points {
		for _, pair := range point.pairs {
			values[pair.key+"="+pair.value] = true
		}
	}
	for _, want := range []string{
		"hw.gpu.task=" + string(hwconv.GpuTaskGeneral), "hw.gpu.task=" + string(hwconv.GpuTaskEncoder), "hw.gpu.task=" + string(hwconv.GpuTaskDecoder),
		"hw.limit_type=" + string(hwconv.LimitTypeThrottled), "hw.limit_type=" + string(hwconv.LimitTypeCritical), "hw.limit_type=" + string(hwconv.LimitTypeMax),
		"network.io.direction=" + string(hwconv.NetworkIODirectionReceive), "network.io.direction=" + string(hwconv.NetworkIODirectionTransmit),
	} {
		assert.True(t, values[want], want)
	}
}

// conventionAttributes reads the attribute keys of each metric from the source of the package.
func conventionAttributes(t *testing.T) map[string]map[string]bool {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", reflect.TypeFor[hwconv.GpuIO]().PkgPath()).Output()
	require.NoError(t, err)
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "metric.go"), nil, 0)
	require.NoError(t, err)
	attributes := map[string]map[string]bool{}
	for _, declaration := range file.Decls {
		function, isFunction := declaration.(*ast.FuncDecl)
		if !isFunction || function.Recv == nil {
			continue
		}
		receiver := receiverName(function)
		ast.Inspect(function, func(node ast.Node) bool {
			if key, found := attributeKey(node); found {
				if attributes[receiver] == nil {
					attributes[receiver] = map[string]bool{}
				}
				attributes[receiver][key] = true
			}
			return true
		})
	}
	return attributes
}

func receiverName(function *ast.FuncDecl) string {
	if name, ok := function.Recv.List[0].Type.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

// attributeKey gives the key in a call such as attribute.String("hw.id", id).
func attributeKey(node ast.Node) (string, bool) {
	call, ok := node.(*ast.CallExpr)
	if !ok || len(call.Args) != 2 {
		return "", false
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != "String" {
		return "", false
	}
	literal, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return "", false
	}
	key, err := strconv.Unquote(literal.Value)
	return key, err == nil
}
