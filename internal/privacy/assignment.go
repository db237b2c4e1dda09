// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package privacy

import "strings"

// passwordNames are how the names of passwords end, secretNames those of other secrets. They are in lower case, and _ stands for a dash as well.
var (
	passwordNames = []string{"password", "passwd", "pwd", "passphrase", "passcode"}
	secretNames   = []string{
		"secret", "token", "api_key", "apikey", "access_key", "accesskey", "secret_key", "secretkey", "private_key", "privatekey",
		"auth_key", "authkey", "encryption_key", "signing_key", "credential", "credentials", "authorization", "subscription_key", "account_key", "accountkey",
	}
)

// plainValues are assigned to names of secrets in code and say nothing.
var plainValues = map[string]bool{
	"nil": true, "null": true, "none": true, "undefined": true, "true": true, "false": true, "str": true, "string": true, "bytes": true, "bool": true, "int": true,
	"required": true, "optional": true, "invalid": true, "missing": true, "expired": true, "incorrect": true, "wrong": true,
}

// nameKind says what a name is the name of.
type nameKind uint8

const (
	noSecret nameKind = iota
	someSecret
	somePassword
)

// assignment masks the value that is assigned to a name that ends like that of a secret: name=value, name: value, "name": "value".
func (s *scanner) assignment() bool {
	kind, spaced := s.assigned()
	if kind == noSecret {
		return false
	}
	start := s.pos + 1
	if c := s.at(start); c == '=' && s.text[s.pos] == '=' {
		return false // A comparison.
	} else if (c == '=' && s.text[s.pos] == ':') || c == '>' && s.text[s.pos] == '=' {
		start++
	}
	blanks := s.span(start, blank, len(s.text))
	spaced = spaced || blanks > start
	start = blanks
	if quote := s.at(start); quote == '"' || quote == '\'' || quote == '`' {
		return s.quoted(start+1, false)
	}
	if strings.HasPrefix(s.rest(start), "\\\"") {
		return s.quoted(start+2, true)
	}
	return s.bare(start, kind, spaced)
}

// assigned says of what kind the name before pos is, and whether there are blanks between them.
func (s *scanner) assigned() (kind nameKind, spaced bool) {
	end := s.pos
	for s.is(end-1, blank) && s.pos-end < 4 {
		end--
		spaced = true
	}
	if c := s.at(end - 1); c == '"' || c == '\'' || c == '`' {
		end--
		if s.at(end-1) == '\\' {
			end--
		}
	}
	return s.nameBefore(end), spaced
}

// nameBefore says of what kind the name that ends before end is.
func (s *scanner) nameBefore(end int) nameKind {
	if !s.is(end-1, letter) {
		return noSecret
	}
	text := s.text[s.out.copied:end]
	for _, name := range passwordNames {
		if hasNameSuffix(text, name) {
			return somePassword
		}
	}
	for _, name := range secretNames {
		if hasNameSuffix(text, name) {
			return someSecret
		}
	}
	return noSecret
}

