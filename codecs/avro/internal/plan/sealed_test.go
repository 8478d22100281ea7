package plan_test

import (
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

type (
	shape  interface{ Area() float64 }
	circle struct {
		R int32 `avro:"r"`
	}
	square struct {
		Side int32  `avro:"side"`
		Name string `avro:"name"`
	}
	label string
	side  int64
	group struct {
		Shapes []shape `avro:"shapes"`
	}
	onePointer struct {
		Next *onePointer `avro:"next"`
	}
)

func (circle) Area() float64     { return 1 }
func (*square) Area() float64    { return 2 }
func (label) Area() float64      { return 0 }
func (side) Area() float64       { return 0 }
func (group) Area() float64      { return 3 }
func (onePointer) Area() float64 { return 4 }

// sealedShape seals shape with the types of values; nil is null.
func sealedShape(values ...shape) *plan.Types {
	types := make([]reflect.Type, len(values))
	for i, v := range values {
		types[i] = reflect.TypeOf(v)
	}
	var ts plan.Types
	ts.Seal(reflect.TypeFor[shape](), types...)
	return &ts
}

func allShapes() *plan.Types {
	return sealedShape(nil, circle{}, &square{}, label(""), side(0), group{}, onePointer{})
}

// coder writes and reads values of type T in one schema.
type coder[T any] struct {
	e *plan.Encoder
	d *plan.Decoder
}

func coderOf[T any](t testing.TB, schema string, types *plan.Types) coder[T] {
	t.Helper()
	node := parse(t, schema)
	e, err := plan.NewEncoder(node, reflect.TypeFor[T](), types)
	if err != nil {
		t.Fatal(err)
	}
	d, err := plan.NewDecoder(resolve.New(node, node), reflect.TypeFor[T](), types, plan.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return coder[T]{e, d}
}

// both checks that value is written as text in hex, and read from it again.
func (c coder[T]) both(t *testing.T, value T, text string) {
	t.Helper()
	out, err := plan.Append(c.e, nil, &value)
	if got := hex.EncodeToString(out); err != nil || got != text {
		t.Errorf("writing %#v: got %s, %v, want %s", value, got, err, text)
	}
	var got T
	err = plan.Decode(c.d, hexBytes(t, text), &got)
	if diff := cmp.Diff(got, value); err != nil || diff != "" {
		t.Errorf("reading: %v\n%s", err, diff)
	}
}

// again reads data, and what is written of that.
func (c coder[T]) again(t *testing.T, data []byte) {
	t.Helper()
	var value, second T
	if err := plan.Decode(c.d, data, &value); err != nil {
		mustPlace(t, err, len(data))
		return
	}
	out, err := plan.Append(c.e, nil, &value)
	if err == nil {
		err = plan.Decode(c.d, out, &second)
	}
	if diff := cmp.Diff(second, value); err != nil || diff != "" {
		t.Errorf("writing %#v again: got %x, %v\n%s", value, out, err, diff)
	}
}

type drawing struct {
	One  shape            `avro:"one"`
	List []shape          `avro:"list"`
	Map  map[string]shape `avro:"map"`
	Ptr  *shape           `avro:"ptr"`
	PP   **shape          `avro:"pp"`
}

const shapesSchema = `["null",{"type":"record","name":"circle","fields":[{"name":"r","type":"int"}]},` +
	`{"type":"record","name":"square","fields":[{"name":"side","type":"int"},{"name":"name","type":"string"}]},` +
	`"string","long",{"type":"record","name":"group","fields":[{"name":"shapes","type":{"type":"array","items":["null","circle","square","string","long","group",` +
	`{"type":"record","name":"onePointer","fields":[{"name":"next","type":["null","onePointer"],"default":null}]}]}}]},"onePointer"]`

func TestSealedInterfacesAreUnionsOfTheirTypes(t *testing.T) {
	t.Parallel()
	c := coderOf[shape](t, shapesSchema, allShapes())
	for name, tt := range map[string]struct {
		value shape
		hex   string
	}{
		"nil":                 {nil, "00"},
		"a struct":            {circle{5}, "020a"},
		"a pointer":           {&square{Side: 1, Name: "x"}, "04020278"},
		"a text":              {label("x"), "060278"},
		"a number":            {side(-1), "0801"},
		"a record of itself":  {group{[]shape{circle{1}, nil, group{[]shape{}}}}, "0a060202" + "00" + "0a00" + "00"},
		"a struct like a ptr": {onePointer{&onePointer{}}, "0c0200"},
		"a nil inside":        {onePointer{}, "0c00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.both(t, tt.value, tt.hex)
		})
	}
}

func TestSealedInterfacesWorkAnywhereInAType(t *testing.T) {
	t.Parallel()
	types := allShapes()
	schema, err := plan.Infer(reflect.TypeFor[drawing](), types, "", "")
	if err != nil {
		t.Fatal(err)
	}
	one, two := shape(circle{1}), shape(label("y"))
	pointer := &two
	c := coderOf[drawing](t, schema, types)
	c.both(t, drawing{
		One: side(3), List: []shape{circle{2}, nil}, Map: map[string]shape{"k": &square{Side: 4}}, Ptr: &one, PP: &pointer,
	}, "0806"+"04"+"0204"+"00"+"00"+"02026b"+"040800"+"00"+"0202"+"060279")
	c.both(t, drawing{List: []shape{}, Map: map[string]shape{}}, "00"+"00"+"00"+"00"+"00")
}

func TestInferMakesAUnionInDeclaredOrder(t *testing.T) {
	t.Parallel()
	type record struct {
		A shape            `avro:"a"`
		B []*shape         `avro:"b"`
		C map[string]shape `avro:"c"`
	}
	const circleText = `{"type":"record","name":"circle","namespace":"n","fields":[{"name":"r","type":"int"}]}`
	for name, tt := range map[string]struct {
		types *plan.Types
		want  string
	}{
		"null first": {sealedShape(nil, circle{}, label("")), `{"type":"record","name":"record","namespace":"n","fields":[` +
			`{"name":"a","type":["null",` + circleText + `,"string"],"default":null},` +
			`{"name":"b","type":{"type":"array","items":["null","n.circle","string"]}},` +
			`{"name":"c","type":{"type":"map","values":["null","n.circle","string"]}}]}`},
		"no null": {sealedShape(label(""), circle{}), `{"type":"record","name":"record","namespace":"n","fields":[` +
			`{"name":"a","type":["string",` + circleText + `]},` +
			`{"name":"b","type":{"type":"array","items":["null","string","n.circle"]}},` +
			`{"name":"c","type":{"type":"map","values":["string","n.circle"]}}]}`},
	} {
		got, err := plan.Infer(reflect.TypeFor[record](), tt.types, "n", "")
		if err != nil || got != tt.want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, tt.want)
		}
		if _, err := plan.NewEncoder(parse(t, got), reflect.TypeFor[record](), tt.types); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTypesOfAGivenUnionAreFound(t *testing.T) {
	t.Parallel()
	types := sealedShape(circle{}, &square{}, label(""), side(0))
	for name, tt := range map[string]struct{ schema, circle string }{
		"by name":  {`["long","string",{"type":"record","name":"a.square","fields":[{"name":"side","type":"int"},{"name":"name","type":"string"}]},{"type":"record","name":"b.circle","fields":[{"name":"r","type":"int"}]}]`, "06"},
		"by alias": {`["long","string",{"type":"record","name":"S","aliases":["square"],"fields":[]},{"type":"record","name":"C","aliases":["circle"],"fields":[]}]`, "06"},
		"by fit":   {`[{"type":"record","name":"C","fields":[{"name":"r","type":"int"}]},"long",{"type":"enum","name":"label","symbols":["A"]},{"type":"record","name":"square","fields":[]}]`, "00"},
	} {
		c := coderOf[shape](t, tt.schema, types)
		value := shape(circle{})
		if out, err := plan.Append(c.e, nil, &value); err != nil || !strings.HasPrefix(hex.EncodeToString(out), tt.circle) {
			t.Errorf("%s: got %x, %v, want the branch %s", name, out, err, tt.circle)
		}
	}
}

func TestSealedMismatchesAreAllNamed(t *testing.T) {
	t.Parallel()
	schema := `{"type":"record","name":"drawing","fields":[{"name":"one","type":["int",` +
		`{"type":"record","name":"circle","fields":[{"name":"r","type":"string"}]},{"type":"record","name":"hexagon","fields":[{"name":"x","type":"int"}]}]},` +
		`{"name":"list","type":{"type":"array","items":"circle"}},{"name":"map","type":{"type":"map","values":["null","circle"]}},` +
		`{"name":"ptr","type":"int"},{"name":"pp","type":["null","circle"]}]}`
	types := sealedShape(nil, circle{}, &square{})
	unpaired := `one: no type of the sealed plan_test.shape is for the union's branch int; ` +
		`one: no type of the sealed plan_test.shape is for the union's branch record hexagon; ` +
		`one: the sealed plan_test.shape may be nil, and the union has no null; ` +
		`one: the union has no branch for the type *plan_test.square of the sealed plan_test.shape; `
	node := parse(t, schema)
	_, err := plan.NewEncoder(node, reflect.TypeFor[drawing](), types)
	want := `writing plan_test.drawing as record drawing: ` + unpaired +
		`one.r: the Go type int32 cannot be written as Avro's string; ` +
		`list[]: the Go type plan_test.shape cannot be written as Avro's record circle; ` +
		`map[]: the union has no branch for the type *plan_test.square of the sealed plan_test.shape; ` +
		`ptr: the Go type plan_test.shape cannot be written as Avro's int; ` +
		`pp: the union has no branch for the type *plan_test.square of the sealed plan_test.shape`
	if diff := cmp.Diff(strings.Split(errorText(err), "; "), strings.Split(want, "; ")); diff != "" {
		t.Error(diff)
	}
	_, err = plan.NewDecoder(resolve.New(node, node), reflect.TypeFor[drawing](), types, plan.Limits{})
	want = `reading record drawing into plan_test.drawing: ` + unpaired +
		`one.r: the Go type int32 cannot hold Avro's string; ` +
		`list[]: the Go type plan_test.shape cannot hold Avro's record circle; ` +
		`map[]: the union has no branch for the type *plan_test.square of the sealed plan_test.shape; ` +
		`ptr: the Go type plan_test.shape cannot hold Avro's int; ` +
		`pp: the union has no branch for the type *plan_test.square of the sealed plan_test.shape`
	if diff := cmp.Diff(strings.Split(errorText(err), "; "), strings.Split(want, "; ")); diff != "" {
		t.Error(diff)
	}
}

func TestValuesThatASealedInterfaceMayNotHoldAreErrors(t *testing.T) {
	t.Parallel()
	types := sealedShape(circle{}, &square{})
	schema := `{"type":"record","name":"group","fields":[{"name":"shapes","type":{"type":"array","items":[
		{"type":"record","name":"circle","fields":[{"name":"r","type":"int"}]},
		{"type":"record","name":"square","fields":[{"name":"side","type":"int"},{"name":"name","type":"string"}]}]}}]}`
	c := coderOf[group](t, schema, types)
	for name, tt := range map[string]struct {
		value shape
		want  string
	}{
		"nil":             {nil, "shapes[1]: the value is nil"},
		"a nil pointer":   {(*square)(nil), "shapes[1]: the value is nil"},
		"another type":    {label("x"), "shapes[1]: the type plan_test.label is none of the sealed plan_test.shape"},
		"a pointer to it": {&circle{}, "shapes[1]: the type *plan_test.circle is none of the sealed plan_test.shape"},
		"a bad field":     {&square{Name: "\xff"}, "shapes[1].name: a string is not valid UTF-8"},
	} {
		value := group{[]shape{circle{}, tt.value}}
		if _, err := plan.Append(c.e, nil, &value); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, tt.want)
		}
	}
	var into group
	err := plan.Decode(c.d, hexBytes(t, "040000"+"020202ff"+"00"), &into)
	if want := "shapes[1].name: a string is not valid UTF-8 (at byte 6)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestWritersUnionsAreReadIntoSealedInterfaces(t *testing.T) {
	t.Parallel()
	types := sealedShape(nil, circle{}, &square{}, side(0))
	reader := parse(t, `["null",{"type":"record","name":"circle","aliases":["Disc"],"fields":[{"name":"r","type":"int"}]},
		{"type":"record","name":"square","fields":[{"name":"side","type":"int"},{"name":"name","type":"string","default":"?"}]},"long"]`)
	disc := `{"type":"record","name":"Disc","fields":[{"name":"color","type":"string"},{"name":"r","type":"int"}]}`
	for name, tt := range map[string]struct {
		writer, hex string
		want        shape
		fails       string
	}{
		"an alias, no union":  {disc, "02780a", circle{5}, ""},
		"branches reordered":  {`["int","null",` + disc + `]`, "0402780a", circle{5}, ""},
		"a promotion":         {`["int","null",` + disc + `]`, "000e", side(7), ""},
		"null":                {`["int","null"]`, "02", nil, ""},
		"a default":           {`["null",{"type":"record","name":"square","fields":[{"name":"side","type":"int"}]}]`, "0202", &square{1, "?"}, ""},
		"a branch not known":  {`["null","boolean"]`, "0201", nil, "boolean matches no branch of the reader's union"},
		"another that is":     {`["null","boolean"]`, "00", nil, ""},
		"a record, no branch": {`{"type":"record","name":"Hexagon","fields":[{"name":"x","type":"int"}]}`, "02", nil, "Hexagon matches no branch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := plan.NewDecoder(resolve.New(parse(t, tt.writer), reader), reflect.TypeFor[shape](), types, plan.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			var got shape
			err = plan.Decode(d, hexBytes(t, tt.hex), &got)
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Error(diff)
			}
			if (err != nil) != (tt.fails != "") || !strings.Contains(errorText(err), tt.fails) {
				t.Errorf("got %v, want %q", err, tt.fails)
			}
		})
	}
}

