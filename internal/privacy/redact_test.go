// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// masked has texts and what is to be left of them. The card numbers are those that payment services publish for tests, the telephone numbers
// those that regulators reserve for fiction, the keys come from the documentation of the services or are made up.
var masked = []struct{ text, want string }{
	// Addresses.
	{"mail bob@example.com.", "mail [EMAIL]."},
	{"<Bob.O'Neil+x@mail.example.co.uk>, 'eve@example.org'", "<[EMAIL]>, '[EMAIL]'"},
	{"größe@müller.de und иван@почта.рф", "[EMAIL] und [EMAIL]"},
	{"请联系user@example.com谢谢", "请联系[EMAIL]谢谢"},
	{"a@b@c.de", "a@[EMAIL]"},
	{"mailto:bob@example.com?subject=x", "mailto:[EMAIL]?subject=x"},
	{"x@example.com,y@example.com", "[EMAIL],[EMAIL]"},
	// Cards.
	{"4111111111111111", "[CARD]"},
	{"4111 1111 1111 1111", "[CARD]"},
	{"5555-5555-5555-4444!", "[CARD]!"},
	{"3782 822463 10005, 378282246310005", "[CARD], [CARD]"},
	{"3056 930902 5904", "[CARD]"},
	{"6011 1111 1111 1117 and 3530111333300000", "[CARD] and [CARD]"},
	{"2223003122003222", "[CARD]"},
	{"4222222222222", "[CARD]"},
	{"6304 0000 0000 0000", "[CARD]"},
	{"card4111111111111111x", "card[CARD]x"},
	{"12 4111 1111 1111 1111 35", "12 [CARD] 35"},
	{"5555555555554444-4111111111111111", "[CARD]-[CARD]"},
	// Telephones.
	{"+1 (555) 123-4567", "[PHONE]"},
	{"call +49 30 23125-000, +447700900123 or +33 1 99 00 12 34.", "call [PHONE], [PHONE] or [PHONE]."},
	{"+49 (0)30 23125 000", "[PHONE]"},
	{"(555) 010-0199, 555-010-0199, 555.010.0199, 1-555-010-0199", "[PHONE], [PHONE], [PHONE], [PHONE]"},
	{"020 7946 0958 or 07700 900123", "[PHONE] or [PHONE]"},
	{"01 99 00 12 34, 030/23125000, (030) 23125 000", "[PHONE], [PHONE], [PHONE]"},
	{"0049 30 23125000", "[PHONE]"},
	{"555-010-0199 2024-01-15", "[PHONE] 2024-01-15"},
	// Keys and tokens.
	{"sk-abcdefghij0123456789 x", "[KEY] x"},
	{"sk-ant-api03-AbCdEf0123456789_-xyz", "[KEY]"},
	{"ghp_0123456789abcdefghijABCDEFGHIJ012345", "[KEY]"},
	{"github_pat_11ABCDEFG0123456789abc_defghi", "[KEY]"},
	{"xoxb-123456789012-abcdefABCDEF", "[KEY]"},
	{"AKIAIOSFODNN7EXAMPLE", "[KEY]"},
	{"AIzaSyA0123456789abcdefghijABCDEFGHIJ01", "[KEY]"},
	{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U", "[KEY]"},
	{"Authorization: Bearer abcdef", "Authorization: Bearer [KEY]"},
	{"Bearer mF_9.B5f-4.1JqM", "Bearer [KEY]"},
	{"authorization=basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "authorization=basic [KEY]"},
	{"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic [KEY]"},
	{"a -----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY----- b", "a [KEY] b"},
	{"-----BEGIN PRIVATE KEY-----\\nMIIB", "[KEY]"},
	{"password=hunter2&user=bob", "password=[KEY]&user=bob"},
	{"DB_PASSWORD: sunshine", "DB_PASSWORD: [KEY]"},
	{`{"password": "a \" b", "x": 1}`, `{"password": "[KEY]", "x": 1}`},
	{`"{\"api_key\": \"abc\", \"n\": 1}"`, `"{\"api_key\": \"[KEY]\", \"n\": 1}"`},
	{`{"Authorization": "Bearer abc"}`, `{"Authorization": "Bearer [KEY]"}`},
	{"(x-api-key: abc123)", "(x-api-key: [KEY])"},
	{"accessToken='abc' token := \"def\"", "accessToken='[KEY]' token := \"[KEY]\""},
	{"connect(user=user, password=secret1)", "connect(user=user, password=[KEY])"},
	{"postgres://bob:s3cret@db:5432/x", "postgres://[KEY]@db:5432/x"},
	{"my key is 9f86d081884c7d659a2feaa0c55ad015", "my key is [KEY]"},
	{"signature: wJalrXUtnFEMI/K7MDENG/bPxRfiCY0123456789", "signature: [KEY]"},
}

func TestRedact(t *testing.T) {
	for _, test := range masked {
		assert.Equal(t, test.want, Redact(test.text), test.text)
		assert.Equal(t, test.want, Redact(test.want), "again")
	}
}

// plain has texts that look a little like what is masked.
var harmless = []string{
	"", "Hello, world.", "größer als 3,5 €", "\xff\xfe@\xff.com",
	// Times, numbers, versions, addresses of machines.
	"2024-01-15T08:30:00.123456789Z", "2024-01-15 08:30:00,123 +0200", "20240115083000", "20240115 083000", "01.02.2024 10:15:30",
	"01-02-2024 10", "12:30:08.123456789", "1700000000", "1700000000000", "1700000000000000000",
	"v1.2.3", "1.2.3", "10.20.30.40:8080", "010.020.030.040", "192.168.100.200", "fe80::1ff:fe23:4567:890a", "2001:db8::8a2e:370:7334",
	"$1,234,567.89", "1 234 567,89 EUR", "0.3000000000000000444", "[0.12345678901234567, -3.4028234663852886e+38]", "1e+10", "a+12345678",
	"order 4111111111111112", "order 12345678901234567890", "4111-1111-1111", "000001 2024-01-15",
	// Identifiers.
	"123e4567-e89b-12d3-a456-426614174000", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
	"primary key: 123e4567-e89b-12d3-a456-426614174000", "commit e3b0c44298fc1c149afbf4c8996fb92427ae41e4", "507f1f77bcf86cd799439011",
	"chatcmpl-9abcdefghijklmnop", "req-42", "s3://bucket/key", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
	// Code and prose.
	"@app.route('/')", "a @ b", "react@18.2.0", "x = a@b", "A @ B.T", "user@localhost", "#define f(123)",
	"token := scanner.Next()", "if token == nil {", "token != nil", "max_tokens=512", "total token: 512", "tokens = 5", "key = value", "password == other",
	"func Check(password string) bool", "def f(token: str, password: str = None):", "password=getpass.getpass()", `"token": null`, "token = lexer",
	"the secret: nobody knows", "Basic understanding of algebra", "bearer certificates", "sk-learn-and-other-long-words", "risk-averse1234567890123",
	"task-0123456789abcdef0123", "-----BEGIN CERTIFICATE-----\nMIIB", "https://example.com:8080/a@b", "key: /usr/local/lib/python3/site-packages/foo_bar",
	"[EMAIL] [PHONE] [CARD] [KEY] [REDACTED]", "sizes 256, 512, 1024", "10 20 30 40 50 60 70 80 90",
}

func TestRedactLeavesAlone(t *testing.T) {
	for _, text := range harmless {
		assert.Equal(t, text, Redact(text))
	}
}

func TestRedactDoesNotAllocateWithoutMatch(t *testing.T) {
	text := strings.Join(harmless, "\n") + prose
	require.Equal(t, text, Redact(text))
	require.Zero(t, testing.AllocsPerRun(100, func() { Redact(text) }))
}

// TestRedactIsLinear compares texts of 64 and 512 KiB, each made of what a scan might look at again and again.
func TestRedactIsLinear(t *testing.T) {
	for _, piece := range []string{
		"1", "1 ", "1-", "0", "41 ", "4111", "@", "a@", "@a", "a@b", "a.", "é", "é@", "+1", "(", "(0", "://", "://a:", "token=", "token=f(", "token='", "token=\"",
		"password", "key ", "bearer ", "basic a", "-", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "eyJ", "eyJ-", "eyJa.", "eyJa-.", "sk-", "sk-1 ", "xoxb-", "AKIA-", "a-", "a/", "=", ":", "[KEY]", "\\\"", "ab1",
		"0 ", "012 ", "x_", "f-", "a@b.", "token: a.", "4bf92f3577b34da6a3ce929d0e0e473", "\n", " ",
	} {
		cost := func(size int) time.Duration {
			text := strings.Repeat(piece, size/len(piece))
			best := time.Hour
			for range 3 {
				began := time.Now()
				Redact(text)
				best = min(best, time.Since(began))
			}
			return best
		}
		small, large := cost(64<<10), cost(512<<10)
		// Eight times as much takes 64 times as long where it is quadratic.
		require.Less(t, large, 40*small+100*time.Millisecond, "%q: %v, %v", piece, small, large)
	}
}

// FuzzRedact shows that masking again changes nothing, that no rune is cut, and that a card number and an address that are planted
// do not survive. The properties of a card number are checked by a method of its own.
func FuzzRedact(f *testing.F) {
	for _, test := range masked {
		f.Add(test.text, " "+test.want, uint64(411111111111111), byte(16))
	}
	for _, text := range harmless {
		f.Add(text, text, uint64(37828224631000), byte(15))
	}
	f.Fuzz(checkProperties)
}

func checkProperties(t *testing.T, before, after string, number uint64, length byte) {
	t.Helper()
	text := before + after
	once := Redact(text)
	require.Equal(t, once, Redact(once), "%q", text)
	if utf8.ValidString(text) {
		require.True(t, utf8.ValidString(once))
	}
	for _, card := range cards(number, length) {
		out := Redact(before + "|" + card + "|" + after)
		require.Equal(t, strings.Count(before+"||"+after, card), strings.Count(out, card), "%q", out)
	}
	name := fmt.Sprintf("n%d", number)
	for _, address := range []string{name + ".x@example.com", name + "+y@mail.example.museum", name + "@exämple.de"} {
		out := Redact(before + address + after)
		require.NotContains(t, strings.ToLower(out), address, "%q", out)
	}
}

// TestRedactRandomTexts puts pieces of the other tests' texts together, cut anywhere between two characters.
func TestRedactRandomTexts(t *testing.T) {
	var pieces []string
	for _, test := range masked {
		pieces = append(pieces, test.text)
	}
	pieces = append(pieces, harmless...)
	rng := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		var b strings.Builder
		for range rng.IntN(6) {
			piece := []rune(pieces[rng.IntN(len(pieces))])
			from := rng.IntN(len(piece) + 1)
			b.WriteString(string(piece[from : from+rng.IntN(len(piece)-from+1)]))
			if rng.IntN(3) == 0 {
				b.WriteByte(" .-_:='\"([])/@+\\1a"[rng.IntN(18)])
			}
		}
		return b.String()
	}
	for range 20_000 {
		checkProperties(t, text(), text(), rng.Uint64(), byte(rng.Uint32()))
	}
}

// cards returns a card number in the ways that it is written.
func cards(number uint64, length byte) []string {
	n := 13 + int(length)%7
	digits := fmt.Sprintf("%d%020d", 3+number%7, number)
	digits = digits[:1] + digits[len(digits)-n+2:]
	for check := range 10 {
		if card := fmt.Sprintf("%s%d", digits, check); validCheckDigit(card) {
			grouped := regexp.MustCompile(".{4}").ReplaceAllString(card, "$0 ")
			grouped = strings.TrimSpace(grouped)
			return []string{card, grouped, strings.ReplaceAll(grouped, " ", "-")}
		}
	}
	panic("one of ten digits is the check digit")
}

// validCheckDigit follows the table of doubled digits, from the right.
func validCheckDigit(card string) bool {
	sum := 0
	for i := 0; i < len(card); i++ {
		d := int(card[len(card)-1-i] - '0')
		if i%2 == 1 {
			d = []int{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}[d]
		}
		sum += d
	}
	return sum%10 == 0
}

// prose is 4 KiB as models write it.
var prose = strings.Repeat("The model answered in 2.4 s with 210 tokens: the invoice (no. 10422) of 2024-03-01 has been paid, see §3.2 for details. "+
	"If the customer asks again, explain that the refund of $1,299.00 takes 5-7 working days. ", 20)[:4096]

// BenchmarkRedact has as its peer the regular expressions that one would write for three of the kinds.
func BenchmarkRedact(b *testing.B) {
	withMatches := strings.Replace(prose, "customer", "customer bob@example.com (+1 555-010-0199, card 4111 1111 1111 1111)", 1)
	for name, text := range map[string]string{"prose": prose, "matches": withMatches, "digits": strings.Repeat("4", 4096)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				Redact(text)
			}
		})
	}
	peers := []*regexp.Regexp{
		regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`),
		regexp.MustCompile(`(?:\d[ -]?){12,18}\d`),
		regexp.MustCompile(`\+?\d{0,3}[ .-]?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}`),
	}
	b.Run("peer-3-regexps", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(prose)))
		for b.Loop() {
			for _, peer := range peers {
				peer.ReplaceAllString(prose, "x")
			}
		}
	})
}
