// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package image

import (
	"archive/tar"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	repository = "../../.."
	dockerfile = repository + "/deploy/docker/Dockerfile"
	// binaryVariable names the collector, staticVariable one that was built without cgo.
	binaryVariable = "OTELCOL_GUARDIAN"
	staticVariable = "OTELCOL_GUARDIAN_STATIC"
)

// built gives the path of a program that an environment variable names.
func built(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	require.NotEmpty(t, path, "%s must name a built binary: make deploy-check sets it", variable)
	_, err := os.Stat(path)
	require.NoError(t, err)
	return path
}

func readDockerfile(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(dockerfile)
	require.NoError(t, err)
	return string(text)
}

// standIns are the stages that an image is made from. There is no registry here, so the stage `debian` is this machine, which
// must be the Debian of the file with its packages unchanged; `build` has the binary that was built here; and what `folders`
// runs is run over a copy of this machine.
func standIns(t *testing.T, text string, programs map[string]string) map[string]Source {
	t.Helper()
	stages, err := parse(text)
	require.NoError(t, err)
	debian, err := find(stages, "debian")
	require.NoError(t, err)
	requireDebian(t, debian)
	folders, err := find(stages, "folders")
	require.NoError(t, err)
	require.Len(t, folders.instructions, 1)
	written := runInStage(t, folders.instructions[0].rest)
	sources := map[string]Source{
		"debian":  func(path string) string { return path },
		"folders": func(path string) string { return filepath.Join(written, path) },
	}
	for stage, program := range programs {
		sources[stage] = func(string) string { return program }
	}
	return sources
}

// requireDebian checks that this machine can stand in for a stage: its release, and the packages whose files are taken.
func requireDebian(t *testing.T, s stage) {
	t.Helper()
	release, err := os.ReadFile("/etc/debian_version")
	require.NoError(t, err, "only Debian can stand in for %s", s.base)
	major, _, _ := strings.Cut(string(release), ".")
	require.Regexp(t, `^debian:`+major+`\.\d+-slim$`, s.base, "this machine is Debian %s", release)
	require.Len(t, s.instructions, 1)
	_, installs, found := strings.Cut(s.instructions[0].rest, "--no-install-recommends ")
	require.True(t, found, "RUN installs packages")
	packages := append(strings.Fields(installs), "libc6", "base-files")
	output, err := exec.Command("dpkg", append([]string{"--status"}, packages...)...).CombinedOutput()
	require.NoError(t, err, "install %v: %s", packages, output)
	output, err = exec.Command("dpkg", "--verify", "libc6").CombinedOutput()
	require.NoError(t, err, "libc6 is as packaged: %s", output)
	require.Empty(t, string(output))
}

// assemble makes an image, takes it through an OCI layout on disk, and unpacks it.
func assemble(t *testing.T, target string, programs map[string]string) (image v1.Image, root string) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the assembled images are for amd64")
	}
	text := readDockerfile(t)
	image, err := Assemble(text, target, repository, standIns(t, text, programs))
	require.NoError(t, err)

	folder := t.TempDir()
	written, err := layout.Write(folder, empty.Index)
	require.NoError(t, err)
	require.NoError(t, written.AppendImage(image))
	read, err := layout.ImageIndexFromPath(folder)
	require.NoError(t, err)
	digest, err := image.Digest()
	require.NoError(t, err)
	image, err = read.Image(digest)
	require.NoError(t, err)
	require.NoError(t, validate.Image(image), "the OCI image is sound")

	root = filepath.Join(t.TempDir(), "root")
	require.NoError(t, Unpack(image, root))
	require.NoError(t, os.Chmod(root, 0o755))
	return image, root
}

func TestGlibcImage(t *testing.T) {
	image, root := assemble(t, "", map[string]string{"build": built(t, binaryVariable)})
	assertCollector(t, image)
	config := configOf(t, image)
	assert.Contains(t, config.Env, "NVIDIA_VISIBLE_DEVICES=all")
	assert.Contains(t, config.Env, "NVIDIA_DRIVER_CAPABILITIES=utility")
	assertLibraries(t, root)

	output, err := run(t, image, root, "--version")
	require.NoError(t, err, output)
	assert.Contains(t, output, "cgo on")
	assertServes(t, image, root)
}

