// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package privacy

// group is digits in one piece.
type group struct {
	start, end int
	sep        byte // before the group: 0 if there is none, brackets as one that no other equals
}

const (
	bracket   = '('
	maxGroups = 8
)

func (g group) len() int { return g.end - g.start }

// number masks a card or telephone number that begins at the digits at pos, or moves on behind them. A fraction is none.
func (s *scanner) number() {
	if s.at(s.pos-1) == '.' && s.is(s.pos-2, digit) {
		s.skip(digit)
		return
	}
	var space [maxGroups]group
	groups := s.groups(space[:0], s.pos)
	if end := s.card(groups); end > 0 {
		s.mask(s.pos, end, maskCard)
		return
	}
	if end := s.national(groups); end > 0 {
		s.mask(s.pos, end, maskPhone)
		return
	}
	s.pos = groups[0].end
}

// groups appends the digits at start and those that follow after single separators.
func (s *scanner) groups(groups []group, start int) []group {
	g := group{start, s.span(start, digit, len(s.text)), 0}
	for groups = append(groups, g); len(groups) < maxGroups; groups = append(groups, g) {
		sep, next := s.separator(g.end)
		if !s.is(next, digit) || s.idLength(next) > 0 {
			break
		}
		g = group{next, s.span(next, digit, len(s.text)), sep}
	}
	return groups
}

// separator returns the separator at i, and where it ends.
func (s *scanner) separator(i int) (sep byte, end int) {
	switch sep = s.at(i); sep {
	case ' ':
		if s.at(i+1) == '(' {
			return bracket, i + 2
		}
		if c := s.at(i + 1); (c == '/' || c == '-') && s.at(i+2) == ' ' {
			return c, i + 3
		}
	case ')':
		if c := s.at(i + 1); c == ' ' || c == '-' || c == '/' {
			i++
		}
		sep = bracket
	case '(':
		sep = bracket
	case '-', '.', '/':
	default:
		return 0, len(s.text)
	}
	return sep, i + 1
}

// card returns the end of the longest card number that begins with the first group, 0 if there is none. Spaces and dashes must
// not be mixed.
func (s *scanner) card(groups []group) int {
	var digits [19]byte
	n, end := 0, 0
	for i, g := range groups {
		if i > 0 && (groups[i-1].len() < 4 || g.sep != ' ' && g.sep != '-' || g.sep != groups[1].sep) || n+g.len() > len(digits) {
			break
		}
		n += copy(digits[n:], s.text[g.start:g.end])
		if n >= 13 && issued(digits[:n]) && luhn(digits[:n]) {
			end = g.end
		}
	}
	return end
}

// issued says whether cards begin with these digits: 3 to 9, or 22 to 27. Times in digits begin with 1 or 20.
func issued(digits []byte) bool {
	return digits[0] >= '3' || digits[0] == '2' && digits[1] >= '2' && digits[1] <= '7'
}

