package datum

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// Form is a way to write data as JSON.
type Form uint8

const (
	// Tagged is Avro's JSON encoding: a union's value that is not null is an
	// object of one member, named after the branch.
	Tagged Form = iota
	// Plain writes a union's value as it is, and what people would: floats in
	// their shortest form, and U+2028 and U+2029, which may end a line, escaped.
	Plain
)

// AppendJSON appends data, exactly one datum of the schema, as JSON in one
// line. Bytes and fixed are text of the code points 0 to 255; NaN, Infinity
// and -Infinity are text; other floats of the tagged form always have a fraction
// or an exponent. On an error it returns dst as it was.
func (s *Schema) AppendJSON(dst, data []byte, form Form) ([]byte, error) {
	r := rendering{
		walker: newWalker(data, s.limits, s.least),
		dst:    dst,
		most:   len(dst) + freeOutput + outputPerByte*len(data),
		form:   form,
	}
	if err := r.value(s.root); err != nil {
		return dst, finish(err)
	}
	if r.pos < len(data) {
		return dst, trailing(r.pos, len(data))
	}
	return r.dst, nil
}

// WriteJSON writes what AppendJSON would append, without holding it all: for
// large data. It writes nothing of a datum that has a fault.
func (s *Schema) WriteJSON(to io.Writer, data []byte, form Form) error {
	if len(data) < flushBytes {
		text, err := s.AppendJSON(nil, data, form)
		if err == nil {
			_, err = to.Write(text)
		}
		if !errors.Is(err, ErrLarge) {
			return err
		}
	}
	for _, sink := range []io.Writer{io.Discard, to} {
		r := rendering{
			walker: newWalker(data, s.limits, s.least),
			sink:   sink,
			most:   freeWritten + outputPerByte*len(data),
			form:   form,
		}
		err := r.value(s.root)
		if err == nil && r.pos < len(data) {
			return trailing(r.pos, len(data))
		}
		if err == nil {
			err = r.flush()
		}
		if err != nil {
			return finish(err)
		}
	}
	return nil
}

// flushBytes is how much is held before it is written.
const flushBytes = 64 << 10

// freeWritten stands for freeOutput where the output is not held.
const freeWritten = 64 << 20

type rendering struct {
	walker
	dst  []byte
	sink io.Writer // nil to keep all in dst
	most int       // that may still be written
	form Form
}

// room pays for what was written so far, and makes room for more.
func (r *rendering) room() error {
	if len(r.dst) > r.most {
		return faultAt(r.pos, ErrLarge)
	}
	if r.sink != nil && len(r.dst) > flushBytes {
		return r.flush()
	}
	return nil
}

// flush writes down what is there.
func (r *rendering) flush() error {
	r.most -= len(r.dst)
	_, err := r.sink.Write(r.dst)
	r.dst = r.dst[:0]
	return err
}

func (r *rendering) value(n *ast.Node) error {
	if err := r.step(); err != nil {
		return err
	}
	if err := r.room(); err != nil {
		return err
	}
	switch n.Kind {
	case ast.Record:
		return r.record(n)
	case ast.Array, ast.Map:
		return r.items(n)
	case ast.Union:
		return r.union(n)
	}
	return r.scalar(n)
}

func (r *rendering) union(n *ast.Node) error {
	i, err := r.index(len(n.Branches), "branch")
	if err != nil {
		return err
	}
	branch := n.Branches[i]
	if r.form == Plain || branch.Kind == ast.Null {
		return r.value(branch)
	}
	r.dst = append(appendQuoted(append(r.dst, '{'), branch.TypeName()), ':')
	err = r.value(branch)
	r.dst = append(r.dst, '}')
	return err
}

func (r *rendering) record(n *ast.Node) error {
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	open := byte('{')
	for _, f := range n.Fields {
		r.dst = append(appendQuoted(append(r.dst, open), f.Name), ':')
		open = ','
		if err := r.value(f.Type); err != nil {
			return within(f.Name, err)
		}
	}
	if len(n.Fields) == 0 {
		r.dst = append(r.dst, '{')
	}
	r.dst = append(r.dst, '}')
	return nil
}

