// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// postgresBin is where Debian puts the server's programs.
const postgresBin = "/usr/lib/postgresql/15/bin"

// Postgres is a running PostgreSQL with pg_stat_statements in its database "postgres".
type Postgres struct {
	*Process
	Addr     string // host:port
	User     string // the superuser
	Password string
	DSN      string // of the database "postgres"
}

// StartPostgres starts a PostgreSQL that asks for a password (SCRAM).
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	_, err := os.Stat(postgresBin)
	require.NoError(t, err, "PostgreSQL 15 is not installed: %s", howToGet)
	owner := postgresOwner(t)
	dir := ownedTempDir(t, owner)
	data, passwordFile := filepath.Join(dir, "data"), filepath.Join(dir, "password")

	db := &Postgres{User: "postgres", Password: "end-to-end"}
	writeFile(t, passwordFile, db.Password)
	give(t, passwordFile, owner)
	run(t, owner, postgresBin+"/initdb", "--pgdata="+data, "--username="+db.User, "--pwfile="+passwordFile,
		"--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync")

	db.Process = launch(t, 1, func(ports []int) *Process {
		db.Addr = address(ports[0])
		db.DSN = fmt.Sprintf("postgres://%s:%s@%s/postgres?sslmode=disable", db.User, db.Password, db.Addr)
		return &Process{
			name: "PostgreSQL",
			args: []string{
				postgresBin + "/postgres", "-D", data, "-k", dir, "-h", "127.0.0.1", "-p", strconv.Itoa(ports[0]),
				"-c", "shared_preload_libraries=pg_stat_statements",
				"-c", "track_io_timing=on",
			},
			user:    owner,
			stopBy:  syscall.SIGINT, // SIGTERM would wait for clients to leave.
			ready:   db.accepts,
			logPath: filepath.Join(t.TempDir(), "postgres.log"),
		}
	})
	db.Exec(t, "CREATE EXTENSION pg_stat_statements")
	return db
}

// accepts is the readiness check: a server that still recovers listens, but turns clients away.
func (p *Postgres) accepts(ctx context.Context) error {
	return exec.CommandContext(ctx, postgresBin+"/pg_isready", "--quiet", "--dbname="+p.DSN).Run()
}

// Exec runs SQL as the superuser and returns the rows, one per line, columns parted by "|".
func (p *Postgres) Exec(t testing.TB, sql string) string {
	t.Helper()
	return strings.TrimSuffix(run(t, nil,
		postgresBin+"/psql", p.DSN, "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", "--command="+sql), "\n")
}

// postgresOwner is who runs PostgreSQL: it refuses root, so then it is the account that Debian made for it.
func postgresOwner(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	require.NoError(t, err, "PostgreSQL does not run as root and its account is not there: %s", howToGet)
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	require.NoError(t, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// ownedTempDir is t.TempDir for another user: the folders above that of t.TempDir are closed to everyone else.
func ownedTempDir(t testing.TB, owner *syscall.Credential) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e-postgres-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	give(t, dir, owner)
	return dir
}

func give(t testing.TB, path string, owner *syscall.Credential) {
	t.Helper()
	if owner != nil {
		require.NoError(t, os.Chown(path, int(owner.Uid), int(owner.Gid)))
	}
}