// luhn says whether the last digit is the check digit of ISO/IEC 7812.
func luhn(digits []byte) bool {
	sum := 0
	for i, c := range digits {
		d := int(c - '0')
		if (len(digits)-i)%2 == 0 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// national returns the end of the telephone number that begins with the first group, 0 if there is none.
func (s *scanner) national(groups []group) int {
	first := groups[0]
	if s.is(first.start-1, letter|digit) || s.at(first.start-1) == ':' && s.is(first.start-2, digit) {
		return 0 // Part of a name, or of a time.
	}
	// Within a sequence of groups, a number must stand apart.
	if before := s.at(first.start - 1); s.is(first.start-2, digit) && len(groups) > 1 && before == groups[1].sep {
		return 0
	}
	if s.at(first.start) == '1' && first.len() == 1 && len(groups) > 1 {
		if end := s.northAmerican(groups[1:]); end > 0 {
			return end
		}
	}
	if end := s.northAmerican(groups); end > 0 {
		return end
	}
	return s.trunk(groups)
}

// northAmerican matches 555-123-4567, 555.123.4567, 555 123 4567 and 555 123-4567.
func (s *scanner) northAmerican(groups []group) int {
	if len(groups) < 3 || groups[0].len() != 3 || groups[1].len() != 3 || groups[2].len() != 4 || s.text[groups[0].start] < '2' {
		return 0
	}
	return groups[2].end
}

// trunk matches 9 to 12 digits that begin with the 0 of a national or the 00 of an international call, in at least two groups. All
// separators but the first are the same. Dates and IP addresses are none.
func (s *scanner) trunk(groups []group) int {
	first := groups[0]
	if s.text[first.start] != '0' || first.len() < 2 || first.len() > 6 || len(groups) < 2 || s.date(groups) || s.address(groups) {
		return 0
	}
	least, most := 9, 12
	if s.text[first.start+1] == '0' {
		if first.len() > 2 && s.text[first.start+2] == '0' {
			return 0 // A number that was filled with zeros.
		}
		least, most = 10, 17
	}
	n, end := 0, 0
	for i, g := range groups {
		if n += g.len(); n > most || i > 2 && g.sep != groups[2].sep {
			break
		}
		if n >= least && i > 0 {
			end = g.end
		}
	}
	return end
}

// date says whether the groups begin with day, month and year.
func (s *scanner) date(groups []group) bool {
	if len(groups) < 3 || groups[0].len() != 2 || groups[1].len() != 2 || groups[2].len() != 4 {
		return false
	}
	century := s.text[groups[2].start : groups[2].start+2]
	return century == "19" || century == "20"
}

// address says whether the groups are those of an IP address.
func (s *scanner) address(groups []group) bool {
	if len(groups) != 4 {
		return false
	}
	for i, g := range groups {
		if g.len() > 3 || i > 0 && g.sep != '.' {
			return false
		}
	}
	return true
}

// phone masks the telephone number that begins with a + or a bracket.
func (s *scanner) phone() bool {
	if !s.is(s.pos+1, digit) || s.is(s.pos-1, letter|digit) {
		return false
	}
	// After a name, a bracket is that of a call.
	if before := s.at(s.pos - 1); s.text[s.pos] == '(' && (before == '_' || before == '.') {
		return false
	}
	var space [maxGroups]group
	groups := s.groups(space[:0], s.pos+1)
	end := 0
	if s.text[s.pos] == '+' {
		end = s.international(groups)
	} else if first := groups[0]; first.len() <= 6 && s.at(first.end) == ')' {
		end = max(s.northAmerican(groups), s.trunk(groups))
	}
	return end > 0 && s.mask(s.pos, end, maskPhone)
}

// international matches the 8 to 15 digits of ITU-T E.164, the country's own code not 0.
func (s *scanner) international(groups []group) int {
	if s.text[groups[0].start] == '0' {
		return 0
	}
	n, end := 0, 0
	for _, g := range groups {
		if n += g.len(); n > 15 {
			break
		}
		if n >= 8 {
			end = g.end
		}
	}
	return end
}

// identifier moves on behind a UUID, or the number of a trace, span, commit or file.
func (s *scanner) identifier() bool {
	n := s.idLength(s.pos)
	if n == 0 || n != uuidLength && s.keyed() {
		return false
	}
	s.pos += n
	return true
}

// idLength returns the length of the identifier that begins at start: a UUID, or 16, 32, 40 or 64 hexadecimal digits, not all
// of which are decimal. It is 0 if there is none.
func (s *scanner) idLength(start int) int {
	if s.is(start-1, letter|digit) {
		return 0
	}
	if s.uuid(start) {
		return uuidLength
	}
	decimal, end := true, start
	for end < len(s.text) && end <= start+64 && classes[s.text[end]]&hexa != 0 {
		decimal = decimal && classes[s.text[end]]&digit != 0
		end++
	}
	switch n := end - start; n {
	case 16, 32, 40, 64:
		if !decimal && !s.is(end, letter) {
			return n
		}
	}
	return 0
}

const uuidLength = 36

func (s *scanner) uuid(start int) bool {
	if start+uuidLength > len(s.text) || s.is(start+uuidLength, letter|digit) {
		return false
	}
	for i := range uuidLength {
		c := s.text[start+i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if classes[c]&hexa == 0 {
			return false
		}
	}
	return true
}
