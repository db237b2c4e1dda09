// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file URLs
	_ "gocloud.dev/blob/gcsblob"  // gs URLs
	_ "gocloud.dev/blob/s3blob"   // s3 URLs
	"gocloud.dev/gcerrors"
)

// Version tells two contents of a file apart without reading them.
type Version struct {
	Modified int64 // Unix nanoseconds
	Size     int64
	Tag      string // ETag of an object store
}

// Stat returns the version of a file. The error wraps fs.ErrNotExist if there is no file.
func Stat(ctx context.Context, location string) (Version, error) {
	bucketURL, key, remote := split(location)
	if !remote {
		info, err := os.Stat(location)
		if err != nil {
			return Version{}, err
		}
		if !info.Mode().IsRegular() {
			return Version{}, fmt.Errorf("%s is no file", location)
		}
		return Version{Modified: info.ModTime().UnixNano(), Size: info.Size()}, nil
	}
	bucket, err := blob.OpenBucket(ctx, bucketURL)
	if err != nil {
		return Version{}, fmt.Errorf("cannot open %s: %w", bucketURL, err)
	}
	attributes, err := bucket.Attributes(ctx, key)
	if err := errors.Join(found(location, err), bucket.Close()); err != nil {
		return Version{}, err
	}
	return Version{Modified: attributes.ModTime.UnixNano(), Size: attributes.Size, Tag: attributes.ETag}, nil
}

// found says of an error of an object store what it means.
func found(location string, err error) error {
	if err != nil && gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("cannot find %s: %w", location, fs.ErrNotExist)
	}
	return err
}

// Load reads a file that Stat has found. The error says what is wrong with it.
func Load(ctx context.Context, location string, version Version, s Settings) (*Set, error) {
	s = s.withDefaults()
	if s.ID == "" {
		s.ID, _, _ = strings.Cut(location, "?") // the query holds settings of the store
	}
	if s.Created.IsZero() && version.Modified > 0 {
		s.Created = time.Unix(0, version.Modified)
	}
	set, err := load(ctx, location, version.Size, s)
	if err != nil {
		return nil, fmt.Errorf("cannot use the reference %s: %w", s.ID, err)
	}
	return set, nil
}

func load(ctx context.Context, location string, size int64, s Settings) (*Set, error) {
	bucketURL, key, remote := split(location)
	if !remote {
		file, err := os.Open(location)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return Read(file, size, s)
	}
	if size > s.MaxBytes {
		return nil, fmt.Errorf("it has %d bytes, at most %d are read: make a compact one of it with `otelcol-guardian reference build`", size, s.MaxBytes)
	}
	bucket, err := blob.OpenBucket(ctx, bucketURL)
	if err != nil {
		return nil, err
	}
	body, err := bucket.ReadAll(ctx, key)
	if err := errors.Join(err, bucket.Close()); err != nil {
		return nil, err
	}
	return Read(bytes.NewReader(body), int64(len(body)), s)
}

// Read makes references of a file, whatever its format.
func Read(r io.ReaderAt, size int64, s Settings) (*Set, error) {
	s = s.withDefaults()
	if err := s.check(); err != nil {
		return nil, err
	}
	head := make([]byte, min(size, 512))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	trimmed := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	section := io.NewSectionReader(r, 0, size)
	var all *columns
	var err error
	switch {
	case len(trimmed) == 0:
		return nil, errors.New("it is empty")
	case bytes.HasPrefix(head, []byte(magic)):
		return readParquet(r, size, s)
	case trimmed[0] == '{':
		all, err = readJSONLines(section, s.MaxValues)
	default:
		all, err = readCSV(section, s.MaxValues)
	}
	if err != nil {
		return nil, err
	}
	return new(Set).finish(all, s)
}

// Write writes a file as a whole: who reads it meanwhile sees the old one or the new one.
func Write(ctx context.Context, location string, content []byte) error {
	bucketURL, key, remote := split(location)
	if !remote {
		return replace(location, content)
	}
	bucket, err := blob.OpenBucket(ctx, bucketURL)
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", bucketURL, err)
	}
	return errors.Join(bucket.WriteAll(ctx, key, content, nil), bucket.Close())
}

func replace(location string, content []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(location), "."+filepath.Base(location)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(content)
	if err := errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), location)
}

// split takes a URL apart into that of a bucket and a key in it. What is no URL is a path.
func split(location string) (bucketURL, key string, remote bool) {
	scheme, rest, remote := strings.Cut(location, "://")
	if !remote {
		return "", "", false
	}
	rest, query, queried := strings.Cut(rest, "?")
	bucket, key, _ := strings.Cut(rest, "/")
	if scheme == "file" {
		bucket, key = path.Dir(rest), path.Base(rest)
	}
	bucketURL = scheme + "://" + bucket
	if queried {
		bucketURL += "?" + query
	}
	return bucketURL, key, true
}