// hasNameSuffix compares without regard to case, and takes a dash for the underscore of a name.
func hasNameSuffix(text, name string) bool {
	if len(text) < len(name) {
		return false
	}
	text = text[len(text)-len(name):]
	for i := range len(name) {
		c := text[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != name[i] && (name[i] != '_' || c != '-' && c != ' ') {
			return false
		}
	}
	return true
}

// quoted masks a value that begins after a quote, to the closing quote or the end of the line. The name of an authentication scheme
// is kept. Where the quote is escaped, because the text is itself inside of quotes, so is the closing one.
func (s *scanner) quoted(start int, escaped bool) bool {
	quote := s.text[start-1]
	end := start
	for end < len(s.text) && s.text[end] != quote && s.text[end] != '\n' {
		if s.text[end] == '\\' {
			if escaped && end+1 < len(s.text) && s.text[end+1] == quote {
				break
			}
			end++
		}
		end++
	}
	return s.value(s.scheme(start), min(end, len(s.text)))
}

// bare masks a value without quotes, unless it is code or begins with a mask.
func (s *scanner) bare(start int, kind nameKind, spaced bool) bool {
	value := s.scheme(start)
	credential := value > start
	if s.maskLength(value) > 0 {
		return false
	}
	name := s.name(value)
	if s.call(value, name) {
		return false
	}
	end := name
	for end < len(s.text) && s.text[end] > ' ' && strings.IndexByte("\"`,;&<", s.text[end]) < 0 {
		end++
	}
	end = value + len(strings.TrimRight(s.text[value:end], ".!?:'>)]}\\"))
	if end <= name && !credential && plain(s.text[value:end], kind, spaced) {
		return false
	}
	return s.value(value, end)
}

// name returns the end of the name at start, which may have dots in it.
func (s *scanner) name(start int) int {
	end := start
	for s.is(end, letter|digit) || s.at(end) == '_' || end > start && s.at(end) == '.' {
		end++
	}
	return end
}

// longName is the length from which on a name without digits may be a key, in part at least.
const longName = 20

// call says whether a name is that of a function which is called.
func (s *scanner) call(start, end int) bool {
	return start < end && end-start < longName && s.at(end) == '(' && !s.hasDigit(start, end)
}

// plain says whether a value of letters, digits, dots and underscores says nothing. After blanks, only passwords are words.
func plain(value string, kind nameKind, spaced bool) bool {
	if plainValues[strings.ToLower(value)] {
		return true
	}
	if kind == somePassword {
		return false
	}
	hasDigit := strings.ContainsAny(value, "0123456789")
	number := len(value) < 16 && strings.Trim(value, "0123456789.") == ""
	return number || spaced && !hasDigit && len(value) < longName
}

// value masks a value that is neither empty nor a mask.
func (s *scanner) value(start, end int) bool {
	return start+s.maskLength(start) < end && s.mask(start, end, maskKey)
}

// maskLength returns the length of the mask at i, 0 if there is none.
func (s *scanner) maskLength(i int) int {
	if s.at(i) == '[' {
		for _, mask := range masks {
			if strings.HasPrefix(s.text[i:], mask) {
				return len(mask)
			}
		}
	}
	return 0
}

// fillers may stand between the word for a key and the key.
var fillers = []string{"is", "was", "value", "of"}

// keyWords are the words after which long random text is a key, beside the names of secrets.
var keyWords = []string{"key", "keys", "signature", "bearer", "auth"}

// random masks 32 or more characters of Base64 or hexadecimal digits after a word for a key.
func (s *scanner) random() bool {
	if s.pos < s.runEnd {
		return false
	}
	s.runEnd = s.span(s.pos, base64, len(s.text))
	if s.runEnd-s.pos < 32 || s.uuid(s.pos) || !s.keyed() || !looksRandom(s.text[s.pos:s.runEnd]) {
		return false
	}
	return s.mask(s.pos, s.padding(s.runEnd), maskKey)
}

// looksRandom says whether capitals, small letters and digits alternate as often as they do in no words or paths.
func looksRandom(text string) bool {
	var before byte
	changes := 0
	for i := range len(text) {
		kind := kindOf(text[i])
		if before != 0 && kind != 0 && kind != before {
			changes++
		}
		before = kind
	}
	return changes >= max(4, len(text)/8) && strings.ContainsAny(text, "0123456789")
}

// kindOf returns a representative of the kind of a character, 0 for signs.
func kindOf(c byte) byte {
	switch {
	case c >= 'a' && c <= 'z':
		return 'a'
	case c >= 'A' && c <= 'Z':
		return 'A'
	case c >= '0' && c <= '9':
		return '0'
	}
	return 0
}

// keyed says whether a word for a key stands before pos, with nothing but quotes, signs of assignment, blanks and a filler
// between them.
func (s *scanner) keyed() bool {
	end := s.gap(s.pos)
	for _, filler := range fillers {
		if start := end - len(filler); end < s.pos && hasNameSuffix(s.text[s.out.copied:end], filler) && s.is(start-1, blank) {
			end = s.gap(start)
			break
		}
	}
	if end == s.pos {
		return false
	}
	if s.nameBefore(end) != noSecret {
		return true
	}
	for _, word := range keyWords {
		if hasNameSuffix(s.text[s.out.copied:end], word) && !s.is(end-len(word)-1, letter) {
			return true
		}
	}
	return false
}

// gap returns the start of up to eight blanks, quotes and signs of assignment before end.
func (s *scanner) gap(end int) int {
	start := end
	for start > s.out.copied && end-start < 8 && strings.IndexByte(" \t\"'`:=>\\", s.text[start-1]) >= 0 {
		start--
	}
	return start
}
