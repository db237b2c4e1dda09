// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/codec"
	"github.com/llm-guardian/otelcol-guardian/internal/drift"
)

func readText(text string, s Settings) (*Set, error) {
	return Read(strings.NewReader(text), int64(len(text)), s)
}

// shape says of each reference its kind, values and missing ones.
func shape(s *Set) []string {
	var all []string
	for _, name := range s.Names() {
		r := s.Find(name)
		all = append(all, fmt.Sprintf("%s %s %d %d", name, r.Kind(), r.N(), r.Missing()))
	}
	return all
}

// The same rows give the same references, by their hash, in every format.
func TestFormatsAgree(t *testing.T) {
	created := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	settings := Settings{ID: "x", Created: created}
	csv := "\ufeffprediction_id,features.age,plan,prediction,confidence\n1,41,gold,yes,0.5\n2,,basic,no,0.25\n3,7.5,gold,yes,\n"
	lines := `{"prediction_id": "1", "features": {"age": 41, "plan": "gold"}, "predicted": {"class": "yes"}, "confidence": 0.5}
{"prediction_id": "2", "features": {"age": null, "plan": "basic"}, "predicted": {"class": "no"}, "confidence": 0.25}
{"type": "prediction", "data": {"prediction_id": "3", "features": {"age": 7.5, "plan": "gold"}, "predicted": {"class": "yes"}}}`
	number := func(v float64) *float64 { return &v }
	type flat struct {
		ID         string   `parquet:"prediction_id"`
		Age        *float64 `parquet:"age,optional"`
		Plan       string   `parquet:"features.plan"`
		Prediction string   `parquet:"prediction"`
		Confidence *float64 `parquet:"confidence,optional"`
	}
	var table bytes.Buffer
	require.NoError(t, parquet.Write(&table, []flat{
		{"1", number(41), "gold", "yes", number(0.5)}, {"2", nil, "basic", "no", number(0.25)}, {"3", number(7.5), "gold", "yes", nil},
	}))
	hashes := map[string][]string{}
	for format, text := range map[string]string{"csv": csv, "lines": lines, "parquet": table.String()} {
		set, err := readText(text, settings)
		require.NoError(t, err, format)
		for _, name := range []string{"age", "plan", "prediction", "confidence"} {
			r := set.Find(name)
			require.NotNil(t, r, "%s %s", format, name)
			assert.Equal(t, "x", r.ID())
			assert.Equal(t, created, r.Created())
			hashes[name] = append(hashes[name], r.Hash())
		}
		assert.Nil(t, set.Find("prediction_id"), format)
		assert.EqualValues(t, 1, set.Find("age").Missing(), format)
		assert.EqualValues(t, 1, set.Find("features.confidence").Missing(), format)
	}
	for name, all := range hashes {
		assert.Len(t, all, 3)
		assert.Equal(t, all[0], all[1], name)
		assert.Equal(t, all[0], all[2], name)
	}
}

// Types of Parquet columns: what becomes a number, a name, or nothing; maps have a feature for each key.
func TestParquetTypes(t *testing.T) {
	type row struct {
		Int      int32              `parquet:"int"`
		Unsigned uint64             `parquet:"unsigned"`
		Decimal  int64              `parquet:"decimal,decimal(2:10)"`
		Float    float32            `parquet:"float"`
		Bool     bool               `parquet:"bool"`
		At       time.Time          `parquet:"at,timestamp"`
		List     []float64          `parquet:"list,list"`
		Features map[string]float64 `parquet:"features"`
		Nested   struct {
			X float64 `parquet:"x"`
		} `parquet:"nested"`
	}
	var table bytes.Buffer
	rows := make([]row, 40)
	for i := range rows {
		rows[i] = row{Int: int32(i), Unsigned: math.MaxUint64, Decimal: 250, Float: 0.5, Bool: i%2 == 0, List: []float64{1, 2}, Features: map[string]float64{"age": float64(i), "plan": 1}}
		if i%4 == 0 {
			rows[i].Features = nil
		}
		rows[i].Nested.X = math.NaN()
	}
	require.NoError(t, parquet.Write(&table, rows))
	set, err := readText(table.String(), Settings{})
	require.NoError(t, err)
	assert.Equal(t, []string{
		"age numeric 30 10", "bool categorical 40 0", "decimal numeric 40 0", "float numeric 40 0", "int numeric 40 0", "plan numeric 30 10", "unsigned numeric 40 0",
	}, shape(set))
	assert.ErrorIs(t, set.Skipped["nested.x"], drift.ErrNoValues)
	same := func(name string, values ...float64) {
		t.Helper()
		want, err := drift.NewNumericReference(values, drift.ReferenceSettings{})
		require.NoError(t, err)
		assert.Equal(t, want.Hash(), set.Find(name).Hash())
	}
	same("decimal", repeat(2.5, 40)...)
	same("unsigned", repeat(math.MaxUint64, 40)...)
}

func repeat(v float64, n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = v
	}
	return values
}

// What a column of mixed cells is.
func TestColumns(t *testing.T) {
	f := func(cells, want string) {
		t.Helper()
		set, err := readText("x,y\n"+strings.ReplaceAll(cells, " ", ",1\n")+",1\n", Settings{})
		require.NoError(t, err)
		assert.Equal(t, want, shape(set)[0])
	}
	f("1 2 3", "x numeric 3 0")
	f("1 NaN null", "x numeric 1 2")
	f("1 Inf -Inf 1e999", "x numeric 4 0")
	f("1 two 3", "x categorical 3 0")
	f("true false", "x categorical 2 0")
	f("null NaN", "y numeric 2 0") // nothing can be made of x
}