// TestStaticImage needs a collector that was built without cgo, which is a second compilation of everything: `make deploy-check`
// runs it where `make cross-amd64` has been run, and says so where not.
func TestStaticImage(t *testing.T) {
	if os.Getenv(staticVariable) == "" {
		t.Skip(staticVariable + " names no binary: run make cross-amd64, then make deploy-check")
	}
	image, root := assemble(t, "static", map[string]string{"build-static": built(t, staticVariable)})
	assertCollector(t, image)
	assert.NotContains(t, strings.Join(configOf(t, image).Env, " "), "NVIDIA", "an image without GPU support asks for no GPU")
	assert.NoDirExists(t, filepath.Join(root, "lib"))
	assert.NoDirExists(t, filepath.Join(root, "lib64"))

	output, err := run(t, image, root, "--version")
	require.NoError(t, err, output)
	assert.Contains(t, output, "no GPU support")
	assertServes(t, image, root)
}

// TestGuardianloadImage builds the load generator as its stage does and runs it.
func TestGuardianloadImage(t *testing.T) {
	program := filepath.Join(t.TempDir(), "guardianload")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/guardianload")
	build.Dir = repository
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	image, root := assemble(t, "guardianload", map[string]string{"build-guardianload": program})
	config := configOf(t, image)
	assert.Equal(t, "10001:10001", config.User)
	assert.Equal(t, []string{"/guardianload"}, config.Entrypoint)
	said, err := run(t, image, root, "-drift", "churn:incme:10m:1")
	require.Error(t, err)
	assert.Contains(t, said, "incme", "it starts, and sees a fault")
}

// The same files make the same image, bit for bit.
func TestImageIsReproducible(t *testing.T) {
	text := readDockerfile(t)
	sources := standIns(t, text, map[string]string{"build": dockerfile})
	first, err := Assemble(text, "", repository, sources)
	require.NoError(t, err)
	second, err := Assemble(text, "", repository, sources)
	require.NoError(t, err)
	a, err := first.Digest()
	require.NoError(t, err)
	b, err := second.Digest()
	require.NoError(t, err)
	assert.Equal(t, a, b)
}

func configOf(t *testing.T, image v1.Image) v1.Config {
	t.Helper()
	file, err := image.ConfigFile()
	require.NoError(t, err)
	return file.Config
}

// assertCollector looks at what an image says of itself and at its files.
func assertCollector(t *testing.T, image v1.Image) {
	t.Helper()
	config := configOf(t, image)
	assert.Equal(t, "10001:10001", config.User)
	assert.Equal(t, []string{"/otelcol-guardian"}, config.Entrypoint)
	assert.Equal(t, []string{"--config", "/etc/otelcol-guardian/config.yaml"}, config.Cmd)
	assert.Equal(t, "/var/lib/otelcol-guardian", config.WorkingDir)
	assert.Equal(t, []string{"CMD", "/otelcol-guardian", "health"}, config.Healthcheck.Test)
	assert.Equal(t, "otelcol-guardian", config.Labels["org.opencontainers.image.title"])
	assert.Equal(t, "Apache-2.0", config.Labels["org.opencontainers.image.licenses"])
	assert.Contains(t, config.ExposedPorts, "4317/tcp")

	files := filesOf(t, image)
	for name, want := range map[string]string{
		"otelcol-guardian":                          "-rwxr-xr-x 0:0",
		"etc/otelcol-guardian/config.yaml":          "-rw-r--r-- 0:0",
		"etc/otelcol-guardian/configs/gateway.yaml": "-rw-r--r-- 0:0",
		"etc/ssl/certs/ca-certificates.crt":         "-rw-r--r-- 0:0",
		"etc/passwd":                                "-rw-r--r-- 0:0",
		"usr/share/zoneinfo/Europe/Berlin":          "-rw-r--r-- 0:0",
		"tmp":                                       "dtrwxrwxrwx 0:0",
		"var/lib":                                   "drwxr-xr-x 0:0",
		"var/lib/otelcol-guardian":                  "drwxr-x--- 10001:10001",
	} {
		assert.Equal(t, want, files[name], name)
	}
	program := regexp.MustCompile(`(^|/)(sh|bash|dash|ash|busybox|apt|dpkg|curl|wget|perl|python[0-9.]*)$`)
	for name, mode := range files {
		assert.NotRegexp(t, program, name, "no shell and no package manager")
		assert.NotRegexp(t, `^.{0,3}s|^.{4,6}s`, mode, "%s is setuid or setgid", name)
		if strings.HasPrefix(mode, "-") && strings.Contains(mode, "x") {
			assert.Regexp(t, `^otelcol-guardian$|^lib(64)?/(ld-linux|libc\.so)`, name, "nothing else can be executed")
		}
	}
}

