// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"unicode"
	"unicode/utf8"
)

// email masks the address around an @.
func (s *scanner) email() bool {
	end, ok := s.domain(s.pos + 1)
	start := s.localPart()
	if !ok || start == s.pos {
		return false
	}
	return s.mask(start, end, maskEmail)
}

// localPart returns where the part before the @ begins. It begins with a letter or digit, which leaves quotes out.
func (s *scanner) localPart() int {
	start := s.pos
	for i := s.pos; i > s.out.copied; {
		if c := s.text[i-1]; c < utf8.RuneSelf {
			if classes[c]&local == 0 {
				break
			}
			i--
			if classes[c]&(digit|letter) != 0 || c == '_' {
				start = i
			}
			continue
		}
		r, size := utf8.DecodeLastRuneInString(s.text[s.out.copied:i])
		if !spacedLetter(r) {
			break
		}
		i -= size
		start = i
	}
	return start
}

// domain returns where the part after the @ ends, and whether it is one: some label after the first begins with two letters, as top-level
// domains do.
func (s *scanner) domain(start int) (end int, ok bool) {
	end = start
	letters, dotted := 0, false // letters in a row since the last dot
	for i := start; i < len(s.text); {
		r, size := utf8.DecodeRuneInString(s.text[i:])
		switch {
		case r == '.' && i > start && s.text[i-1] != '.':
			letters, dotted = 0, true
		case r == '-' && i > start:
			letters = -1
		case r < utf8.RuneSelf && classes[r]&digit != 0:
			letters, end = -1, i+size
		case r < utf8.RuneSelf && classes[r]&letter != 0, r >= utf8.RuneSelf && spacedLetter(r):
			if letters >= 0 {
				letters++
			}
			ok = ok || dotted && letters == 2
			end = i + size
		default:
			return end, ok
		}
		i += size
	}
	return end, ok
}

// spacedLetter says whether r is a letter of a script that puts spaces between words. In others, an address could not be told
// from the sentence around it.
func spacedLetter(r rune) bool {
	return unicode.IsLetter(r) && !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao,
		unicode.Khmer, unicode.Myanmar)
}
