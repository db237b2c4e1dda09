// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
)

// The layout of a bbolt file, version 2, in the byte order of the machine.
const (
	boltMagic         = 0xED0CDAED
	boltVersion       = 2
	boltMetaBytes     = 64
	boltPageHeader    = 16
	boltElement       = 16
	boltBucketHeader  = 16
	boltBranchPage    = 0x01
	boltLeafPage      = 0x02
	boltFreelistPage  = 0x10
	boltBucketElement = 0x01
	boltNoFreelist    = math.MaxUint64
	boltFirstDataPage = 2
	boltMinPage       = 1 << 10
	boltMaxPage       = 16 << 20
	boltMaxDepth      = 32
	boltMaxKey        = 32 << 10
	fileStorageBucket = "default"
)

var native = binary.NativeEndian

// errMetaLost means that one of the two meta pages is damaged and everything reachable from the other is in order. A closed file
// can be opened then, as it was before the last transaction or the one before it. In an open one, bbolt would mix the two.
var errMetaLost = damaged("one of the two meta pages is lost")

// checkBolt says whether bbolt can open, read and write a file of file_storage without a panic, a fault, an endless loop or an
// absurd allocation: everything that is reachable from the meta page in force lies inside the file, inside its page, is of
// the right type, in order, and is referenced once. The bytes of the values are not looked at. The error wraps errDamaged,
// or is the error of reading the file.
func checkBolt(file io.ReaderAt, size int64) error {
	meta, err := readBoltMeta(file, size)
	if err != nil {
		return err
	}
	c := boltCheck{file: file, pageSize: meta.pageSize, seen: make([]bool, meta.pages)}
	if err := c.freelist(meta.freelist); err != nil {
		return err
	}
	if err := c.root(meta.root); err != nil {
		return err
	}
	if meta.alone {
		return errMetaLost
	}
	return nil
}

func damaged(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, errDamaged)...)
}

type boltMeta struct {
	pageSize int64
	pages    uint64 // the pages in use are below this number
	root     uint64
	freelist uint64
	txid     uint64
	alone    bool // the other meta page is not valid
}

// readBoltMeta returns the meta page that bbolt would choose: of the first two pages the valid one, or the later one.
func readBoltMeta(file io.ReaderAt, size int64) (boltMeta, error) {
	meta, err := readBoltMetaAt(file, 0)
	if err == nil {
		other, otherErr := readBoltMetaAt(file, meta.pageSize)
		if otherErr == nil && other.txid > meta.txid {
			meta = other
		}
		meta.alone = otherErr != nil
	}
	for at := int64(boltMinPage); err != nil && at <= boltMaxPage; at *= 2 {
		meta, err = readBoltMetaAt(file, at)
		meta.alone = true
	}
	if err != nil {
		return boltMeta{}, err
	}
	if meta.pageSize < boltMinPage || meta.pageSize > boltMaxPage || meta.pageSize&(meta.pageSize-1) != 0 {
		return boltMeta{}, damaged("page size %d", meta.pageSize)
	}
	if meta.pages > uint64(size/meta.pageSize) {
		return boltMeta{}, damaged("file of %d bytes is truncated: it should have %d pages of %d bytes", size, meta.pages, meta.pageSize)
	}
	return meta, nil
}

func readBoltMetaAt(file io.ReaderAt, at int64) (boltMeta, error) {
	buf := make([]byte, boltMetaBytes)
	if err := readFullAt(file, buf, at+boltPageHeader); err != nil {
		return boltMeta{}, err
	}
	sum := fnv.New64a()
	sum.Write(buf[:56])
	if native.Uint32(buf) != boltMagic || native.Uint32(buf[4:]) != boltVersion || native.Uint64(buf[56:]) != sum.Sum64() {
		return boltMeta{}, damaged("no valid meta page")
	}
	return boltMeta{
		pageSize: int64(native.Uint32(buf[8:])),
		root:     native.Uint64(buf[16:]),
		freelist: native.Uint64(buf[32:]),
		pages:    native.Uint64(buf[40:]),
		txid:     native.Uint64(buf[48:]),
	}, nil
}