// filesOf gives mode and owner of each file of an image.
func filesOf(t *testing.T, image v1.Image) map[string]string {
	t.Helper()
	content := mutate.Extract(image)
	defer content.Close()
	files := map[string]string{}
	for in := tar.NewReader(content); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		files[strings.TrimSuffix(header.Name, "/")] = fmt.Sprintf("%s %d:%d", header.FileInfo().Mode(), header.Uid, header.Gid)
	}
}

// assertLibraries: what the binary and NVIDIA's library name is there, and the binary asks for no newer glibc than that.
func assertLibraries(t *testing.T, root string) {
	t.Helper()
	binary, err := elf.Open(filepath.Join(root, "otelcol-guardian"))
	require.NoError(t, err)
	defer binary.Close()
	needed, err := binary.ImportedLibraries()
	require.NoError(t, err)
	// As `readelf --dynamic` shows of libnvidia-ml.so.1.
	for _, library := range append(needed, "libpthread.so.0", "libm.so.6", "libdl.so.2", "libc.so.6", "librt.so.1") {
		assert.FileExists(t, filepath.Join(root, "lib", library))
	}
	libc, err := elf.Open(filepath.Join(root, "lib", "libc.so.6"))
	require.NoError(t, err)
	defer libc.Close()
	offered, err := libc.DynamicVersions()
	require.NoError(t, err)
	has := map[string]bool{}
	for _, version := range offered {
		has[version.Name] = true
	}
	symbols, err := binary.ImportedSymbols()
	require.NoError(t, err)
	for _, symbol := range symbols {
		if strings.HasPrefix(symbol.Version, "GLIBC_") && symbol.Library == "libc.so.6" {
			assert.True(t, has[symbol.Version], "%s %s", symbol.Name, symbol.Version)
		}
	}
}

// assertServes runs the image with its default command and a volume, sends OTLP, finds it in the volume and on the page, and
// stops it.
func assertServes(t *testing.T, image v1.Image, root string) {
	t.Helper()
	state := t.TempDir()
	require.NoError(t, os.Chown(state, 10001, 10001))
	c := start(t, image, root, []volume{{state, "/var/lib/otelcol-guardian"}}, []string{"LISTEN=0.0.0.0"}, nil)
	client := c.client()
	require.Eventually(t, func() bool {
		response, err := client.Get("http://127.0.0.1:13133/")
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	}, time.Minute, 100*time.Millisecond, "it is not well; it said:\n%s", c.log)

	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	require.NoError(t, err)
	for _, line := range []string{"Uid:\t10001\t10001\t10001\t10001\n", "Gid:\t10001\t10001\t10001\t10001\n", "CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n"} {
		assert.Contains(t, string(status), line)
	}
	post(t, client, "/v1/traces", `{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "0102030405060708090a0b0c0d0e0f10",
		"spanId": "0102030405060708", "name": "in_the_image", "startTimeUnixNano": "%d", "endTimeUnixNano": "%[1]d"}]}]}]}`)
	post(t, client, "/v1/metrics", `{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "in_the_image",
		"gauge": {"dataPoints": [{"timeUnixNano": "%d", "asInt": "1"}]}}]}]}]}`)
	require.Eventually(t, func() bool {
		traces, _ := os.ReadFile(filepath.Join(state, "traces.jsonl")) // It is not there at first.
		return strings.Contains(string(traces), `"name":"in_the_image"`)
	}, time.Minute, 100*time.Millisecond, "the volume has no span")
	require.Eventually(t, func() bool {
		response, err := client.Get("http://127.0.0.1:8889/metrics")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		page, err := io.ReadAll(response.Body)
		return err == nil && strings.Contains(string(page), "\nin_the_image 1")
	}, time.Minute, 100*time.Millisecond, "the page has no metric")
	assert.NotContains(t, c.log.String(), "\terror\t")
	c.stop(t)
}

func post(t *testing.T, client *http.Client, path, body string) {
	t.Helper()
	body = fmt.Sprintf(body, time.Now().UnixNano())
	require.True(t, json.Valid([]byte(body)), body)
	response, err := client.Post("http://127.0.0.1:4318"+path, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", answer)
}