func TestDefaultsOfSealedInterfacesAreValuesOfTheirOwn(t *testing.T) {
	t.Parallel()
	types := sealedShape(&square{}, nil)
	reader := `{"type":"record","name":"R","fields":[{"name":"one","type":[{"type":"record","name":"square","fields":[
		{"name":"side","type":"int"},{"name":"name","type":"string"}]},"null"],"default":{"side":7,"name":"n"}}]}`
	action := resolve.New(parse(t, `{"type":"record","name":"R","fields":[]}`), parse(t, reader))
	type record struct {
		One shape `avro:"one"`
	}
	d, err := plan.NewDecoder(action, reflect.TypeFor[record](), types, plan.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var got record
		if err := plan.Decode(d, nil, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, record{&square{7, "n"}}); diff != "" {
			t.Error(diff)
		}
		got.One.(*square).Side = 8
	}
}

func TestDeclarationsThatMeanNothingAreErrors(t *testing.T) {
	t.Parallel()
	same := func(s label) (label, error) { return s, nil }
	there := func(s label) (*circle, error) { return nil, errors.ErrUnsupported }
	back := func(*circle) (label, error) { return "", errors.ErrUnsupported }
	seal := func(iface reflect.Type, types ...reflect.Type) func(*plan.Types) {
		return func(ts *plan.Types) { ts.Seal(iface, types...) }
	}
	shapes, circles := reflect.TypeFor[shape](), reflect.TypeFor[circle]()
	for name, tt := range map[string]struct {
		declare func(*plan.Types)
		want    string
	}{
		"a struct":     {seal(circles, circles), "the sealed plan_test.circle is no interface"},
		"any":          {seal(reflect.TypeFor[any](), circles), "the sealed interface {} is no interface of its own"},
		"nothing":      {seal(shapes), "the sealed plan_test.shape has no types"},
		"null alone":   {seal(shapes, nil), "the sealed plan_test.shape has no types"},
		"a type twice": {seal(shapes, circles, circles), "has the type plan_test.circle twice"},
		"twice":        {func(ts *plan.Types) { seal(shapes, circles)(ts); seal(shapes, circles)(ts) }, "plan_test.shape is declared twice"},
		"its own":      {func(ts *plan.Types) { ts.Add(plan.NewCustom("", same, same)) }, "the custom type plan_test.label is written as itself"},
		"a round trip": {func(ts *plan.Types) {
			ts.Add(plan.NewCustom("", there, back))
			ts.Add(plan.NewCustom("", func(circle) (label, error) { return "", nil }, func(label) (circle, error) { return circle{}, nil }))
		}, "written as itself"},
		"a bad schema": {func(ts *plan.Types) { ts.Add(plan.NewCustom("{", there, back)) }, "the schema given for a custom type"},
		"union in it": {func(ts *plan.Types) {
			ts.Add(plan.NewCustom(`["null","int"]`, there, back))
			seal(shapes, reflect.TypeFor[label]())(ts)
		}, "a union cannot be in a union"},
		"no type of it": {seal(shapes, reflect.TypeFor[chan int]()), "stands for no Avro type"},
	} {
		var types plan.Types
		tt.declare(&types)
		type record struct {
			L label `avro:"l"`
			S shape `avro:"s"`
		}
		if _, err := plan.Infer(reflect.TypeFor[record](), &types, "", ""); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, tt.want)
		}
	}
}

//nolint:paralleltest // what others allocate would be counted
func TestSealedInterfacesAreWrittenWithoutAllocations(t *testing.T) {
	c := coderOf[shape](t, shapesSchema, allShapes())
	values := []shape{circle{1}, &square{}, label("x"), side(1), onePointer{}, nil}
	buffer := make([]byte, 0, 256)
	var fault error
	got := testing.AllocsPerRun(100, func() {
		for i := range values {
			if _, err := c.e.Append(buffer, unsafe.Pointer(&values[i])); err != nil {
				fault = err
			}
		}
	})
	if got != 0 || fault != nil {
		t.Errorf("got %v allocations, %v, want none", got, fault)
	}
}
