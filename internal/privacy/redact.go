// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package privacy

import "strings"

// The masks.
const (
	maskEmail  = "[EMAIL]"
	maskPhone  = "[PHONE]"
	maskCard   = "[CARD]"
	maskKey    = "[KEY]"
	maskCustom = "[REDACTED]"
)

var masks = []string{maskEmail, maskPhone, maskCard, maskKey, maskCustom}

// Redact masks e-mail addresses, telephone and payment card numbers, keys and tokens; the documentation of the package says which.
// The result is valid UTF-8 if the text is, Redact(Redact(text)) is Redact(text), and text without a match costs no allocation.
func Redact(text string) string {
	s := scanner{text: text}
	s.scan()
	return s.out.finish(text)
}

// writer copies a text with parts of it replaced. It allocates nothing before the first part.
type writer struct {
	b      strings.Builder
	copied int // how much of the text has been copied or replaced
}

func (w *writer) replace(text string, start, end int, mask string) {
	if w.b.Len() == 0 {
		w.b.Grow(len(text))
	}
	w.b.WriteString(text[w.copied:start])
	w.b.WriteString(mask)
	w.copied = end
}

func (w *writer) finish(text string) string {
	if w.b.Len() == 0 {
		return text
	}
	w.b.WriteString(text[w.copied:])
	return w.b.String()
}

// scanner goes through a text from left to right. What lies before out.copied is done with: to the right of a mask, the
// text begins anew.
type scanner struct {
	text string
	pos  int
	out  writer

	// Ends of what was looked at last, so that no part of it is looked at again.
	runEnd   int // by random
	tokenEnd int // by webToken
}

func (s *scanner) scan() {
	for s.pos < len(s.text) {
		switch class := classes[s.text[s.pos]]; {
		case class&digit != 0:
			if !s.word() {
				s.number()
			}
		case class&letter != 0:
			if !s.word() {
				s.skip(letter)
			}
		case class&trigger == 0 || !s.sign(s.text[s.pos]):
			s.pos++
		}
	}
}

// sign looks at what a sign may begin or end, and says whether it has moved on.
func (s *scanner) sign(c byte) bool {
	switch c {
	case '@':
		return s.email()
	case '+', '(':
		return s.phone()
	case '=':
		return s.assignment()
	case ':':
		return s.assignment() || s.userinfo()
	default: // '-'
		return s.privateKey()
	}
}

// word looks at what can begin with a word, and says whether it has moved on.
func (s *scanner) word() bool {
	if s.is(s.pos-1, letter|digit) {
		return false
	}
	return s.identifier() || s.prefixed() || s.webToken() || s.credentials() || s.random()
}

// mask replaces the text from start to end, and moves on to its end.
func (s *scanner) mask(start, end int, mask string) bool {
	s.out.replace(s.text, start, end, mask)
	s.pos = end
	return true
}

func (s *scanner) skip(class uint8) { s.pos = s.span(s.pos, class, len(s.text)) }

// span returns the end of the characters of a class that begin at start, at most so many.
func (s *scanner) span(start int, class uint8, most int) int {
	end, last := start, len(s.text)
	if most < last-start {
		last = start + most
	}
	for end < last && classes[s.text[end]]&class != 0 {
		end++
	}
	return end
}

// is says whether there is a character of a class at i, to the right of the last mask.
func (s *scanner) is(i int, class uint8) bool {
	return i >= s.out.copied && i < len(s.text) && classes[s.text[i]]&class != 0
}

// at returns the byte at i, 0 outside the text and to the left of the last mask.
func (s *scanner) at(i int) byte {
	if i < s.out.copied || i >= len(s.text) {
		return 0
	}
	return s.text[i]
}

// rest returns the text from i on, which may be its end.
func (s *scanner) rest(i int) string { return s.text[min(i, len(s.text)):] }

// Classes of characters.
const (
	digit   = 1 << iota
	letter  // of ASCII
	token   // of keys in the alphabet of URLs: letters, digits, - and _
	base64  // of both alphabets of Base64 without padding
	local   // of the part of an address before the @
	blank   // space and tab
	trigger // a sign that may begin or end something
	hexa
)

var classes = func() (c [256]uint8) {
	set := func(class uint8, chars string) {
		for i := range len(chars) {
			c[chars[i]] |= class
		}
	}
	const digits, upper = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	letters := upper + strings.ToLower(upper)
	set(digit, digits)
	set(letter, letters)
	set(token, digits+letters+"-_")
	set(base64, digits+letters+"-_+/")
	set(local, digits+letters+"._%+-'~#$*^!")
	set(blank, " \t")
	set(trigger, "@+(=:-")
	set(hexa, digits+"abcdefABCDEF")
	return c
}()
