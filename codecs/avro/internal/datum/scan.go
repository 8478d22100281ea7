package datum

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var errJSON = errors.New("the text is not JSON")

// scanner reads JSON value by value. Its errors are faults at the byte where
// the text goes wrong.
type scanner struct {
	text []byte
	pos  int
	word []byte // the last string, valid until the next
}

// next skips white space and returns the byte that follows, 0 at the end.
func (s *scanner) next() byte {
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; c {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// broken is the fault that something else than what is there was to come.
func (s *scanner) broken(wanted string) error {
	if s.next() == 0 && s.pos == len(s.text) {
		return faultAt(s.pos, fmt.Errorf("%w: it ends where %s is to come", errJSON, wanted))
	}
	r, _ := utf8.DecodeRune(s.text[s.pos:])
	return faultAt(s.pos, fmt.Errorf("%w: %q where %s is to come", errJSON, r, wanted))
}

// accept takes the byte c if it comes next.
func (s *scanner) accept(c byte) bool {
	if s.next() != c {
		return false
	}
	s.pos++
	return true
}

// open takes the bracket that an object or an array begins with.
func (s *scanner) open(bracket byte, what string) error {
	if !s.accept(bracket) {
		return s.mismatch(what)
	}
	return nil
}

// more reports whether another item comes before the closing bracket, and
// takes the comma or the bracket. first is whether it would be the first item.
func (s *scanner) more(end byte, first bool) (bool, error) {
	if s.accept(end) {
		return false, nil
	}
	if first {
		return true, nil
	}
	if !s.accept(',') {
		return false, s.broken("a comma or " + strconv.QuoteRune(rune(end)))
	}
	return true, nil
}

// key takes the name of a member and its colon.
func (s *scanner) key() (string, error) {
	if s.next() != '"' {
		return "", s.broken("the name of a member")
	}
	if err := s.str(); err != nil {
		return "", err
	}
	name := string(s.word)
	if !s.accept(':') {
		return "", s.broken("a colon")
	}
	return name, nil
}

// literal takes null, true or false.
func (s *scanner) literal(word string) bool {
	s.next()
	rest := s.text[s.pos:]
	if len(rest) < len(word) || string(rest[:len(word)]) != word {
		return false
	}
	if len(rest) > len(word) && isWord(rest[len(word)]) {
		return false
	}
	s.pos += len(word)
	return true
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// mismatch is the fault that the value that comes is of another kind.
func (s *scanner) mismatch(want string) error {
	found := ""
	switch c := s.next(); {
	case c == '{':
		found = "an object"
	case c == '[':
		found = "an array"
	case c == '"':
		found = "text"
	case c == '-' || '0' <= c && c <= '9':
		found = "a number"
	case c == 't' || c == 'f':
		found = "a boolean"
	case c == 'n':
		found = "null"
	default:
		return s.broken("a value")
	}
	return faultAt(s.pos, fmt.Errorf("%s where %s is to be", found, want))
}

// number takes a number and returns its text.
func (s *scanner) number() (string, error) {
	s.next()
	start, i := s.pos, s.pos
	digits := func() bool {
		from := i
		for i < len(s.text) && '0' <= s.text[i] && s.text[i] <= '9' {
			i++
		}
		return i > from
	}
	at := func(chars string) bool {
		for j := range len(chars) {
			if i < len(s.text) && s.text[i] == chars[j] {
				i++
				return true
			}
		}
		return false
	}
	at("-")
	whole := i
	sound := digits() && (s.text[whole] != '0' || i == whole+1)
	if sound && at(".") {
		sound = digits()
	}
	if sound && at("eE") {
		at("+-")
		sound = digits()
	}
	if !sound || i < len(s.text) && isWord(s.text[i]) {
		return "", faultAt(start, fmt.Errorf("%w: a number is broken", errJSON))
	}
	s.pos = i
	return string(s.text[start:i]), nil
}

// str takes a string, whose text is in s.word then.
func (s *scanner) str() error {
	start := s.pos
	s.pos++
	s.word = s.word[:0]
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		switch {
		case c == '"':
			s.pos++
			if !utf8.Valid(s.word) {
				return faultAt(start, errUTF8)
			}
			return nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case c < ' ':
			return faultAt(s.pos, fmt.Errorf("%w: a control character in text", errJSON))
		default:
			s.word = append(s.word, c)
			s.pos++
		}
	}
	return faultAt(start, fmt.Errorf("%w: text without an end", errJSON))
}

// escape takes what begins with a backslash.
func (s *scanner) escape() error {
	const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	at := s.pos
	s.pos++
	if s.pos < len(s.text) {
		c := s.text[s.pos]
		s.pos++
		for i := range len(from) {
			if c == from[i] {
				s.word = append(s.word, to[i])
				return nil
			}
		}
		if c == 'u' {
			return s.unicode(at)
		}
	}
	return faultAt(at, fmt.Errorf("%w: a backslash with nothing that it escapes", errJSON))
}

func (s *scanner) unicode(at int) error {
	r, ok := s.hex()
	if ok && utf16.IsSurrogate(r) {
		var low rune
		if pair := s.text[s.pos:]; len(pair) > 1 && pair[0] == '\\' && pair[1] == 'u' {
			s.pos += 2
			low, _ = s.hex()
		}
		r = utf16.DecodeRune(r, low)
		ok = r != utf8.RuneError
	}
	if !ok {
		return faultAt(at, fmt.Errorf("%w: \\u without the four digits of a character", errJSON))
	}
	s.word = utf8.AppendRune(s.word, r)
	return nil
}

func (s *scanner) hex() (rune, bool) {
	const width = 4
	if len(s.text)-s.pos < width {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.text[s.pos:s.pos+width]), 16, 16)
	s.pos += width
	return rune(n), err == nil
}
