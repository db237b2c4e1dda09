// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package testutil

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestStartAgainWhenAPortIsTaken(t *testing.T) {
	c := StartCollector(t, stub(t, portTaken))
	port := strconv.Itoa(c.Port("PORT"))
	assert.Equal(t, port, c.LogMatch(t, `port (\d+) of (\S+)`), "the first group")
	assert.Equal(t, "on port "+port, c.LogMatch(t, `on port \d+`), "the whole match")
	assert.NotContains(t, c.Log(), portInUse, "the log of the last start only")

	assert.Equal(t, stoppedCode, c.Stop(t))
	c.Start(t)
	c.Kill()
	assert.Equal(t, -1, c.Wait(t))

	ports := strings.Fields(string(readFile(t, filepath.Join(c.Dir, "ports"))))
	require.Len(t, ports, 3, "a start that failed, one that did not, and one after the stop")
	assert.Equal(t, []string{port, port}, ports[1:], "a new start keeps the port")
}

func TestRunCollector(t *testing.T) {
	config := stub(t, badConfig)
	config.Dir, config.YAML, config.Files, config.Args = t.TempDir(), "receivers:", []string{"more.yaml"}, []string{"--set=a=b"}
	code, output := RunCollector(t, config)
	assert.Equal(t, badConfigCode, code)
	path := filepath.Join(config.Dir, "config.yaml")
	assert.Equal(t, "[--config "+path+" --config more.yaml --set=a=b]\n", output)
	assert.Equal(t, "receivers:", string(readFile(t, path)))
}

func TestStartThatFails(t *testing.T) {
	message := failure(t, func(t testing.TB) { t.Helper(); StartCollector(t, stub(t, badConfig)) })
	assert.Contains(t, message, "it ended with exit status 3")
	assert.Contains(t, message, "the collector did not start; its log:")
}

func TestFreePorts(t *testing.T) {
	var names []string
	for i := range 50 {
		names = append(names, strconv.Itoa(i))
	}
	picked := map[int]bool{}
	for _, port := range freePorts(t, names) {
		picked[port] = true
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		listener, err := net.Listen("tcp", address)
		require.NoError(t, err)
		require.NoError(t, listener.Close())
		conn, err := net.ListenPacket("udp", address)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	assert.Len(t, picked, len(names), "no port twice")
}

func TestLogBufferContains(t *testing.T) {
	var b logBuffer
	first, second := b.contains("ready"), b.contains("ready")
	write := func(text string) {
		_, err := b.Write([]byte(text))
		require.NoError(t, err)
	}
	write("almost rea")
	assert.False(t, closed(first))
	write("dy now")
	assert.True(t, closed(first), "the text came in two pieces")
	assert.True(t, closed(second), "all who wait are told")
	assert.True(t, closed(b.contains("now")), "the text was there before")

	b.reset()
	assert.Empty(t, b.String())
	assert.False(t, closed(b.contains("ready")), "a reset forgets the text")
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "golden.txt")
	assert.Contains(t, failure(t, func(t testing.TB) { t.Helper(); golden(t, path, nil, false) }), "-update")
	golden(t, path, []byte("one"), true)
	golden(t, path, []byte("one"), false)
	assert.Contains(t, failure(t, func(t testing.TB) { t.Helper(); golden(t, path, []byte("two"), false) }), "differs from "+path)
	golden(t, path, []byte("two"), true)
	assert.Equal(t, "two", string(readFile(t, path)))
}

type sampleConfig struct {
	Endpoint string `mapstructure:"endpoint"`
	Port     int    `mapstructure:"port"`
}

func (c *sampleConfig) Validate() error {
	if c.Port < 0 {
		return fmt.Errorf("port is %d", c.Port)
	}
	return nil
}

var sampleFactory = receiver.NewFactory(component.MustNewType("sample"), func() component.Config {
	return &sampleConfig{Endpoint: "localhost"}
})

func TestLoadConfig(t *testing.T) {
	cfg, err := LoadConfig(t, sampleFactory, "port: 5")
	require.NoError(t, err)
	assert.Equal(t, &sampleConfig{Endpoint: "localhost", Port: 5}, cfg, "over the defaults")
	_, err = LoadConfig(t, sampleFactory, "prot: 5")
	require.ErrorContains(t, err, "prot", "an unknown key")
	_, err = LoadConfig(t, sampleFactory, "port: -1")
	require.EqualError(t, err, "port is -1")
}

