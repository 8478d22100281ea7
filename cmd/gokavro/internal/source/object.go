package source

import (
	"bytes"
	"encoding/json"
	"errors"
)

// ErrDeep is why a line is not read.
var ErrDeep = errors.New("it is nested more than 10,000 levels deep")

// maxDepth is how deep encoding/json reads.
const maxDepth = 10_000

// Raw is a JSON value as it is in its line. It is valid as long as the line.
type Raw []byte

// UnmarshalJSON keeps the text, without a copy of what may be large.
func (r *Raw) UnmarshalJSON(text []byte) error {
	*r = text
	return nil
}

// MarshalJSON returns the text, null without one.
func (r Raw) MarshalJSON() ([]byte, error) {
	if r == nil {
		return []byte("null"), nil
	}
	return r, nil
}

// IsNull tells a value that is not there.
func (r Raw) IsNull() bool { return r == nil || string(r) == "null" }

// Object reads a line of a batch, a JSON object with a member name, into v. The
// fault of one that is nested too deeply is its own, not the batch's: it is
// ErrDeep, and deep is the name, null without one.
func Object(line []byte, v any) (deep Raw, err error) {
	err = json.Unmarshal(line, v)
	if _, ok := errors.AsType[*json.SyntaxError](err); !ok {
		return nil, err
	}
	l := looker{rest: line}
	if name, ok := l.name(); ok && l.deepest >= maxDepth {
		return name, ErrDeep
	}
	return nil, err
}

// looker looks through a line that encoding/json does not read, without memory
// for each level.
type looker struct {
	rest    []byte
	deepest int // levels of a member's value
}

// name finds the member name of an object however deep the others are; ok tells
// whether the line looks like one.
func (l *looker) name() (name Raw, ok bool) {
	name = Raw("null")
	if !l.next('{') {
		return nil, false
	}
	for more := true; more; more = l.next(',') {
		var key string
		if err := json.Unmarshal(l.value(), &key); err != nil || !l.next(':') {
			return nil, false
		}
		value := l.value()
		if key != "name" {
			continue
		}
		if name = value; !json.Valid(name) {
			return nil, false
		}
	}
	return name, l.next('}') && len(l.rest) == 0
}

// next goes past a character if it is what comes next.
func (l *looker) next(c byte) bool {
	rest := bytes.TrimLeft(l.rest, " \t\r\n")
	if len(rest) == 0 || rest[0] != c {
		return false
	}
	l.rest = rest[1:]
	return true
}

// value goes over a value, or what looks like one.
func (l *looker) value() []byte {
	text := bytes.TrimLeft(l.rest, " \t\r\n")
	depth, end := 0, 0
	for end < len(text) {
		size := 1
		switch c := text[end]; {
		case c == '"':
			size = stringEnd(text[end:])
		case c == '{' || c == '[':
			depth++
			l.deepest = max(l.deepest, depth)
		case depth > 0 && (c == '}' || c == ']'):
			depth--
		case depth == 0:
			size = bytes.IndexAny(text[end:], ",}] \t\r\n")
			if size <= 0 {
				size = len(text) - end
			}
		}
		if end += size; depth == 0 {
			break
		}
	}
	l.rest = text[end:]
	return text[:end]
}

// stringEnd returns how long the string is that text begins with.
func stringEnd(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}
