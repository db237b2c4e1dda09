// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"
)

// init program and its unit that runs the test.
const (
	systemd  = "/lib/systemd/systemd"
	unitName = "guardian-sandbox.service"
)

// devices are what a service finds in /dev.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// Enter turns a process that Run has started into the init process of a sandbox; in any other process it returns at once.
func Enter() {
	if os.Getenv(stageVariable) != stageSetup {
		return
	}
	if err := enter(os.Getenv(roomVariable)); err != nil {
		panic(fmt.Sprintf("cannot make the sandbox: %v", err)) // There is no test yet that could fail.
	}
}

// enter makes the sandbox and becomes its systemd. It returns only if that fails.
func enter(room string) error {
	root, err := copyOfMachine(room)
	if err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("cannot bring up the loopback interface: %w", err)
	}
	if err := writeUnit(root, room); err != nil {
		return err
	}
	if err := syscall.Chroot(root); err != nil {
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	env := []string{"container=guardian-sandbox", "PATH=" + os.Getenv("PATH")}
	return fmt.Errorf("cannot start %s: %w", systemd, syscall.Exec(systemd, []string{systemd, "--system", "--unit=" + unitName, "--log-target=null"}, env))
}

// copyOfMachine mounts an overlay over the machine's root, with proc, sys, dev and run of its own, and the room at its own
// path: there the test finds what has changed, and what was there.
func copyOfMachine(room string) (root string, err error) {
	memory := filepath.Join(room, "memory")
	root, changes, work := filepath.Join(memory, "root"), filepath.Join(memory, "changes"), filepath.Join(memory, "work")
	err = errors.Join(
		mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
		os.MkdirAll(memory, 0o700),
		mount("tmpfs", memory, "tmpfs", 0, "mode=755"),
		os.Mkdir(root, 0o755), os.Mkdir(changes, 0o755), os.Mkdir(work, 0o700))
	if err != nil {
		return "", err
	}
	in := func(path string) string { return filepath.Join(root, path) }
	err = errors.Join(
		mount("overlay", root, "overlay", 0, fmt.Sprintf("lowerdir=/,upperdir=%s,workdir=%s", changes, work)),
		mount("proc", in("proc"), "proc", 0, ""),
		mount("/sys", in("sys"), "", syscall.MS_BIND|syscall.MS_REC, ""),
		mount("tmpfs", in("sys/fs/cgroup"), "tmpfs", 0, ""),
		mount("cgroup2", in("sys/fs/cgroup"), "cgroup2", 0, ""),
		mount("tmpfs", in("run"), "tmpfs", 0, "mode=755"),
		mount("tmpfs", in("dev"), "tmpfs", 0, "mode=755"),
		makeDevices(in("dev")))
	if err != nil {
		return "", err
	}
	return root, errors.Join(
		checkout(root),
		bind(room, in(room)),
		bind(changes, filepath.Join(in(room), "changes")),
		bind("/", filepath.Join(in(room), "machine")))
}

// checkout shows the working folder where it lies on a file system of its own, which the overlay does not show.
func checkout(root string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == "/" {
			return errors.New("no go.mod above the working folder")
		}
		dir = filepath.Dir(dir)
	}
	var of, ofRoot syscall.Stat_t
	if err := errors.Join(syscall.Stat(dir, &of), syscall.Stat("/", &ofRoot)); err != nil {
		return err
	}
	if of.Dev == ofRoot.Dev {
		return nil
	}
	return bind(dir, filepath.Join(root, dir))
}

func makeDevices(dev string) error {
	errs := []error{
		os.Symlink("/proc/self/fd", filepath.Join(dev, "fd")),
		os.Mkdir(filepath.Join(dev, "shm"), 0o1777),
		os.WriteFile(filepath.Join(dev, "console"), nil, 0o600),
		mount("/dev/null", filepath.Join(dev, "console"), "", syscall.MS_BIND, ""),
	}
	for _, name := range devices {
		path := filepath.Join(dev, name)
		errs = append(errs, os.WriteFile(path, nil, 0o600), mount("/dev/"+name, path, "", syscall.MS_BIND, ""))
	}
	return errors.Join(errs...)
}

func bind(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	return mount(from, to, "", syscall.MS_BIND, "")
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("cannot mount %s at %s: %w", source+kind, target, err)
	}
	return nil
}

// loopbackUp does what `ip link set lo up` does.
func loopbackUp() (err error) {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, syscall.Close(socket)) }()
	request := struct { // struct ifreq
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: syscall.IFF_UP}
	copy(request.name[:], "lo")
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(socket), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return errno
	}
	return nil
}

// writeUnit makes the service that runs the test and then ends the sandbox with the test's exit code.
func writeUnit(root, room string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	environment := []string{stageVariable + "=" + stageTest}
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); name != stageVariable {
			environment = append(environment, pair)
		}
	}
	var unit strings.Builder
	fmt.Fprintf(&unit, `[Unit]
DefaultDependencies=no
Wants=systemd-journald.service
After=systemd-journald.service
[Service]
Type=oneshot
TimeoutStartSec=infinity
WorkingDirectory=-%s
StandardOutput=append:%s/log
StandardError=append:%s/log
ExecStart=%s -test.run=^%s$$ -test.v -test.timeout=20m
ExecStopPost=/bin/sh -c 'systemctl exit --no-block "$$EXIT_STATUS"'
`, dir, room, room, os.Args[0], os.Getenv(testVariable))
	for _, pair := range environment {
		fmt.Fprintf(&unit, "Environment=%q\n", strings.ReplaceAll(pair, "%", "%%"))
	}
	units := filepath.Join(root, "run", "systemd", "system")
	if err := os.MkdirAll(units, 0o755); err != nil {
		return err
	}
	// A start that empties /tmp, or mounts another one, would take the test and its files away.
	for _, path := range []string{filepath.Join(units, "tmp.mount"), filepath.Join(root, "run", "tmpfiles.d", "tmp.conf")} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink("/dev/null", path)); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(units, unitName), []byte(unit.String()), 0o600)
}
