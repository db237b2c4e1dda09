// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
)

// Mode says what is kept of a text.
type Mode string

// The modes. The zero Mode is Drop.
const (
	Drop     Mode = "drop"     // nothing
	Hash     Mode = "hash"     // an HMAC-SHA-256: equal texts can be told to be equal, by those who have the key also what they are
	Redacted Mode = "redacted" // the text without what identifies people or gives access
	Full     Mode = "full"     // the text
)

// MinKeyBytes is the least length of a key for Hash.
const MinKeyBytes = 16

var keyIDs = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Policy says what is kept of texts. It is safe for concurrent use.
type Policy struct {
	mode     Mode
	key      []byte
	prefix   string // of hashes
	patterns []*regexp.Regexp
}

// New returns a policy. The mode Hash needs a key of at least MinKeyBytes; the key ID tells hashes with different keys apart and is, if it
// is empty, the first eight hexadecimal digits of the SHA-256 of the key. Patterns are regular expressions in the syntax of RE2, for
// what is to be masked beside what always is.
func New(mode Mode, key []byte, keyID string, patterns []string) (*Policy, error) {
	p := &Policy{mode: mode, key: key}
	switch mode {
	case "":
		p.mode = Drop
	case Drop, Redacted, Full:
	case Hash:
		if err := p.setKeyID(keyID); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("unknown mode %q of keeping content: use drop, hash, redacted or full", mode)
	}
	for i, pattern := range patterns {
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			return nil, fmt.Errorf("pattern %d, %q, of what is to be masked is not a regular expression: %w", i, pattern, err)
		}
		p.patterns = append(p.patterns, compiled)
	}
	return p, nil
}

func (p *Policy) setKeyID(id string) error {
	if len(p.key) < MinKeyBytes {
		return fmt.Errorf("the key for hashes of content has %d bytes: it needs at least %d", len(p.key), MinKeyBytes)
	}
	if id == "" {
		sum := sha256.Sum256(p.key)
		id = hex.EncodeToString(sum[:4])
	}
	if !keyIDs.MatchString(id) {
		return fmt.Errorf("the key ID %q must have 1 to 64 letters, digits, dots, dashes or underscores", id)
	}
	p.prefix = "hmac-sha256:" + id + ":"
	return nil
}

// Apply returns what may be kept of a text, and whether anything may: the hash as hmac-sha256:<key ID>:<64 hexadecimal digits>.
func (p *Policy) Apply(text string) (kept string, keep bool) {
	switch p.mode {
	case Hash:
		return p.hash(text), true
	case Redacted:
		return p.Redact(text), true
	case Full:
		return text, true
	default:
		return "", false
	}
}

// Message returns a text that is always kept, such as an error message: as it is in mode Full, else masked.
func (p *Policy) Message(text string) string {
	if p.mode == Full {
		return text
	}
	return p.Redact(text)
}

// Redact masks a text as in mode Redacted, whatever the mode.
func (p *Policy) Redact(text string) string {
	for _, pattern := range p.patterns {
		text = mask(text, pattern)
	}
	return Redact(text)
}

func (p *Policy) hash(text string) string {
	mac := hmac.New(sha256.New, p.key)
	_, _ = mac.Write([]byte(text)) // Never fails.
	return p.prefix + hex.EncodeToString(mac.Sum(nil))
}

// mask replaces what a pattern matches. It leaves matches inside a mask alone, and masks what surrounds one together with it.
func mask(text string, pattern *regexp.Regexp) string {
	var out writer
	written := maskPattern.FindAllStringIndex(text, -1)
	for _, match := range pattern.FindAllStringIndex(text, -1) {
		for len(written) > 0 && written[0][1] <= match[0] {
			written = written[1:]
		}
		start, end, inside := surround(written, match[0], match[1])
		if start = max(start, out.copied); !inside && start < end {
			out.replace(text, start, end, maskCustom)
		}
	}
	return out.finish(text)
}

var maskPattern = regexp.MustCompile(`\[(?:EMAIL|PHONE|CARD|KEY|REDACTED)\]`)

// surround extends a match to the masks that it cuts, or says that it lies inside of one.
func surround(written [][]int, start, end int) (newStart, newEnd int, inside bool) {
	newStart, newEnd = start, end
	for _, m := range written {
		if m[0] >= newEnd {
			break
		}
		if m[0] <= start && end <= m[1] {
			return start, end, true
		}
		newStart, newEnd = min(newStart, m[0]), max(newEnd, m[1])
	}
	return newStart, newEnd, false
}
