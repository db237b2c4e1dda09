// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// errInUse means that another process holds the file.
var errInUse = errors.New("the file is in use by another process")

// fileStoragePackage is the one storage extension whose files this package knows how to check.
const fileStoragePackage = "github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"

// storageFile is the file behind a storage client of file_storage.
type storageFile struct{ path string }

// findStorageFile returns the file that file_storage uses for a client, or nil for any other storage extension.
//
// The storage API does not tell, so the directory is read out of the extension and the file name is formed as it forms
// it. A test holds both against the pinned version, and a generation whose file does not turn up where it is expected says so.
func findStorageFile(ext storage.Extension, kind component.Kind, id component.ID, name string) *storageFile {
	value := reflect.Indirect(reflect.ValueOf(ext))
	if value.Kind() != reflect.Struct || value.Type().PkgPath() != fileStoragePackage {
		return nil
	}
	config := reflect.Indirect(value.FieldByName("cfg"))
	if config.Kind() != reflect.Struct {
		return nil
	}
	directory := config.FieldByName("Directory")
	if directory.Kind() != reflect.String {
		return nil
	}
	base := safeFileName(strings.Join([]string{strings.ToLower(kind.String()), id.Type().String(), id.Name(), name}, "_"))
	path := filepath.Join(directory.String(), base)
	if _, err := os.Lstat(path); errors.Is(err, syscall.ENAMETOOLONG) {
		digest := sha256.Sum256([]byte(base))
		path = filepath.Join(directory.String(), hex.EncodeToString(digest[:]))
	}
	return &storageFile{path: path}
}

// safeFileName writes every character that file_storage holds to be unsafe in a file name as a tilde and its hexadecimal number.
func safeFileName(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "~%04X", r)
		}
	}
	return b.String()
}

// exists says whether there is a file.
func (f *storageFile) exists() bool {
	_, err := os.Lstat(f.path)
	return err == nil
}

// check verifies the structure of a file that this process has open. The error wraps errDamaged if bbolt must not touch the
// file again.
func (f *storageFile) check() error {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return damaged("the file is gone")
	}
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return checkBolt(file, info.Size())
}

// checkAlone is check for a file that this process has not open. The error is errInUse if another process has: its pages may
// change during the check. A missing or empty file is fine: bbolt initialises it.
func (f *storageFile) checkAlone() error {
	// Network file systems grant the lock for a file that is open for writing only.
	file, err := os.OpenFile(f.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if err := lockFile(file); err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	return checkBolt(file, info.Size())
}

// setAside renames the file so that a fresh one can take its place. It replaces the one set aside before.
func (f *storageFile) setAside() error {
	if err := os.Rename(f.path, f.path+".damaged"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot set the damaged file aside: %w", err)
	}
	return nil
}
