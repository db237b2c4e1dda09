// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package privacy

import "strings"

// prefixes are how the keys and tokens of well-known services begin.
var prefixes = []struct {
	text   string
	least  int   // characters that follow
	class  uint8 // what they are
	digits bool  // whether a digit must be among them, to tell it from words
}{
	{"sk-", 16, token, true}, // OpenAI, Anthropic and many after them
	{"sk_live_", 16, token, false},
	{"sk_test_", 16, token, false},
	{"rk_live_", 16, token, false},
	{"ghp_", 30, token, false},
	{"gho_", 30, token, false},
	{"ghu_", 30, token, false},
	{"ghs_", 30, token, false},
	{"ghr_", 30, token, false},
	{"github_pat_", 22, token, false},
	{"glpat-", 16, token, false},
	{"xoxa-", 10, token, true},
	{"xoxb-", 10, token, true},
	{"xoxp-", 10, token, true},
	{"xoxr-", 10, token, true},
	{"xoxs-", 10, token, true},
	{"AKIA", 16, digit | letter, false},
	{"ASIA", 16, digit | letter, true},
	{"AIza", 30, token, false},
	{"hf_", 30, digit | letter, false},
	{"npm_", 30, digit | letter, false},
	{"nvapi-", 30, token, false},
}

// prefixed masks a token that begins as those of a well-known service do.
func (s *scanner) prefixed() bool {
	if strings.IndexByte("srgxAhn", s.text[s.pos]) < 0 {
		return false
	}
	for _, p := range prefixes {
		if !strings.HasPrefix(s.text[s.pos:], p.text) {
			continue
		}
		start := s.pos + len(p.text)
		near := s.span(start, p.class, nearby)
		if near-start >= p.least && (!p.digits || s.hasDigit(start, near)) {
			return s.mask(s.pos, s.span(near, p.class, len(s.text)), maskKey)
		}
	}
	return false
}

// nearby is how far a token is looked at before it is known to be one.
const nearby = 64

func (s *scanner) hasDigit(start, end int) bool {
	return strings.ContainsAny(s.text[start:end], "0123456789")
}

// webToken masks a JSON web token: a header, which is a JSON object in Base64 and has a digit in it,
// and at least one part more.
func (s *scanner) webToken() bool {
	if s.pos < s.tokenEnd || !strings.HasPrefix(s.text[s.pos:], "eyJ") {
		return false
	}
	s.tokenEnd = s.span(s.pos, token, len(s.text))
	end, parts := s.tokenEnd, 1
	for ; parts < 5 && s.at(end) == '.' && s.is(end+1, token); parts++ {
		end = s.span(end+1, token, len(s.text))
	}
	return parts >= 2 && end-s.pos >= 20 && s.hasDigit(s.pos, s.tokenEnd) && s.mask(s.pos, end, maskKey)
}

// schemes are what stands before credentials.
var schemes = []string{"bearer", "basic"}

// credentials masks what follows the name of an authentication scheme and cannot be a word.
func (s *scanner) credentials() bool {
	start := s.scheme(s.pos)
	if start == s.pos {
		return false
	}
	end := start
	for s.is(end, base64) || s.at(end) == '.' || s.at(end) == '~' {
		end++
	}
	value := strings.TrimRight(s.text[start:end], ".")
	if len(value) < 8 || !s.hasDigit(start, end) && !mixedCase(value) {
		return false
	}
	return s.mask(start, s.padding(start+len(value)), maskKey)
}

// padding returns the end of the padding of Base64 at i.
func (s *scanner) padding(i int) int {
	for most := i + 2; i < most && s.at(i) == '='; {
		i++
	}
	return i
}

// scheme returns the end of the scheme at start and of the blanks behind it, start if there is none.
func (s *scanner) scheme(start int) int {
	for _, scheme := range schemes {
		end := start + len(scheme)
		if hasPrefixFold(s.text[start:], scheme) && s.is(end, blank) {
			return s.span(end, blank, len(s.text))
		}
	}
	return start
}

// mixedCase says whether capitals stand elsewhere than in front, as in no word.
func mixedCase(text string) bool {
	return strings.ToLower(text[1:]) != text[1:] && strings.ToUpper(text) != text
}

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}

// privateKey masks a block of a private key, to its end or, if that is missing, to the end of the text.
func (s *scanner) privateKey() bool {
	const begin, end = "-----BEGIN ", "-----END "
	head := s.text[s.pos:]
	if !strings.HasPrefix(head, begin) {
		return false
	}
	head = head[len(begin):min(len(head), 100)]
	if title, _, ok := strings.Cut(head, "-----"); !ok || !strings.HasSuffix(title, "PRIVATE KEY") && !strings.HasSuffix(title, "PRIVATE KEY BLOCK") {
		return false
	}
	stop := len(s.text)
	if i := strings.Index(s.text[s.pos:], end); i >= 0 {
		stop = s.pos + i + len(end)
		if j := strings.Index(s.text[stop:min(len(s.text), stop+100)], "-----"); j >= 0 {
			stop += j + len("-----")
		}
	}
	return s.mask(s.pos, stop, maskKey)
}

// userinfo masks the name and password in a URL. It masks both, since a name is not looked at again.
func (s *scanner) userinfo() bool {
	if !strings.HasPrefix(s.text[s.pos:], "://") {
		return false
	}
	start, password := s.pos+len("://"), false
	for i := start; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == ':':
			password = true
		case c == '@' && password:
			return s.mask(start, i, maskKey)
		case c <= ' ' || strings.IndexByte("/?#@\"'<>[]", c) >= 0:
			return false
		}
	}
	return false
}
