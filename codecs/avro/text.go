package avro

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// JSON returns the datum as JSON: unions without wrappers, bytes as Avro's
// JSON encoding writes them, dates and times as their numbers, NaN and the
// infinities as text. Text that is not UTF-8 has U+FFFD where it is broken.
func (s *ParsedSchema) JSON(datum []byte) ([]byte, error) {
	of, err := s.shape()
	if err != nil {
		return nil, err
	}
	w := walker{json: true, out: make([]byte, 0, 2*len(datum)), values: allowed(datum)}
	rest, err := w.run(of, datum)
	if err == nil {
		err = checkEnd(rest)
	}
	if err != nil {
		return nil, err
	}
	return w.out, nil
}

// FieldText returns the value of a record's field as a key holds it: text,
// bytes, a fixed and an enum's symbol as they are, a number as the one that
// Avro holds, in decimal, true or false, and nil for null. Of a union it is
// the value's. It is the caller's own memory. Other types, and a field that
// is not there, are an error. Nothing behind the field is looked at.
func (s *ParsedSchema) FieldText(datum []byte, field string) ([]byte, error) {
	of, err := s.shape()
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(of.fields, func(f shapeField) bool { return f.name == field })
	if at < 0 {
		return nil, fmt.Errorf("avro: %s has no field %s", s.Name(), field)
	}
	w := walker{values: allowed(datum)}
	for _, before := range of.fields[:at] {
		if datum, err = w.run(before.of, datum); err != nil {
			return nil, err
		}
	}
	text, err := appendText([]byte{}, of.fields[at].of, datum)
	if err != nil {
		return nil, fmt.Errorf("avro: reading %s of %s: %w", field, s.Name(), err)
	}
	return text, nil
}

func appendText(dst []byte, of *shape, src []byte) (text []byte, err error) {
	if of.kind == kindUnion {
		if of, src, err = branchOf(of, src); err != nil {
			return nil, err
		}
	}
	switch of.kind {
	case kindNull:
		return nil, nil
	case kindRecord, kindArray, kindMap, kindUnion:
		return nil, errors.New("the value has parts and cannot be a key")
	}
	v, _, err := readScalar(of, src)
	if err != nil {
		return nil, err
	}
	switch of.kind {
	case kindBoolean:
		return strconv.AppendBool(dst, v.number == 1), nil
	case kindInt, kindLong:
		return strconv.AppendInt(dst, v.number, 10), nil
	case kindFloat:
		return strconv.AppendFloat(dst, v.float, 'f', -1, 32), nil
	case kindDouble:
		return strconv.AppendFloat(dst, v.float, 'f', -1, 64), nil
	case kindEnum:
		return append(dst, of.symbols[v.number]...), nil
	}
	return append(dst, v.bytes...), nil
}

func (v scalar) appendJSON(dst []byte) []byte {
	switch v.of.kind {
	case kindNull:
		return append(dst, "null"...)
	case kindBoolean:
		return strconv.AppendBool(dst, v.number == 1)
	case kindInt, kindLong:
		return strconv.AppendInt(dst, v.number, 10)
	case kindFloat:
		return appendFloat(dst, v.float, 32)
	case kindDouble:
		return appendFloat(dst, v.float, 64)
	case kindEnum:
		return appendQuoted(dst, v.of.symbols[v.number])
	case kindString:
		return appendQuoted(dst, v.bytes)
	}
	return appendLatin(dst, v.bytes)
}

func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}

// appendQuoted writes text as a JSON string.
func appendQuoted[T string | []byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			dst = appendASCII(dst, text[i])
			i++
			continue
		}
		// Broken bytes come out as U+FFFD.
		r, n := utf8.DecodeRuneInString(string(text[i:min(len(text), i+utf8.UTFMax)]))
		if r == '\u2028' || r == '\u2029' {
			dst = append(dst, `\u202`...)
			dst = append(dst, hexDigits[r&0xf])
		} else {
			dst = utf8.AppendRune(dst, r)
		}
		i += n
	}
	return append(dst, '"')
}

// appendLatin writes bytes as Avro's JSON encoding does: each is the character
// of its number.
func appendLatin(dst, bytes []byte) []byte {
	dst = append(dst, '"')
	for _, b := range bytes {
		dst = appendASCII(dst, b)
	}
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"

// appendASCII writes a character, escaped unless it is a printable one.
func appendASCII(dst []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c >= ' ' && c < 0x7f:
		return append(dst, c)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}

// text writes a piece of JSON.
func (w *walker) text(piece string) {
	if w.json {
		w.out = append(w.out, piece...)
	}
}

func (w *walker) comma(before int) {
	if w.json && before > 0 {
		w.out = append(w.out, ',')
	}
}
