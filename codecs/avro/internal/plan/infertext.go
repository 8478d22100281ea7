package plan

import (
	"fmt"
	"strconv"
	"strings"
)

// render appends the JSON of a type. A type that was defined before in the
// same words becomes its name.
func (in *inference) render(dst []byte, o *outline) ([]byte, error) {
	switch {
	case o.ref != "":
		return append(dst, quote(o.ref)...), nil
	case o.kind == "union":
		return in.renderUnion(dst, o.branches)
	case o.name == "":
		return in.define(dst, o)
	}
	text, err := in.define(nil, o)
	if err != nil {
		return nil, err
	}
	full := o.name
	if !strings.Contains(full, ".") {
		full = in.full(full)
	}
	switch before, known := in.defined[full]; {
	case !known:
		in.defined[full] = string(text)
		return append(dst, text...), nil
	case before != string(text):
		return nil, fmt.Errorf("two different types have the name %s", full)
	}
	return append(dst, quote(full)...), nil
}

func (in *inference) renderUnion(dst []byte, branches []*outline) (_ []byte, err error) {
	dst = append(dst, '[')
	for i, b := range branches {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = in.render(dst, b); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func (in *inference) define(dst []byte, o *outline) (_ []byte, err error) {
	if o.given != "" {
		return append(dst, o.given...), nil
	}
	dst = append(append(dst, `{"type":`...), quote(o.kind)...)
	dst = appendMember(dst, "name", o.name)
	dst = appendMember(dst, "namespace", o.space)
	dst = appendNames(dst, "aliases", o.aliases)
	dst = appendMember(dst, "logicalType", o.logical)
	if o.logical == "decimal" {
		dst = strconv.AppendInt(append(dst, `,"precision":`...), int64(o.decimal[0]), 10)
		dst = strconv.AppendInt(append(dst, `,"scale":`...), int64(o.decimal[1]), 10)
	}
	switch o.kind {
	case "fixed":
		dst = strconv.AppendInt(append(dst, `,"size":`...), int64(o.size), 10)
	case "array":
		dst, err = in.render(append(dst, `,"items":`...), o.inner)
	case "map":
		dst, err = in.render(append(dst, `,"values":`...), o.inner)
	case "record":
		dst, err = in.renderFields(dst, o.fields)
	}
	return append(dst, '}'), err
}

func (in *inference) renderFields(dst []byte, fields []outlineField) (_ []byte, err error) {
	dst = append(dst, `,"fields":[`...)
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, `{"name":`...), quote(f.name)...)
		if dst, err = in.render(append(dst, `,"type":`...), f.typ); err != nil {
			return nil, fmt.Errorf("field %s: %w", f.name, err)
		}
		dst = appendNames(dst, "aliases", f.aliases)
		if f.dflt != nil {
			dst = append(append(dst, `,"default":`...), f.dflt...)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']'), nil
}

func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return append(append(append(append(dst, ','), quote(name)...), ':'), quote(value)...)
}

func appendNames(dst []byte, name string, values []string) []byte {
	if len(values) == 0 {
		return dst
	}
	dst = append(append(append(dst, ','), quote(name)...), ':', '[')
	for i, value := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, quote(value)...)
	}
	return append(dst, ']')
}
