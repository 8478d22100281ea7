package datum

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// What is written of a datum may be freeOutput bytes long, and outputPerByte
// more for each byte of the datum.
const freeOutput, outputPerByte = 8 << 20, 8

// Decoder reads data of a writer's schema in the form of a reader's. It is
// immutable and safe for concurrent use.
type Decoder struct {
	action   *resolve.Action
	limits   Limits
	least    sizes
	defaults map[*ast.Field][]byte
}

// NewDecoder makes ready to do what action says. A default that does not fit
// its field is an error. Limits that are zero take their defaults.
func NewDecoder(action *resolve.Action, limits Limits) (*Decoder, error) {
	d := &Decoder{action: action, limits: limits.withDefaults(), least: sizes{}, defaults: map[*ast.Field][]byte{}}
	d.least.of(action.Writer)
	p := preparing{Decoder: d, seen: map[*resolve.Action]bool{}, steps: freeSteps, bytes: freeOutput}
	return d, p.prepare(action)
}

// preparing is the encoding of all defaults. What they may need is summed:
// those of nested records can be far longer than the schema.
type preparing struct {
	*Decoder
	seen         map[*resolve.Action]bool
	steps, bytes int // that may still come
}

// prepare encodes the defaults that an action and those below it may need.
func (d *preparing) prepare(a *resolve.Action) error {
	if a == nil || d.seen[a] {
		return nil
	}
	d.seen[a] = true
	for _, def := range a.Defaults {
		if _, ok := d.defaults[def.Field]; ok {
			continue
		}
		value, err := d.encode(def.Field)
		if err != nil {
			return fmt.Errorf("field %s of %s: its default: %w", def.Field.Name, a.Reader.Name, err)
		}
		d.defaults[def.Field] = value
	}
	for _, f := range a.Fields {
		if err := d.prepare(f.Read); err != nil {
			return err
		}
	}
	for _, b := range a.Branches {
		if err := d.prepare(b); err != nil {
			return err
		}
	}
	if err := d.prepare(a.Items); err != nil {
		return err
	}
	return d.prepare(a.Inner)
}

// encode encodes the default of a field, which is in JSON.
func (d *preparing) encode(f *ast.Field) ([]byte, error) {
	e := newEncoder(nil, f.Default, d.limits)
	e.defaults, e.steps, e.most = true, d.steps+stepsPerByte*len(f.Default), d.bytes
	if err := e.whole(f.Type); err != nil {
		return nil, finish(err)
	}
	d.steps, d.bytes = min(d.steps, e.steps), d.bytes-len(e.dst)
	return e.dst, nil
}

// Append appends to dst what data, exactly one datum of the writer, is in the
// form of the reader. On an error it returns dst as it was.
func (d *Decoder) Append(dst, data []byte) ([]byte, error) {
	r := reading{
		walker:   newWalker(data, d.limits, d.least),
		defaults: d.defaults,
		dst:      slices.Grow(dst, len(data)),
		most:     len(dst) + freeOutput + outputPerByte*len(data),
	}
	if err := r.read(d.action); err != nil {
		return dst, finish(err)
	}
	if r.pos < len(data) {
		return dst, trailing(r.pos, len(data))
	}
	return r.dst, nil
}

// reading is the work on one datum.
type reading struct {
	walker
	defaults map[*ast.Field][]byte
	dst      []byte
	most     int    // that dst may hold
	order    []byte // scratch for putting fields into their order
	spans    []span // of the fields that are being read
}

// span is where the value of one of the reader's fields is in dst.
type span struct{ from, to int }

func (r *reading) put(b []byte) error {
	if len(b) > r.most-len(r.dst) {
		return faultAt(r.pos, ErrLarge)
	}
	r.dst = append(r.dst, b...)
	return nil
}

func (r *reading) read(a *resolve.Action) error {
	if a.Kind == resolve.WriterUnion {
		branch, err := r.index(len(a.Branches), "branch")
		if err != nil {
			return err
		}
		return r.read(a.Branches[branch])
	}
	if a.Kind == resolve.ReaderUnion {
		r.dst = binary.AppendVarint(r.dst, int64(a.Branch))
		return r.read(a.Inner)
	}
	if err := r.step(); err != nil {
		return err
	}
	switch a.Kind {
	case resolve.Direct:
		return r.direct(a.Writer)
	case resolve.Promote:
		return r.promote(a)
	case resolve.Record:
		return r.record(a)
	case resolve.Enum:
		return r.enum(a)
	case resolve.Array, resolve.Map:
		return r.items(a)
	}
	return faultAt(r.pos, a.Err)
}

// direct copies a value, with its numbers in their shortest form.
func (r *reading) direct(n *ast.Node) error {
	at := r.pos
	if err := r.skipScalar(n); err != nil {
		return err
	}
	if n.Kind != ast.Int && n.Kind != ast.Long && n.Kind != ast.Bytes && n.Kind != ast.String {
		return r.put(r.src[at:r.pos])
	}
	again := cursor{src: r.src, pos: at}
	number, _ := again.long()
	r.dst = binary.AppendVarint(r.dst, number)
	return r.put(r.src[again.pos:r.pos])
}

func (r *reading) enum(a *resolve.Action) error {
	at := r.pos
	written, err := r.index(len(a.Symbols), "symbol")
	if err != nil {
		return err
	}
	symbol := a.Symbols[written]
	if symbol < 0 {
		return faultAt(at, fmt.Errorf("enum %s: the reader has neither the symbol %s nor a default", a.Reader.Name, a.Writer.Symbols[written]))
	}
	r.dst = binary.AppendVarint(r.dst, int64(symbol))
	return nil
}

func (r *reading) promote(a *resolve.Action) error {
	at := r.pos
	switch a.Writer.Kind {
	case ast.Int, ast.Long:
		read := r.long
		if a.Writer.Kind == ast.Int {
			read = r.int
		}
		n, err := read()
		if err == nil {
			r.dst = appendNumber(r.dst, a.Reader.Kind, n)
		}
		return err
	case ast.Float:
		b, err := r.take(4)
		if err == nil {
			f := math.Float32frombits(binary.LittleEndian.Uint32(b))
			r.dst = binary.LittleEndian.AppendUint64(r.dst, math.Float64bits(float64(f)))
		}
		return err
	}
	if err := r.direct(a.Writer); err != nil || a.Reader.Kind != ast.String {
		return err
	}
	again := cursor{src: r.src, pos: at}
	_, err := again.text()
	return err
}

func appendNumber(dst []byte, kind ast.Kind, n int64) []byte {
	switch kind {
	case ast.Float:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(n)))
	case ast.Double:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(float64(n)))
	}
	return binary.AppendVarint(dst, n)
}

// items reads an array or a map, as one block.
func (r *reading) items(a *resolve.Action) error {
	start, head := len(r.dst), 0
	total, err := r.blocks(a.Writer, func() error {
		if head == 0 {
			r.dst = append(r.dst, 0) // room for a count of up to 63
			head = 1
		}
		if len(r.dst) > r.most {
			return faultAt(r.pos, ErrLarge)
		}
		if a.Kind == resolve.Map {
			if err := r.direct(mapKey); err != nil {
				return err
			}
		}
		return r.read(a.Items)
	})
	if err != nil {
		return err
	}
	if total > 0 {
		var count [binary.MaxVarintLen64]byte
		n := binary.PutVarint(count[:], int64(total))
		r.dst = slices.Replace(r.dst, start, start+1, count[:n]...)
	}
	r.dst = append(r.dst, 0)
	return nil
}

var mapKey = &ast.Node{Kind: ast.String}
