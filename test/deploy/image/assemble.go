// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Source is where a stage's files stand here: the file that path would be in the stage.
type Source func(path string) string

// Assemble makes the image of a target, or of the last stage for "". What COPY takes without --from comes from below context;
// sources gives the stages that COPY --from names. RUN is an error in the stages that end up in the image: what it did
// could not be told from the file.
func Assemble(dockerfile, target, context string, sources map[string]Source) (v1.Image, error) {
	stages, err := parse(dockerfile)
	if err != nil {
		return nil, err
	}
	instructions, err := lineage(stages, target)
	if err != nil {
		return nil, err
	}
	a := assembler{context: context, sources: sources, files: map[string]entry{}}
	for _, i := range instructions {
		if err := a.apply(i); err != nil {
			return nil, err
		}
	}
	return a.image()
}

// lineage gives the instructions of a target and of the stages that it is made from, back to scratch.
func lineage(stages []stage, target string) ([]instruction, error) {
	s, err := find(stages, target)
	if err != nil {
		return nil, err
	}
	if s.base == "scratch" {
		return s.instructions, nil
	}
	below, err := lineage(stages, s.base)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return append(slices.Clip(below), s.instructions...), nil
}

// entry is a file or folder of the image.
type entry struct {
	mode     fs.FileMode
	uid, gid int
	content  []byte
	link     string
}

type assembler struct {
	context string
	sources map[string]Source
	files   map[string]entry // by path without the leading slash
	config  v1.Config
}

func (a *assembler) apply(i instruction) (err error) {
	switch i.name {
	case "COPY":
		if err := a.copy(i); err != nil {
			return fmt.Errorf("line %d: COPY %s: %w", i.line, i.rest, err)
		}
	case "ENV":
		name, value, err := i.pair()
		a.config.Env = append(a.config.Env, name+"="+value)
		return err
	case "LABEL":
		name, value, err := i.pair()
		if a.config.Labels == nil {
			a.config.Labels = map[string]string{}
		}
		a.config.Labels[name] = value
		return err
	case "USER":
		a.config.User = i.rest
	case "WORKDIR":
		a.config.WorkingDir = i.rest
	case "EXPOSE":
		a.config.ExposedPorts = map[string]struct{}{}
		for port := range strings.FieldsSeq(i.rest) {
			a.config.ExposedPorts[port+"/tcp"] = struct{}{}
		}
	case "ENTRYPOINT":
		a.config.Entrypoint, err = i.list()
	case "CMD":
		a.config.Cmd, err = i.list()
	case "HEALTHCHECK":
		a.config.Healthcheck, err = healthcheck(i)
	default:
		return fmt.Errorf("line %d: %s cannot be followed without a Docker engine", i.line, i.name)
	}
	return err
}

func healthcheck(i instruction) (*v1.HealthConfig, error) {
	command := parseInstruction(i.line, i.rest)
	words, err := command.list()
	if err != nil || command.name != "CMD" {
		return nil, fmt.Errorf("line %d: HEALTHCHECK wants CMD and a list: %w", i.line, err)
	}
	check := &v1.HealthConfig{Test: append([]string{"CMD"}, words...)}
	into := map[string]*time.Duration{"interval": &check.Interval, "timeout": &check.Timeout, "start-period": &check.StartPeriod}
	for flag, value := range i.flags {
		if into[flag] == nil {
			return nil, fmt.Errorf("line %d: --%s is not read", i.line, flag)
		}
		if *into[flag], err = time.ParseDuration(value); err != nil {
			return nil, fmt.Errorf("line %d: --%s: %w", i.line, flag, err)
		}
	}
	return check, nil
}

// copy does what COPY does: patterns are expanded, a folder gives its content, and a target that ends with a slash is a folder.
func (a *assembler) copy(i instruction) error {
	owner, mode, err := ownerAndMode(i)
	if err != nil {
		return err
	}
	source := Source(func(p string) string { return filepath.Join(a.context, p) })
	if stage, from := i.flags["from"]; from {
		if source = a.sources[stage]; source == nil {
			return fmt.Errorf("nothing stands in for stage %s", stage)
		}
	}
	words := strings.Fields(i.rest)
	patterns, target := words[:len(words)-1], words[len(words)-1]
	for _, pattern := range patterns {
		found, err := filepath.Glob(source(pattern))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("no file is %s", pattern)
		}
		for _, file := range found {
			if err := a.copyOne(file, target, owner, mode); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *assembler) copyOne(file, target string, owner [2]int, mode fs.FileMode) error {
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if strings.HasSuffix(target, "/") {
			target = path.Join(target, filepath.Base(file))
		}
		return a.add(file, target, owner, mode)
	}
	return filepath.WalkDir(file, func(p string, _ fs.DirEntry, err error) error {
		if err != nil || p == file {
			return err
		}
		inner, err := filepath.Rel(file, p)
		if err != nil {
			return err
		}
		return a.add(p, path.Join(target, inner), owner, mode)
	})
}

