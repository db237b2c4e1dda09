// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// container is a process that runs in an image as a container runtime would run it under a strict policy: files, processes and
// network of its own, a read-only root with a tmpfs at /tmp and volumes, the image's user and environment, no privilege to gain.
type container struct {
	pid    int
	log    *syncBuffer
	exited chan struct{}
	err    error
}

// volume is a folder of the machine that stands at a path of the container.
type volume struct{ from, at string }

// start runs the image's entrypoint with its command, or with other arguments.
func start(t *testing.T, image v1.Image, root string, volumes []volume, env, args []string) *container {
	t.Helper()
	require.Zero(t, os.Geteuid(), "chroot and mount need root")
	file, err := image.ConfigFile()
	require.NoError(t, err)
	config := file.Config
	if args == nil {
		args = config.Cmd
	}
	script := `set -e
root=$1 directory=$2 user=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mkdir -p "$root/proc" "$root/dev"
# As runtimes do.
printf '127.0.0.1 localhost\n' > "$root/etc/hosts"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero random urandom; do touch "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
while [ "$1" != -- ]; do mount --bind "$1" "$root$2"; shift 2; done
shift
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs chroot --userspec="$user" "$root" "$@"
`
	words := []string{"-c", script, "sh", root, config.WorkingDir, config.User}
	for _, v := range volumes {
		words = append(words, v.from, v.at)
	}
	words = append(append(append(words, "--"), config.Entrypoint...), args...)
	cmd := exec.Command("/bin/sh", words...)
	// chroot is found by its path; the image's environment has none.
	cmd.Env = append(append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, config.Env...), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}
	c := &container{log: &syncBuffer{}, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = c.log, c.log
	started := make(chan error)
	go func() {
		// The kernel kills the child when the thread that has started it ends, so it must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
			close(c.exited)
		}
	}()
	require.NoError(t, <-started)
	c.pid = cmd.Process.Pid
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // It may have ended already.
		<-c.exited
		if t.Failed() {
			t.Logf("the container said:\n%s", c.log)
		}
	})
	require.NoError(t, c.inNetwork(loopbackUp))
	return c
}

// run waits for a container to end and gives what it printed.
func run(t *testing.T, image v1.Image, root string, args ...string) (output string, err error) {
	t.Helper()
	c := start(t, image, root, nil, nil, args)
	select {
	case <-c.exited:
	case <-time.After(time.Minute):
		require.FailNow(t, "it did not end", "%q: %s", args, c.log)
	}
	return c.log.String(), c.err
}

// stop ends the process as a runtime does.
func (c *container) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, syscall.Kill(c.pid, syscall.SIGTERM))
	select {
	case <-c.exited:
		require.NoError(t, c.err, "exit after SIGTERM")
	case <-time.After(30 * time.Second):
		require.FailNow(t, "it did not end after SIGTERM")
	}
}

// inNetwork runs f on a thread that stands in the container's network.
func (c *container) inNetwork(f func() error) error {
	done := make(chan error)
	go func() {
		// Not unlocked: the thread ends with the goroutine, and nobody else gets it with the container's network.
		runtime.LockOSThread()
		done <- func() error {
			namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", c.pid))
			if err != nil {
				return err
			}
			defer namespace.Close()
			if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
				return err
			}
			return f()
		}()
	}()
	return <-done
}

func loopbackUp() (err error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(socket)) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}

// client sends requests from inside the container's network, to addresses in numbers.
func (c *container) client() *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			err = c.inNetwork(func() error {
				var dialer net.Dialer
				conn, err = dialer.DialContext(ctx, network, address)
				return err
			})
			return conn, err
		},
	}}
}

// runInStage runs a RUN instruction over a copy of this machine and gives the folder with what it has written.
func runInStage(t *testing.T, shell string) (written string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"changes", "work", "root"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	script := `mount --make-rprivate / && mount -t overlay overlay -o "lowerdir=/,upperdir=$1/changes,workdir=$1/work" "$1/root" && exec chroot "$1/root" /bin/sh -c "$2"`
	output, err := exec.Command("unshare", "--mount", "/bin/sh", "-ec", script, "sh", dir, shell).CombinedOutput()
	require.NoError(t, err, "RUN %s: %s", shell, output)
	return filepath.Join(dir, "changes")
}

// syncBuffer is a buffer that a process writes while a test reads.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.ToValidUTF8(b.text.String(), "?")
}
