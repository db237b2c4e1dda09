// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
	"github.com/llm-guardian/otelcol-guardian/test/e2e/sandbox"
)

const (
	serviceUser   = "otelcol-guardian"
	serviceConfig = "/etc/otelcol-guardian/config.yaml"
	serviceState  = "/var/lib/otelcol-guardian"
	serviceLimit  = 60 * time.Second
)

// TestDebianPackage installs the deb in a sandbox with a systemd of its own, sends telemetry through the service that it
// starts, upgrades it with good and bad configurations, and purges it.
func TestDebianPackage(t *testing.T) {
	sandbox.Run(t, func(box *sandbox.Box) {
		deb := packageFile(t, "otelcol-guardian_*.deb")
		must(t, "dpkg", "-i", deb)
		assertHardened(t, awaitService(t))
		assertInstalled(t)
		sendThroughService(t, "installed")
		assertRotates(t)
		pid := awaitService(t)

		// A broken configuration is refused, and what runs goes on.
		good, err := os.ReadFile(serviceConfig)
		require.NoError(t, err)
		edit(t, "memory_limiter:", "memory_limter:")
		output, err := command("systemctl", "reload", "otelcol-guardian")
		require.Error(t, err, output)
		assert.Equal(t, pid, awaitService(t), "the process goes on")
		sendThroughService(t, "after a broken reload")
		output = must(t, "dpkg", "-i", deb)
		assert.Contains(t, output, "memory_limter", "the upgrade names the fault")
		assert.Contains(t, output, "The service is not restarted")
		assert.Equal(t, pid, awaitService(t), "an upgrade does not stop what it could not start again")

		// systemd takes values as they are; the scripts must not run them.
		environment, err := os.OpenFile("/etc/otelcol-guardian/otelcol-guardian.env", os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = environment.WriteString("SOME_TOKEN=pa$word;(touch /etc/ran)\n")
		require.NoError(t, errors.Join(err, environment.Close()))

		// An edited configuration survives the upgrade, which restarts the service; so does what the service knows.
		require.NoError(t, os.WriteFile(serviceConfig, append([]byte("# Edited.\n"), good...), 0o640))
		must(t, "systemctl", "reload", "otelcol-guardian")
		assert.Equal(t, pid, awaitService(t), "a reload keeps the process")
		must(t, "dpkg", "-i", deb)
		assert.NotEqual(t, pid, awaitService(t), "the upgrade restarts the service")
		assert.NoFileExists(t, "/etc/ran")
		kept, err := os.ReadFile(serviceConfig)
		require.NoError(t, err)
		assert.True(t, bytes.HasPrefix(kept, []byte("# Edited.\n")), "the administrator's file is kept")
		sendThroughService(t, "upgraded")

		// Removed, it leaves what is the administrator's and the state; purged, nothing.
		must(t, "dpkg", "-r", "otelcol-guardian")
		assert.NoFileExists(t, "/usr/bin/otelcol-guardian")
		assert.FileExists(t, serviceConfig)
		assert.DirExists(t, serviceState)
		assert.False(t, listens("localhost:13133"), "nobody listens any more")
		must(t, "dpkg", "-P", "otelcol-guardian")
		assert.Empty(t, leftBehind(t, box))
	})
}

// TestRPMPackage does with rpm what can be done with it on a machine whose own packages are debs: the same files and scripts.
func TestRPMPackage(t *testing.T) {
	sandbox.Run(t, func(box *sandbox.Box) {
		file := packageFile(t, "otelcol-guardian-*.rpm")
		must(t, "rpm", "--checksig", "--nosignature", file)
		assert.Equal(t, "/etc/otelcol-guardian/config.yaml\n/etc/otelcol-guardian/otelcol-guardian.env\n",
			must(t, "rpm", "-qp", "--configfiles", file))
		requires := must(t, "rpm", "-qp", "--requires", file)
		assert.Contains(t, requires, "glibc >= "+glibcFloor(t))
		assert.Contains(t, must(t, "rpm", "-qp", "--scripts", file), "useradd --system")

		must(t, "rpm", "-i", "--nodeps", file)
		awaitService(t)
		assertInstalled(t)
		verified, err := command("rpm", "-V", "--nodeps", "otelcol-guardian")
		require.NoError(t, err, "files, owners and modes are as packaged: %s", verified)
		sendThroughService(t, "rpm")
		edit(t, "limit_mib: 512", "limit_mib: 513")
		must(t, "rpm", "-U", "--nodeps", "--replacepkgs", file)
		awaitService(t)
		kept, err := os.ReadFile(serviceConfig)
		require.NoError(t, err)
		assert.Contains(t, string(kept), "limit_mib: 513")

		must(t, "rpm", "-e", "--nodeps", "otelcol-guardian")
		assert.False(t, listens("localhost:13133"), "nobody listens any more")
		assert.FileExists(t, serviceConfig+".rpmsave", "what was edited is kept beside")
		assert.DirExists(t, serviceState, "rpm knows no purge")
		assert.NotEmpty(t, leftBehind(t, box))
	})
}

// TestPackageWithoutSystemd installs the deb where systemd does not run, as in the build of a container image: it makes the user
// and the folders and starts nothing.
func TestPackageWithoutSystemd(t *testing.T) {
	sandbox.Run(t, func(*sandbox.Box) {
		deb := packageFile(t, "otelcol-guardian_*.deb")
		must(t, "unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /run && dpkg -i "+deb)
		_, err := user.Lookup(serviceUser)
		require.NoError(t, err)
		assert.DirExists(t, serviceState)
		assert.Equal(t, "inactive\n", must(t, "sh", "-c", "systemctl is-active otelcol-guardian || true"))
	})
}

// TestDebianPackageNamesItsGlibc holds the dependency to what the binary in the package asks for.
func TestDebianPackageNamesItsGlibc(t *testing.T) {
	depends := must(t, "dpkg-deb", "--field", packageFile(t, "otelcol-guardian_*.deb"), "Depends")
	assert.Equal(t, "libc6 (>= "+glibcFloor(t)+")\n", depends)
}

// TestUnitIsHardened asks systemd itself what it thinks of the unit.
func TestUnitIsHardened(t *testing.T) {
	unit := filepath.Join(testutil.Root(t), "deploy", "packages", "otelcol-guardian.service")
	output, err := command("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)
	require.NoError(t, err, "exposure above 2.0:\n%s", output)
	output, err = command("systemd-analyze", "security", "--offline=true", "--threshold=10", unit)
	require.Error(t, err, "the threshold can be missed:\n%s", output)
}

// TestPackagesScriptRefuses: what it cannot make a package of is an error that names it.
func TestPackagesScriptRefuses(t *testing.T) {
	script := filepath.Join(testutil.Root(t), "scripts", "packages.sh")
	f := func(want string, args ...string) {
		t.Helper()
		output, err := command(script, args...)
		require.Error(t, err)
		assert.Equal(t, "packages: "+want+"\n", output)
	}
	f("usage: packages.sh VERSION BINARY", "0.1.0")
	f("v1 is no version such as 1.2.3", "v1", script)
	f("/no/binary is not there: run make build", "0.1.0", "/no/binary")
	f(script+" is for neither amd64 nor arm64 Linux", "0.1.0", script)
}

// packageFile finds a file that `make packages` has written, of the binary under test.
func packageFile(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(testutil.Root(t), "build", "packages", pattern))
	require.NoError(t, err)
	require.Len(t, found, 1, "one %s in build/packages: run make packages", pattern)
	return found[0]
}

// glibcFloor gives the newest version of glibc that the binary names a symbol of.
func glibcFloor(t *testing.T) string {
	t.Helper()
	binary, err := elf.Open(testutil.Binary(t))
	require.NoError(t, err)
	defer binary.Close()
	symbols, err := binary.ImportedSymbols()
	require.NoError(t, err)
	var floor, minor int
	for _, symbol := range symbols {
		if _, err := fmt.Sscanf(symbol.Version, "GLIBC_2.%d", &minor); err == nil {
			floor = max(floor, minor)
		}
	}
	return fmt.Sprintf("2.%d", floor)
}

// awaitService waits until the service says that it is well, and gives its process id.
func awaitService(t *testing.T) (pid string) {
	t.Helper()
	var output string
	require.Eventually(t, func() bool {
		var err error
		output, err = command("/usr/bin/otelcol-guardian", "health")
		return err == nil
	}, serviceLimit, 100*time.Millisecond, "the service is not well: %s\n%s", output, journal())
	return strings.TrimSpace(must(t, "systemctl", "show", "--property=MainPID", "--value", "otelcol-guardian"))
}

// journal gives the service's last words.
func journal() string {
	words, _ := command("journalctl", "--no-pager", "-n", "40", "-u", "otelcol-guardian") // Without a journal there are none.
	return words
}

func assertInstalled(t *testing.T) {
	t.Helper()
	for path, want := range map[string]string{
		"/usr/bin/otelcol-guardian":                                               "-rwxr-xr-x root root",
		"/etc/otelcol-guardian":                                                   "drwxr-x--- root " + serviceUser,
		serviceConfig:                                                             "-rw-r----- root " + serviceUser,
		"/etc/otelcol-guardian/otelcol-guardian.env":                              "-rw-r----- root " + serviceUser,
		serviceState:                                                              "drwxr-x--- " + serviceUser + " " + serviceUser,
		"/usr/share/otelcol-guardian/configs/gateway.yaml":                        "-rw-r--r-- root root",
		"/usr/share/otelcol-guardian/monitoring/rules/drift.yaml":                 "-rw-r--r-- root root",
		"/usr/share/otelcol-guardian/monitoring/runbooks":                         "drwxr-xr-x root root",
		"/usr/share/man/man1/otelcol-guardian.1.gz":                               "-rw-r--r-- root root",
		"/usr/lib/systemd/system/otelcol-guardian.service":                        "-rw-r--r-- root root",
		"/etc/systemd/system/multi-user.target.wants/" + serviceUser + ".service": "lrwxrwxrwx root root",
	} {
		got := must(t, "stat", "--format=%A %U %G", path)
		assert.Equal(t, want+"\n", got, path)
	}
	same := must(t, "sh", "-c", "cmp /usr/bin/otelcol-guardian "+testutil.Binary(t)+" && echo same")
	assert.Equal(t, "same\n", same, "the package holds the binary under test")
}

// assertHardened looks at the service's process as the kernel shows it.
func assertHardened(t *testing.T, pid string) {
	t.Helper()
	account, err := user.Lookup(serviceUser)
	require.NoError(t, err)
	status, err := os.ReadFile("/proc/" + pid + "/status")
	require.NoError(t, err)
	for _, line := range []string{
		"Uid:\t" + strings.Join([]string{account.Uid, account.Uid, account.Uid, account.Uid}, "\t"),
		"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2",
	} {
		assert.Contains(t, string(status), line+"\n")
	}
	limits, err := os.ReadFile("/proc/" + pid + "/limits")
	require.NoError(t, err)
	assert.Regexp(t, fmt.Sprintf(`Max open files +%d `, min(65536, mostOpenFiles(t))), string(limits))

	mounts, err := os.ReadFile("/proc/" + pid + "/mountinfo")
	require.NoError(t, err)
	assert.Regexp(t, `(?m)^\d+ \d+ \S+ \S+ / ro,`, string(mounts), "the root is read-only to it")
	assert.Regexp(t, `(?m) `+serviceState+` rw,`, string(mounts), "its state is not")
}

// mostOpenFiles is what this process may raise its own limit to: without CAP_SYS_RESOURCE systemd can give no more.
func mostOpenFiles(t *testing.T) int {
	t.Helper()
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	return int(min(limit.Max, 1<<30))
}

// sendThroughService sends a span, a log record, a metric and an event to the usual ports, and finds them where the packaged
// configuration puts them.
func sendThroughService(t *testing.T, name string) {
	t.Helper()
	slug := strings.ReplaceAll(name, " ", "_")
	now := time.Now().UnixNano()
	resource := `"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "package-test"}}]}`
	postJSON(t, "http://localhost:4318/v1/traces", fmt.Sprintf(`{"resourceSpans": [{%s, "scopeSpans": [{"spans": [
		{"traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708", "name": %q, "startTimeUnixNano": "%d", "endTimeUnixNano": "%d"}]}]}]}`, resource, slug, now, now))
	postJSON(t, "http://localhost:4318/v1/logs", fmt.Sprintf(`{"resourceLogs": [{%s, "scopeLogs": [{"logRecords": [
		{"timeUnixNano": "%d", "body": {"stringValue": %q}}]}]}]}`, resource, now, slug))
	postJSON(t, "http://localhost:4318/v1/metrics", fmt.Sprintf(`{"resourceMetrics": [{%s, "scopeMetrics": [{"metrics": [
		{"name": %q, "gauge": {"dataPoints": [{"timeUnixNano": "%d", "asInt": "1"}]}}]}]}]}`, resource, slug, now))
	postJSON(t, "http://localhost:4319/v1/requests", fmt.Sprintf(`{"request_id": "%s-%d", "model": %q, "duration_s": 1, "status": "success"}`, slug, now, slug))

	require.Eventually(t, func() bool {
		return fileHolds(serviceState+"/traces.jsonl", `"name":"`+slug+`"`) && fileHolds(serviceState+"/logs.jsonl", `"stringValue":"`+slug+`"`)
	}, serviceLimit, 100*time.Millisecond, "%s: the files in %s", name, serviceState)
	require.Eventually(t, func() bool {
		page := getBody(t, "http://localhost:8889/metrics")
		return strings.Contains(page, "\n"+slug+`{job="package-test"} 1`) && regexp.MustCompile(`ml_requests_total\{[^}]*model_name="`+slug+`"[^}]*\} 1\n`).MatchString(page)
	}, serviceLimit, 100*time.Millisecond, "%s: the page", name)
}

// assertRotates lets the service rotate a file, which changes the owner of the new one to what it is: a system call that
// hardening may forbid.
func assertRotates(t *testing.T) {
	t.Helper()
	before, err := os.ReadFile(serviceConfig)
	require.NoError(t, err)
	edit(t, "max_megabytes: 100", "max_megabytes: 1")
	must(t, "systemctl", "restart", "otelcol-guardian")
	awaitService(t)
	record := `{"body": {"stringValue": "` + strings.Repeat("x", 1<<10) + `"}}`
	batch := `{"resourceLogs": [{"scopeLogs": [{"logRecords": [` + strings.Repeat(record+",", 300) + record + `]}]}]}`
	for range 8 {
		postJSON(t, "http://localhost:4318/v1/logs", batch)
	}
	require.Eventually(t, func() bool {
		rotated, err := filepath.Glob(serviceState + "/logs-*.jsonl")
		return err == nil && len(rotated) > 0
	}, serviceLimit, 100*time.Millisecond, "no rotated file:\n%s", journal())
	require.NoError(t, os.WriteFile(serviceConfig, before, 0o640))
	must(t, "systemctl", "restart", "otelcol-guardian")
	awaitService(t)
}

// leftBehind gives what differs from the machine before, apart from the package managers' own books and logs.
func leftBehind(t *testing.T, box *sandbox.Box) []string {
	t.Helper()
	changed := box.Changes(t, "/etc", "/usr", "/var", "/opt", "/srv")
	return slices.DeleteFunc(changed, func(path string) bool {
		for _, own := range []string{
			"/var/lib/dpkg/", "/var/log/", "/var/cache/", "/var/lib/rpm", "/var/lib/systemd", "/etc/passwd-", "/etc/group-", "/etc/shadow-",
			"/etc/gshadow-", "/etc/.pwd.lock", "/etc/subuid-", "/etc/subgid-", "/etc/machine-id",
		} {
			if strings.HasPrefix(path, own) {
				return true
			}
		}
		return false
	})
}

// edit replaces a text in the service's configuration.
func edit(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(serviceConfig)
	require.NoError(t, err)
	require.Contains(t, string(text), from)
	require.NoError(t, os.WriteFile(serviceConfig, bytes.ReplaceAll(text, []byte(from), []byte(to)), 0o640))
}

func command(name string, args ...string) (output string, err error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	combined, err := cmd.CombinedOutput()
	return string(combined), err
}

func must(t *testing.T, name string, args ...string) (output string) {
	t.Helper()
	output, err := command(name, args...)
	require.NoError(t, err, "%s %q: %s", name, args, output)
	return output
}

func postJSON(t *testing.T, url, body string) {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s: %s", url, answer)
}

func getBody(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

func listens(address string) bool {
	connection, err := net.Dial("tcp", address)
	return err == nil && connection.Close() == nil
}

func fileHolds(path, text string) bool {
	content, err := os.ReadFile(path)
	return err == nil && strings.Contains(string(content), text)
}
