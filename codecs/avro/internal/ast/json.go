package ast

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// document is a JSON text that is known to be valid, with where each object and
// array ends, so that a text of many levels is gone over once and not once for
// each level.
type document struct {
	text []byte
	ends []int32 // by where they begin
}

func newDocument(text []byte) *document {
	d := &document{text: text, ends: make([]int32, len(text))}
	var open []int
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = d.stringEnd(i) - 1
		case '{', '[':
			open = append(open, i)
		case '}', ']':
			last := len(open) - 1
			d.ends[open[last]] = int32(i + 1)
			open = open[:last]
		}
	}
	return d
}

func (d *document) stringEnd(i int) int {
	for i++; d.text[i] != '"'; i++ {
		if d.text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// value is a JSON value of a document, or none.
type value struct {
	in      *document
	at, end int
}

// value returns the value that begins at i or behind spaces there.
func (d *document) value(i int) value {
	i = d.pastSpace(i)
	end := i
	switch d.text[i] {
	case '"':
		end = d.stringEnd(i)
	case '{', '[':
		end = int(d.ends[i])
	default:
		for end < len(d.text) && bytes.IndexByte([]byte(",]} \t\r\n"), d.text[end]) < 0 {
			end++
		}
	}
	return value{d, i, end}
}

func (d *document) pastSpace(i int) int {
	for d.text[i] <= ' ' {
		i++
	}
	return i
}

// raw returns a copy of the text, nil of none.
func (v value) raw() json.RawMessage { return bytes.Clone(v.bytes()) }

func (v value) bytes() []byte {
	if v.in == nil {
		return nil
	}
	return v.in.text[v.at:v.end]
}

// first returns the character that the value begins with, 0 of none.
func (v value) first() byte {
	if v.in == nil {
		return 0
	}
	return v.in.text[v.at]
}

// members are those of a JSON object. A struct would not do: encoding/json
// does not tell "name" from "Name".
type members map[string]value

// members returns the members of an object, none of null.
func (v value) members() (members, error) {
	found := members{}
	err := v.each('{', func(key, inner value) error {
		name, err := key.string()
		found[name] = inner
		return err
	})
	return found, err
}

// items returns the items of an array, none of null.
func (v value) items() (found []value, err error) {
	err = v.each('[', func(_, inner value) error {
		found = append(found, inner)
		return nil
	})
	return found, err
}

// each calls do for the parts of an object or an array, which have no key
// there.
func (v value) each(open byte, do func(key, inner value) error) error {
	switch {
	case v.first() == 0:
		return errors.New("it is missing")
	case string(v.bytes()) == "null":
		return nil
	case v.first() != open:
		return fmt.Errorf("%.40s does not begin with %c", v.bytes(), open)
	}
	i := v.in.pastSpace(v.at + 1)
	if i == v.end-1 {
		return nil
	}
	for ; i < v.end; i = v.in.pastSpace(i) + 1 {
		var key value
		if open == '{' {
			key = v.in.value(i)
			i = v.in.pastSpace(key.end) + 1
		}
		inner := v.in.value(i)
		if err := do(key, inner); err != nil {
			return err
		}
		i = inner.end
	}
	return nil
}

// string returns what the value is, if it is a string.
func (v value) string() (s string, err error) {
	if v.first() != '"' {
		return "", errors.New("it is no string")
	}
	err = json.Unmarshal(v.bytes(), &s)
	return s, err
}

// word returns a JSON string, empty for anything else.
func (v value) word() string {
	s, _ := v.string()
	return s
}

// number returns a JSON integer, 0 for anything else.
func (v value) number() int {
	var n int
	if v.first() != '{' && v.first() != '[' {
		_ = json.Unmarshal(v.bytes(), &n)
	}
	return n
}

// words returns a list of JSON strings, nil for anything else.
func (v value) words() []string {
	var list []string
	if v.first() == '[' {
		_ = json.Unmarshal(v.bytes(), &list)
	}
	return list
}