func TestYAMLBlocks(t *testing.T) {
	markdown := "text\n```yaml\na: 1\n```\n```sh\nls\n```\n```yaml\nb: 2\nc: 3\n```\n"
	assert.Equal(t, []string{"a: 1\n", "b: 2\nc: 3\n"}, yamlBlocks(markdown))
	assert.Empty(t, yamlBlocks("no block"))
}

func TestReadmeExamples(t *testing.T) {
	for _, readme := range []struct{ name, section, failure string }{
		{"good", "receivers: {sample: {port: 5}, sample/2: , other: {x: 1}}", ""},
		{"unknown_key", "receivers: {sample: {prot: 5}}", "prot"},
		{"no_example", "exporters: {sample: {port: 5}}", "README.md has no example of sample"},
	} {
		t.Run(readme.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			require.NoError(t, os.WriteFile("README.md", []byte("```yaml\n"+readme.section+"\n```\n"), 0o600))
			message := failure(t, func(t testing.TB) { t.Helper(); ReadmeExamples(t, sampleFactory, "receivers") })
			if readme.failure == "" {
				assert.Empty(t, message)
			} else {
				assert.Contains(t, message, readme.failure)
			}
		})
	}
}

// What a README says of the defaults is compared with them, row by row.
func TestReadmeOptions(t *testing.T) {
	type inner struct {
		Share float64       `mapstructure:"share"`
		Wait  time.Duration `mapstructure:"wait"`
		Names []string      `mapstructure:"names"`
	}
	config := &struct {
		Name  string  `mapstructure:"name"`
		Where *string `mapstructure:"where"`
		Of    []inner `mapstructure:"of"`
		Low   float64 `mapstructure:"low"`
		High  float64 `mapstructure:"high"`

		confighttp.ServerConfig `mapstructure:",squash"`

		Queue configoptional.Optional[configretry.BackOffConfig] `mapstructure:"queue"`
		Retry configretry.BackOffConfig                          `mapstructure:"retry"`
		Named map[string]inner                                   `mapstructure:"named"`
		Some  map[string]string                                  `mapstructure:"some"`
		None  map[string]string                                  `mapstructure:"none"`
		_     struct{}
	}{
		Of: []inner{{Share: 0.1, Wait: time.Hour, Names: []string{"a", "b"}}}, Low: 0.1, High: 2,
		ServerConfig: confighttp.ServerConfig{ReadTimeout: time.Minute, CompressionAlgorithms: []string{"", "gzip"}},
		Retry:        configretry.NewDefaultBackOffConfig(),
		Named:        map[string]inner{"<name>": {Share: 1}}, Some: map[string]string{"a": "b"},
	}
	rows := []string{
		"| `name` | required | name | |", "| `where` | – | id | |", "| `of::share` | 0.1 | 0 to 1 | |", "| `of::wait` | 1h | time | |",
		"| `of::names` | [a, b] | names | |", "| `{low,high}` | 0.10, 2 | share | |",
		"| `read_timeout` | `1m` | time | |", "| `compression_algorithms` | [\"\", gzip] (all) | | |", "| `queue` | off | | |", "| `retry::max_interval` | 30s | | |",
		"| `retry` | on | | |", "| `named::<name>::share` | 1 | | |", "| `named::<name>::wait` | 0s | | |", "| `named::<name>::names` | – | | |",
		"| `some` | see below | | |", "| `none` | – | | |",
	}
	without := func(key string) []string {
		return slices.DeleteFunc(slices.Clone(rows), func(row string) bool { return strings.HasPrefix(row, "| `"+key+"`") })
	}
	f := func(rows []string, want string) {
		t.Helper()
		t.Chdir(t.TempDir())
		page := "# x\n\n| option | default | unit | meaning |\n|---|---|---|---|\n" + strings.Join(rows, "\n") + "\n\n| `other` | table |\n"
		require.NoError(t, os.WriteFile("README.md", []byte(page), 0o600))
		message := failure(t, func(t testing.TB) { t.Helper(); ReadmeOptions(t, config) })
		if want == "" {
			assert.Empty(t, message)
		} else {
			assert.Contains(t, message, want)
		}
	}
	f(rows, "")
	f(rows[1:], "README.md has no row of name")
	f(append(rows, "| `gone` | 1 | x | |"), "README.md has a row of what is no option: gone")
	f(append([]string{"| `name` | x | name | |"}, rows[1:]...), "README.md: the default of name")
	f(append(without("{low,high}"), "| `{low,high}` | 0.10, 3 | share | |"), "README.md: the default of high")
	f(append(without("read_timeout"), "| `read_timeout` | 2m | | |"), "README.md: the default of read_timeout")
	f(append(without("retry"), "| `retry` | off | | |"), "README.md: the default of retry")
	f(append(without("queue"), "| `queue` | on | | |"), "README.md: the default of queue")
	f(without("queue"), "README.md has no row of queue")
	f(without("named::<name>::share"), "README.md has no row of named::<name>::share")
	f(append(without("some"), "| `some` | – | | |"), "README.md: the default of some")
	f(nil, "README.md has no table of options")
}