func (r *rendering) items(n *ast.Node) error {
	open, end := byte('['), byte(']')
	if n.Kind == ast.Map {
		open, end = '{', '}'
	}
	next := open
	total, err := r.blocks(n, func() error {
		r.dst, next = append(r.dst, next), ','
		if n.Kind == ast.Map {
			key, err := r.text()
			if err != nil {
				return err
			}
			r.dst = append(r.form.appendText(append(r.dst, '"'), key), '"', ':')
		}
		return r.value(n.Items)
	})
	if total == 0 {
		r.dst = append(r.dst, open)
	}
	r.dst = append(r.dst, end)
	return err
}

func (r *rendering) scalar(n *ast.Node) error {
	at := r.pos
	if err := r.skipScalar(n); err != nil {
		return err
	}
	// What was checked can be read again without looking.
	c := cursor{src: r.src, pos: at}
	switch n.Kind {
	case ast.Null:
		r.dst = append(r.dst, "null"...)
	case ast.Boolean:
		r.dst = strconv.AppendBool(r.dst, r.src[at] == 1)
	case ast.Int, ast.Long:
		number, _ := c.long()
		r.dst = strconv.AppendInt(r.dst, number, 10)
	case ast.Float:
		r.dst = r.form.appendFloat(r.dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(r.src[at:]))), 32)
	case ast.Double:
		r.dst = r.form.appendFloat(r.dst, math.Float64frombits(binary.LittleEndian.Uint64(r.src[at:])), 64)
	case ast.Enum:
		symbol, _ := c.long()
		r.dst = appendQuoted(r.dst, n.Symbols[symbol])
	case ast.String:
		text, _ := c.bytes()
		return r.quote(text, r.form.appendText)
	case ast.Bytes:
		text, _ := c.bytes()
		return r.quote(text, appendLatin)
	case ast.Fixed:
		return r.quote(r.src[at:r.pos], appendLatin)
	}
	return nil
}

// quote writes a string of any length, piece by piece.
func (r *rendering) quote(text []byte, write func(dst, text []byte) []byte) error {
	r.dst = append(r.dst, '"')
	for len(text) > 0 {
		n := min(len(text), flushBytes)
		for n < len(text) && n > flushBytes-utf8.UTFMax && !utf8.RuneStart(text[n]) {
			n--
		}
		r.dst = write(r.dst, text[:n])
		if err := r.room(); err != nil {
			return err
		}
		text = text[n:]
	}
	r.dst = append(r.dst, '"')
	return nil
}

// appendFloat writes a number of 32 or 64 bits. What compares Avro's JSON
// encoding takes all numbers for doubles, so a float is written as the double
// that it is there.
func (form Form) appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	if form == Plain {
		return strconv.AppendFloat(dst, f, 'g', -1, bits)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
	if !strings.ContainsAny(string(dst[start:]), ".e") {
		dst = append(dst, ".0"...)
	}
	return dst
}

// appendText writes what is between the quotes of text, which is UTF-8.
func (form Form) appendText(dst, text []byte) []byte {
	const begin, line, paragraph = "\xe2\x80", 0xa8, 0xa9 // of U+2028 and U+2029
	for i := 0; form == Plain; {
		at := bytes.Index(text[i:], []byte(begin))
		if at < 0 {
			break
		}
		i += at + len(begin)
		if last := text[i]; last == line || last == paragraph {
			dst = append(appendEscaped(dst, text[:i-len(begin)]), `\u202`...)
			dst = append(dst, '8'+last-line)
			text, i = text[i+1:], 0
		}
	}
	return appendEscaped(dst, text)
}

// appendQuoted writes text, which is UTF-8, as a JSON string.
func appendQuoted[T string | []byte](dst []byte, text T) []byte {
	return append(appendEscaped(append(dst, '"'), text), '"')
}

// appendEscaped writes what is between the quotes.
func appendEscaped[T string | []byte](dst []byte, text T) []byte {
	from := 0
	for i := range len(text) {
		if c := text[i]; c == '"' || c == '\\' || c < ' ' || c == 0x7f {
			dst = appendASCII(append(dst, text[from:i]...), c)
			from = i + 1
		}
	}
	return append(dst, text[from:]...)
}

// appendLatin writes each byte as the character of its number.
func appendLatin(dst, bytes []byte) []byte {
	for _, b := range bytes {
		dst = appendASCII(dst, b)
	}
	return dst
}

// appendASCII writes a character, escaped unless it is a printable one.
func appendASCII(dst []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c >= ' ' && c < 0x7f:
		return append(dst, c)
	}
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&0xf])
}