// add takes one file or folder, with the folders above it.
func (a *assembler) add(file, target string, owner [2]int, mode fs.FileMode) error {
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	e := entry{mode: info.Mode(), uid: owner[0], gid: owner[1]}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		e.link, err = os.Readlink(file)
	case info.IsDir():
	case info.Mode().IsRegular():
		e.content, err = os.ReadFile(file)
		if mode != 0 {
			e.mode = mode
		}
	default:
		err = fmt.Errorf("%s is neither file, folder nor link", file)
	}
	if err != nil {
		return err
	}
	name := strings.TrimPrefix(path.Clean("/"+target), "/")
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, there := a.files[dir]; !there {
			a.files[dir] = entry{mode: fs.ModeDir | 0o755}
		}
	}
	a.files[name] = e
	return nil
}

func ownerAndMode(i instruction) (owner [2]int, mode fs.FileMode, err error) {
	for flag, value := range i.flags {
		switch flag {
		case "from":
		case "chown":
			if _, err := fmt.Sscanf(value, "%d:%d", &owner[0], &owner[1]); err != nil {
				return owner, 0, fmt.Errorf("--chown wants numbers, as 1:1, got %s", value)
			}
		case "chmod":
			bits, err := strconv.ParseUint(value, 8, 12)
			if err != nil {
				return owner, 0, err
			}
			mode = fs.FileMode(bits)
		default:
			return owner, 0, fmt.Errorf("--%s is not read", flag)
		}
	}
	return owner, mode, nil
}

// image packs the files into one layer. The same files give the same digest: they are sorted and have no time.
func (a *assembler) image() (v1.Image, error) {
	var archive bytes.Buffer
	out := tar.NewWriter(&archive)
	names := make([]string, 0, len(a.files))
	for name := range a.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := writeEntry(out, name, a.files[name]); err != nil {
			return nil, err
		}
	}
	if err := out.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive.Bytes())), nil
	}, tarball.WithCompressionLevel(1))
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", "amd64", a.config
	return mutate.ConfigFile(image, file)
}

func writeEntry(out *tar.Writer, name string, e entry) error {
	header := &tar.Header{Name: name, Mode: int64(e.mode.Perm()), Uid: e.uid, Gid: e.gid, Typeflag: tar.TypeReg, Size: int64(len(e.content))}
	if e.mode&fs.ModeSticky != 0 {
		header.Mode |= 0o1000
	}
	switch {
	case e.link != "":
		header.Typeflag, header.Linkname = tar.TypeSymlink, e.link
	case e.mode.IsDir():
		header.Typeflag, header.Name = tar.TypeDir, name+"/"
	}
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	_, err := out.Write(e.content)
	return err
}

// Unpack writes the files of an image below a folder, with their owners and modes: as root.
func Unpack(image v1.Image, folder string) (err error) {
	content := mutate.Extract(image)
	defer func() { err = errors.Join(err, content.Close()) }()
	in := tar.NewReader(content)
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := unpackOne(in, header, filepath.Join(folder, filepath.Clean("/"+header.Name))); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

func unpackOne(in io.Reader, header *tar.Header, target string) error {
	mode := header.FileInfo().Mode()
	switch header.Typeflag {
	case tar.TypeDir:
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
	case tar.TypeSymlink:
		return os.Symlink(header.Linkname, target)
	case tar.TypeReg:
		file, err := os.Create(target)
		if err != nil {
			return err
		}
		if _, err := io.Copy(file, in); err != nil {
			return errors.Join(err, file.Close())
		}
		if err := file.Close(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("a %c is neither file, folder nor link", header.Typeflag)
	}
	if err := os.Chown(target, header.Uid, header.Gid); err != nil {
		return err
	}
	return os.Chmod(target, mode) // Last: a new owner takes the sticky bit away.
}