// Own metrics are those of metadata.yaml, each with the values of its attributes, and stand in the README. Those that do not come about,
// and others that do, are named.
func TestOwnMetrics(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("metadata.yaml", []byte(`
attributes: {kind: {enum: [a, b], name_override: sort}, name: {type: string}, reason: {enum: [late]}}
telemetry: {metrics: {x_points: {attributes: [reason, name, kind]}, x_rows: {attributes: [name]}, x_seconds: {}}}`), 0o600))
	require.NoError(t, os.WriteFile("README.md", []byte("`otelcol_x_points_total`, `otelcol_x_rows`, `otelcol_x_seconds`"), 0o600))
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer func() { require.NoError(t, provider.Shutdown(context.Background())) }()
	meter := provider.Meter("test")
	points, err := meter.Int64Counter("otelcol_x_points")
	require.NoError(t, err)
	rows, err := meter.Int64Gauge("otelcol_x_rows")
	require.NoError(t, err)
	seconds, err := meter.Float64Histogram("otelcol_x_seconds")
	require.NoError(t, err)
	count := func(reason, sort string) {
		points.Add(t.Context(), 1, metric.WithAttributes(attribute.String("reason", reason), attribute.String("sort", sort), attribute.String("name", "n")))
	}
	f := func(want ...string) {
		t.Helper()
		message := failure(t, func(t testing.TB) {
			t.Helper()
			own := WatchOwnMetrics(t, "x_")
			own.Look(reader)
			own.Check("points late a")
		})
		for _, text := range want {
			assert.Contains(t, message, text)
		}
		assert.Equal(t, len(want), strings.Count(message, "comes about")+strings.Count(message, "is declared"), message)
	}
	f("comes about: points late b", "comes about: rows", "comes about: seconds")
	count("late", "b")
	rows.Record(t.Context(), 0)
	seconds.Record(t.Context(), 1)
	f("comes about: rows")
	rows.Record(t.Context(), 1)
	f()
	count("early", "b")
	f("is declared")
	count("late", "a")
	f("comes about: points late a", "is declared")
	require.NoError(t, os.WriteFile("README.md", []byte("`otelcol_x_points`"), 0o600))
	assert.Contains(t, failure(t, func(t testing.TB) { t.Helper(); WatchOwnMetrics(t, "x_") }), "otelcol_x_rows")
}

func TestSaid(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	logger := zap.New(core)
	logger.Info("Restored.", zap.Int("groups", 3), zap.Int("other", 1))
	logger.Warn("Dropped.")
	logger.Debug("Not seen.")
	assert.Equal(t, []string{"info Restored. groups=3", "warn Dropped."}, Said(logs, "groups", "dropped"))
}

func TestReceiverContract(t *testing.T) { ReceiverContract(t, receivertest.NewNopFactory()) }

// failure gives what a test helper says when it fails the test, or "".
func failure(t testing.TB, helper func(testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		helper(r)
	}()
	<-done
	return r.text
}

// recorder keeps the failures of a test helper instead of failing the test.
type recorder struct {
	testing.TB
	text string
}

func (r *recorder) Errorf(format string, args ...any) { r.text += fmt.Sprintf(format, args...) }

func (*recorder) FailNow() { runtime.Goexit() }