// readFullAt fills buf. An early end of the file is damage.
func readFullAt(file io.ReaderAt, buf []byte, at int64) error {
	_, err := file.ReadAt(buf, at)
	if errors.Is(err, io.EOF) {
		return damaged("file ends before offset %d", at+int64(len(buf)))
	}
	return err
}

// boltCheck walks the pages of a file.
type boltCheck struct {
	file     io.ReaderAt
	pageSize int64
	seen     []bool // by page number
}

// boltPage is a page with its overflow pages, or a page inside the value of a bucket.
type boltPage struct {
	file  io.ReaderAt
	at    int64
	size  int64
	head  []byte // the first bytes of the page, read ahead
	flags uint16
	count int
}

// page reads the page with number id and claims it and its overflow pages.
func (c *boltCheck) page(id uint64) (boltPage, error) {
	pages := uint64(len(c.seen))
	if id < boltFirstDataPage || id >= pages {
		return boltPage{}, damaged("page %d is outside the file", id)
	}
	head := make([]byte, c.pageSize)
	if err := readFullAt(c.file, head, int64(id)*c.pageSize); err != nil {
		return boltPage{}, err
	}
	overflow := uint64(native.Uint32(head[12:]))
	if native.Uint64(head) != id || overflow >= pages-id {
		return boltPage{}, damaged("page %d has number %d and %d overflow pages", id, native.Uint64(head), overflow)
	}
	for i := id; i <= id+overflow; i++ {
		if c.seen[i] {
			return boltPage{}, damaged("page %d is referenced twice", i)
		}
		c.seen[i] = true
	}
	p := newBoltPage(head)
	p.file, p.at, p.size = c.file, int64(id)*c.pageSize, int64(overflow+1)*c.pageSize
	return p, nil
}

// newBoltPage returns the page that is wholly in head.
func newBoltPage(head []byte) boltPage {
	return boltPage{size: int64(len(head)), head: head, flags: native.Uint16(head[8:]), count: int(native.Uint16(head[10:]))}
}

// bytes returns n bytes at an offset into the page: an element, a key, or the value that is an inline bucket.
func (p *boltPage) bytes(offset, n int64) ([]byte, error) {
	if n > boltMaxKey {
		return nil, damaged("key of %d bytes", n)
	}
	if offset+n > p.size {
		return nil, damaged("element ends %d bytes after its page", offset+n-p.size)
	}
	if offset+n <= int64(len(p.head)) {
		return p.head[offset : offset+n], nil
	}
	buf := make([]byte, n)
	return buf, readFullAt(p.file, buf, p.at+offset)
}

// element returns the fixed part of element i and its offset into the page.
func (p *boltPage) element(i int) ([]byte, int64, error) {
	offset := boltPageHeader + int64(i)*boltElement
	b, err := p.bytes(offset, boltElement)
	return b, offset, err
}

// leafElement is a key and the place of its value.
type leafElement struct {
	flags     uint32
	key       []byte
	valueAt   int64
	valueSize int64
}

func (p *boltPage) leaf(i int) (leafElement, error) {
	b, at, err := p.element(i)
	if err != nil {
		return leafElement{}, err
	}
	keySize := int64(native.Uint32(b[8:]))
	e := leafElement{flags: native.Uint32(b), valueSize: int64(native.Uint32(b[12:]))}
	keyAt := at + int64(native.Uint32(b[4:]))
	e.valueAt = keyAt + keySize
	if e.valueAt+e.valueSize > p.size {
		return leafElement{}, damaged("value ends after its page")
	}
	e.key, err = p.bytes(keyAt, keySize)
	return e, err
}

func (p *boltPage) branch(i int) (key []byte, child uint64, err error) {
	b, at, err := p.element(i)
	if err != nil {
		return nil, 0, err
	}
	key, err = p.bytes(at+int64(native.Uint32(b)), int64(native.Uint32(b[4:])))
	return key, native.Uint64(b[8:]), err
}