// Files that nothing can be made of say why.
func TestUnreadable(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		set, err := readText(text, Settings{MaxValues: 5})
		assert.Nil(t, set)
		assert.ErrorContains(t, err, want)
	}
	f("", "it is empty")
	f(" \n\t", "it is empty")
	f("a,b\n", "no column with values")
	f("a,b\n1\n", "wrong number of fields")
	f("a,b\n,\n", "no column with values")
	f("a\n1\n2\n3\n4\n5\n6\n", "more than 5 values")
	f(`{"a": 1} {"a": }`, "object 2")
	f(`{"a": [1]}`, "no column with values")
	f("PAR1 and nothing else", "")
	var table bytes.Buffer
	require.NoError(t, parquet.Write(&table, []struct{ A float64 }{{1}, {2}}))
	damaged := table.Bytes()
	for i := range damaged[:len(damaged)-8] {
		damaged[i] ^= 0x55
	}
	f("PAR1"+string(damaged[4:]), "")
}

// A compact file has the same references, with what they were made of and when.
func TestCompact(t *testing.T) {
	set, err := readText("age,plan\n1,gold\n2,basic\n,gold\n", Settings{ID: "predictions.csv", Created: time.Unix(1_700_000_000, 0), Bins: drift.BinSettings{Count: 5}})
	require.NoError(t, err)
	var out bytes.Buffer
	n, err := set.WriteTo(&out)
	require.NoError(t, err)
	assert.EqualValues(t, out.Len(), n)
	again, err := readText(out.String(), Settings{ID: "other"})
	require.NoError(t, err)
	assert.Equal(t, shape(set), shape(again))
	for _, name := range set.Names() {
		assert.Equal(t, set.Find(name), again.Find(name))
	}
	assert.Equal(t, "predictions.csv", again.Find("age").ID())

	// A hash that is not that of the content.
	var forged bytes.Buffer
	writer := parquet.NewGenericWriter[compactRow](&forged, parquet.KeyValueMetadata(compactKey, compactVersion))
	_, err = writer.Write([]compactRow{{Feature: "age", Hash: "0", Data: set.Find("age").Append(nil)}})
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	_, err = readText(forged.String(), Settings{})
	require.ErrorIs(t, err, codec.ErrDamaged)

	var newer bytes.Buffer
	require.NoError(t, parquet.NewGenericWriter[compactRow](&newer, parquet.KeyValueMetadata(compactKey, "2")).Close())
	_, err = readText(newer.String(), Settings{})
	require.ErrorContains(t, err, `version "2"`)
}

func TestTemplate(t *testing.T) {
	template, err := ParseTemplate("refs/{model.name}/{model.version}/{model.name}.csv")
	require.NoError(t, err)
	assert.Equal(t, []string{"model.name", "model.version"}, template.Keys())
	f := func(name, version, want string) {
		t.Helper()
		got, err := template.Expand(func(key string) string {
			return map[string]string{"model.name": name, "model.version": version}[key]
		})
		if want == "" {
			assert.Error(t, err)
			return
		}
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	f("churn", "3", "refs/churn/3/churn.csv")
	f("meta/llama", "3.1", "refs/meta/llama/3.1/meta/llama.csv")
	for _, name := range []string{"", "..", "a/../b", "/etc", "a/", "a//b", ".", `a\b`, "a?b", "a#b", "a%2e", "a\x00", strings.Repeat("a", 300)} {
		f(name, "3", "")
	}
	for _, text := range []string{"a}b", "a{b", "a{}", "{a{b}}", "{a}}"} {
		_, err := ParseTemplate(text)
		assert.Error(t, err, text)
	}
}

// Whatever the file: an error or references, never a panic; what was read survives the compact form.
func FuzzRead(f *testing.F) {
	f.Add([]byte("a,b\n1,x\n2,y\n"))
	f.Add([]byte(`{"a": 1, "features": {"b": "x"}}`))
	var table, compact bytes.Buffer
	require.NoError(f, parquet.Write(&table, []struct{ A float64 }{{1}, {2}}))
	f.Add(table.Bytes())
	set, err := readText("a,b\n1,x\n2,y\n", Settings{})
	require.NoError(f, err)
	_, err = set.WriteTo(&compact)
	require.NoError(f, err)
	f.Add(compact.Bytes())
	f.Fuzz(func(t *testing.T, content []byte) {
		set, err := Read(bytes.NewReader(content), int64(len(content)), Settings{MaxValues: 10_000})
		if err != nil {
			return
		}
		var out bytes.Buffer
		_, err = set.WriteTo(&out)
		require.NoError(t, err)
		again, err := Read(bytes.NewReader(out.Bytes()), int64(out.Len()), Settings{})
		require.NoError(t, err)
		assert.Equal(t, shape(set), shape(again))
	})
}

// BenchmarkLoad is the time to load 100 features of 10,000 values from the compact file, beside the file it was made of.
func BenchmarkLoad(b *testing.B) {
	type row struct {
		Features map[string]float64 `parquet:"features"`
	}
	rows := make([]row, 10_000)
	for i := range rows {
		rows[i].Features = map[string]float64{}
		for j := range 100 {
			rows[i].Features[fmt.Sprintf("feature-%d", j)] = math.Sin(float64(i*j)) * float64(i)
		}
	}
	var table, compact bytes.Buffer
	require.NoError(b, parquet.Write(&table, rows))
	set, err := Read(bytes.NewReader(table.Bytes()), int64(table.Len()), Settings{})
	require.NoError(b, err)
	_, err = set.WriteTo(&compact)
	require.NoError(b, err)
	for name, file := range map[string][]byte{"values": table.Bytes(), "compact": compact.Bytes()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.ReportMetric(float64(len(file)), "bytes")
			for b.Loop() {
				_, err := Read(bytes.NewReader(file), int64(len(file)), Settings{})
				require.NoError(b, err)
			}
		})
	}
}
