package plan

import (
	"fmt"
	"reflect"
	"strings"
)

// structField is where a struct keeps the value of an Avro field.
type structField struct {
	name     string
	goName   string
	typ      reflect.Type
	index    []int
	offset   uintptr // from the last hop, or from the struct itself
	hops     []hop   // embedded pointers on the way
	tagged   bool
	omitZero bool
	options  []string // of the tag
	clash    string   // the other Go field of the same name
}

// behind returns where the value, or the next embedded pointer to it, is in
// what each embedded pointer points to.
func (f *structField) behind() []uintptr {
	var offsets []uintptr
	for _, h := range f.hops[1:] {
		offsets = append(offsets, h.offset)
	}
	return append(offsets, f.offset)
}

// spot is a place in memory that programs and scripts work on, and its name in
// messages.
type spot struct {
	off  uintptr
	path string // from the program's value
	full string // from the top, for faults
	lift int    // records around, inside the program
}

// in returns the spot of a field of the record at s.
func (s spot) in(name string, offset uintptr) spot {
	return spot{off: s.off + offset, path: join(s.path, name), full: join(s.full, name), lift: s.lift + 1}
}

// clashes names what keeps a field from being one.
func (f *structField) clashes(faults *faults, full string, t reflect.Type) bool {
	if f.clash != "" {
		faults.add(join(full, f.name), "the fields %s and %s of %s have the same name", f.goName, f.clash, t)
	}
	return f.clash != ""
}

// hop is an embedded pointer to a struct.
type hop struct {
	offset uintptr
	elem   reflect.Type
}

// structFields returns the fields of a struct type in their order, embedded
// and inlined structs flattened. Of several with one name a tagged one wins,
// then the shallowest; a tie stays in the list with its clash.
func (ts *Types) structFields(t reflect.Type) ([]*structField, error) {
	w := fieldWalk{types: ts, visiting: map[reflect.Type]bool{}}
	if err := w.walk(t, structField{}); err != nil {
		return nil, err
	}
	winners, at := []*structField{}, map[string]int{}
	for _, f := range w.found {
		i, known := at[f.name]
		if !known {
			at[f.name] = len(winners)
			winners = append(winners, f)
			continue
		}
		winners[i] = prefer(winners[i], f)
	}
	return winners, nil
}

func prefer(a, b *structField) *structField {
	switch {
	case a.tagged != b.tagged:
		if b.tagged {
			return b
		}
	case len(a.index) > len(b.index):
		return b
	case len(a.index) == len(b.index):
		a.clash = b.goName
	}
	return a
}

type fieldWalk struct {
	types    *Types
	visiting map[reflect.Type]bool
	found    []*structField
}

func (w *fieldWalk) walk(t reflect.Type, at structField) error {
	if w.visiting[t] {
		return nil
	}
	w.visiting[t] = true
	defer delete(w.visiting, t)
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, embedded := sf.Tag.Get("avro"), sf.Anonymous && isStruct(sf.Type) && !w.types.isValue(sf.Type)
		if tag == "-" || !sf.IsExported() && !embedded {
			continue
		}
		f, inline, err := parseTag(sf, tag)
		if err != nil {
			return err
		}
		f.index = append(append([]int{}, at.index...), i)
		f.offset, f.hops = at.offset+sf.Offset, at.hops
		if inline || embedded && !f.tagged {
			err = w.flatten(sf.Type, f)
		} else if sf.IsExported() {
			w.found = append(w.found, &f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *fieldWalk) flatten(t reflect.Type, at structField) error {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
		at.hops = append(append([]hop{}, at.hops...), hop{at.offset, t})
		at.offset = 0
	}
	return w.walk(t, at)
}

// isValue reports whether a struct is one value, so that embedding it makes a
// field and not many.
func (ts *Types) isValue(t reflect.Type) bool {
	if ts.customOf(t) != nil {
		return true
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return isTimeType(t) || t == typeRat || t == typeDuration || ts.customOf(t) != nil
}

func isStruct(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct
}

func (ts *Types) fieldsByName(t reflect.Type) (map[string]*structField, error) {
	list, err := ts.structFields(t)
	byName := make(map[string]*structField, len(list))
	for _, f := range list {
		byName[f.name] = f
	}
	return byName, err
}

// parseTag reads a field's tag. Options that only schema inference uses are
// kept unread.
func parseTag(sf reflect.StructField, tag string) (f structField, inline bool, err error) {
	parts, err := splitTag(tag)
	if err != nil {
		return f, false, fmt.Errorf("field %s: %w", sf.Name, err)
	}
	if strings.HasPrefix(tag, "-") {
		return f, false, fmt.Errorf("field %s: the tag %q has more than the dash that leaves a field out", sf.Name, tag)
	}
	f = structField{name: parts[0], goName: sf.Name, typ: sf.Type, tagged: parts[0] != "", options: parts[1:]}
	if !f.tagged {
		f.name = sf.Name
	}
	for _, option := range f.options {
		inline = inline || option == "inline"
		f.omitZero = f.omitZero || option == "omitzero"
	}
	if inline && (f.tagged || len(f.options) > 1 || !isStruct(sf.Type)) {
		return f, false, fmt.Errorf("field %s: inline is for structs, without a name and other options", sf.Name)
	}
	return f, inline, nil
}

// splitTag splits a tag at its commas, but not in brackets nor behind default=.
func splitTag(tag string) ([]string, error) {
	var parts []string
	depth, start := 0, 0
	for i, c := range tag {
		switch c {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case ',':
			if depth != 0 {
				continue
			}
			parts = append(parts, tag[start:i])
			start = i + 1
			if strings.HasPrefix(tag[start:], "default=") {
				return append(parts, tag[start:]), nil
			}
		}
		if depth < 0 {
			break
		}
	}
	if depth != 0 {
		return nil, fmt.Errorf("the brackets in the tag %q do not match", tag)
	}
	return append(parts, tag[start:]), nil
}