// freelist checks the list of free pages. file_storage never writes one: only a file that was just created has it, empty.
func (c *boltCheck) freelist(id uint64) error {
	if id == boltNoFreelist {
		return nil
	}
	p, err := c.page(id)
	if err != nil {
		return err
	}
	if p.flags != boltFreelistPage || p.count != 0 {
		return damaged("page %d is not an empty list of free pages", id)
	}
	return nil
}

// root checks the page of buckets: the one bucket of file_storage, or none yet.
func (c *boltCheck) root(id uint64) error {
	p, err := c.page(id)
	if err != nil {
		return err
	}
	if p.flags != boltLeafPage || p.count > 1 {
		return damaged("root page %d has type %#x and %d buckets", id, p.flags, p.count)
	}
	if p.count == 0 {
		return nil
	}
	e, err := p.leaf(0)
	if err != nil {
		return err
	}
	if e.flags != boltBucketElement || string(e.key) != fileStorageBucket || e.valueSize < boltBucketHeader || e.valueSize > c.pageSize {
		return damaged("root page %d has no bucket %q", id, fileStorageBucket)
	}
	value, err := p.bytes(e.valueAt, e.valueSize)
	if err != nil {
		return err
	}
	if tree := native.Uint64(value); tree != 0 {
		return c.tree(tree, nil, nil, 0)
	}
	return c.inlineBucket(value[boltBucketHeader:])
}

// inlineBucket checks a bucket that is so small that its page is part of the bucket's value.
func (c *boltCheck) inlineBucket(value []byte) error {
	if len(value) < boltPageHeader {
		return damaged("inline bucket of %d bytes", len(value))
	}
	p := newBoltPage(value)
	// A number would be taken for a page to free when the bucket outgrows its parent.
	if number := native.Uint64(value); number != 0 || p.flags != boltLeafPage {
		return damaged("inline bucket has number %d and type %#x", number, p.flags)
	}
	return p.checkLeaf(nil, nil)
}

// tree checks a page of the bucket and everything below it. Its first key is low and its keys are below high, where nil is
// no bound.
func (c *boltCheck) tree(id uint64, low, high []byte, depth int) error {
	if depth > boltMaxDepth {
		return damaged("tree is deeper than %d pages", boltMaxDepth)
	}
	p, err := c.page(id)
	if err != nil {
		return err
	}
	switch p.flags {
	case boltLeafPage:
		if p.count == 0 && depth > 0 {
			return damaged("page %d is empty", id)
		}
		return p.checkLeaf(low, high)
	case boltBranchPage:
		return c.branches(&p, low, high, depth)
	default:
		return damaged("page %d has type %#x", id, p.flags)
	}
}

func (c *boltCheck) branches(p *boltPage, low, high []byte, depth int) error {
	if p.count == 0 {
		return damaged("branch page is empty")
	}
	order := keyOrder{low: low, high: high}
	key, child, err := p.branch(0)
	if err != nil {
		return err
	}
	for i := range p.count {
		if err := order.next(key); err != nil {
			return err
		}
		from, to, below := key, high, child
		if i+1 < p.count {
			if key, child, err = p.branch(i + 1); err != nil {
				return err
			}
			to = key
		}
		if err := c.tree(below, from, to, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (p *boltPage) checkLeaf(low, high []byte) error {
	order := keyOrder{low: low, high: high}
	for i := range p.count {
		e, err := p.leaf(i)
		if err != nil {
			return err
		}
		if e.flags != 0 {
			return damaged("element has flags %#x", e.flags)
		}
		if err := order.next(e.key); err != nil {
			return err
		}
	}
	return nil
}

// keyOrder checks that the keys of a page start with low, ascend, and stay below high. A page whose first key is not the one
// in its parent would be freed and still be referenced after the next write.
type keyOrder struct{ low, high, last []byte }

func (o *keyOrder) next(key []byte) error {
	switch {
	case len(key) == 0,
		o.last == nil && o.low != nil && !bytes.Equal(key, o.low),
		o.last != nil && bytes.Compare(key, o.last) <= 0,
		o.high != nil && bytes.Compare(key, o.high) >= 0:
		return damaged("key %q is out of order", key[:min(len(key), 32)])
	}
	o.last = key
	return nil
}
