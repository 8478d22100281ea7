package plan_test

import (
	"encoding/hex"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/handwritten"
	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

type defaults struct {
	Flag  bool             `avro:"flag"`
	Small int16            `avro:"small"`
	Count int32            `avro:"count"`
	Total int64            `avro:"total"`
	Rate  float32          `avro:"rate"`
	Exact float64          `avro:"exact"`
	Name  string           `avro:"name"`
	Raw   []byte           `avro:"raw"`
	Tag   [2]byte          `avro:"tag"`
	Kind  string           `avro:"kind"`
	List  []string         `avro:"list"`
	Map   map[string]int32 `avro:"map"`
	Maybe *string          `avro:"maybe"`
	Other *string          `avro:"other"`
	Inner base             `avro:"inner"`
	At    time.Time        `avro:"at"`
	Price *big.Rat         `avro:"price"`
	Cents int64            `avro:"cents"`
	Any   any              `avro:"any"`
	Zero  int32            `avro:"zero"`
}

const defaultsSchema = `{"type":"record","name":"D","fields":[
	{"name":"flag","type":"boolean","default":true},
	{"name":"small","type":"int","default":-3},
	{"name":"count","type":"int","default":7},
	{"name":"total","type":"long","default":8},
	{"name":"rate","type":"float","default":1.5},
	{"name":"exact","type":"double","default":2},
	{"name":"name","type":"string","default":"n\u00f6"},
	{"name":"raw","type":"bytes","default":"\u00ff\u0001"},
	{"name":"tag","type":{"type":"fixed","name":"T","size":2},"default":"ab"},
	{"name":"kind","type":{"type":"enum","name":"K","symbols":["A","B"]},"default":"B"},
	{"name":"list","type":{"type":"array","items":"string"},"default":["x","y"]},
	{"name":"map","type":{"type":"map","values":"int"},"default":{"k":1}},
	{"name":"maybe","type":["null","string"],"default":null},
	{"name":"other","type":["string","null"],"default":"o"},
	{"name":"inner","type":{"type":"record","name":"I","fields":[
		{"name":"id","type":"long"},{"name":"kind","type":"string","default":"inner"}]},"default":{"id":5}},
	{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"},"default":1000},
	{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":2},"default":"\u007d"},
	{"name":"cents","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":2},"default":"\u007d"},
	{"name":"any","type":{"type":"array","items":"int"},"default":[1]},
	{"name":"zero","type":"int","default":0}]}`

func TestDefaultsAreFreshInEachRecord(t *testing.T) {
	t.Parallel()
	other := "o"
	want := defaults{
		Flag: true, Small: -3, Count: 7, Total: 8, Rate: 1.5, Exact: 2, Name: "nö", Raw: []byte{0xff, 1}, Tag: [2]byte{'a', 'b'},
		Kind: "B", List: []string{"x", "y"}, Map: map[string]int32{"k": 1}, Other: &other, Inner: base{ID: 5, Kind: "inner"},
		At: time.Unix(1, 0).UTC(), Price: big.NewRat(125, 100), Cents: 125, Any: []any{int32(1)},
	}
	d := decoderOf[defaults](t, `{"type":"record","name":"D","fields":[]}`, defaultsSchema)
	for range 2 {
		var got defaults
		if err := d.Decode(nil, unsafe.Pointer(&got)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, want, ratCompare()); diff != "" {
			t.Error(diff)
		}
		// What one record does with its defaults does not reach the next.
		got.Raw[0], got.List[0], got.Map["k"], *got.Other = 0, "z", 2, "p"
		got.Price.SetInt64(9)
		got.Any.([]any)[0] = nil
	}
}

func TestDefaultsThatDoNotFitAreNamed(t *testing.T) {
	t.Parallel()
	for typ, text := range map[string]string{
		`"int"`: `2147483648`, `"long"`: `1.5`, `"float"`: `"x"`, `"double"`: `null`, `"boolean"`: `0`, `"string"`: `1`, `"null"`: `1`,
		`"bytes"`: `"\u0100"`, `{"type":"fixed","name":"F","size":2}`: `"a"`, `{"type":"enum","name":"E","symbols":["A"]}`: `"B"`,
		`{"type":"array","items":"int"}`: `{}`, `{"type":"map","values":"int"}`: `[]`, `["null","int"]`: `"x"`,
		`{"type":"record","name":"I","fields":[{"name":"x","type":"int"}]}`: `{}`,
	} {
		reader := `{"type":"record","name":"R","fields":[{"name":"f","type":` + typ + `,"default":` + text + `}]}`
		action := resolve.New(parse(t, `{"type":"record","name":"R","fields":[]}`), parse(t, reader))
		_, err := plan.NewDecoder(action, reflect.TypeFor[struct {
			F any `avro:"f"`
		}](), nil, plan.Limits{})
		if err == nil || !strings.Contains(err.Error(), "f: the default does not fit") {
			t.Errorf("%s with default %s: got %v", typ, text, err)
		}
	}
}

func TestDefaultsThatGrowWithoutEndAreErrors(t *testing.T) {
	t.Parallel()
	// Each level has two of the level below, and none takes a byte.
	level := `{"type":"record","name":"L0","fields":[]}`
	for i := range 90 {
		n, below := strconv.Itoa(i+1), "L"+strconv.Itoa(i)
		level = `{"type":"record","name":"L` + n + `","fields":[{"name":"a","type":` + level + `,"default":{}},{"name":"b","type":"` + below + `","default":{}}]}`
	}
	for name, inner := range map[string]string{
		"deep": `{"type":"record","name":"L","fields":[{"name":"l","type":"L","default":{}}]}`,
		"wide": level,
	} {
		reader := `{"type":"record","name":"R","fields":[{"name":"f","type":` + inner + `,"default":{}}]}`
		action := resolve.New(parse(t, `{"type":"record","name":"R","fields":[]}`), parse(t, reader))
		_, err := plan.NewDecoder(action, reflect.TypeFor[struct {
			F any `avro:"f"`
		}](), nil, plan.Limits{})
		if err == nil || !strings.Contains(err.Error(), "too large") {
			t.Errorf("%s: got %v, want an error", name, err)
		}
	}
}

func TestWritersAndReadersMayDiffer(t *testing.T) {
	t.Parallel()
	writer := `{"type":"record","name":"Old","fields":[
		{"name":"gone","type":{"type":"array","items":"string"}},
		{"name":"old","type":"int"},{"name":"text","type":"bytes"},{"name":"raw","type":"string"},{"name":"num","type":"int"},
		{"name":"kind","type":{"type":"enum","name":"K","symbols":["A","B","C"]}},
		{"name":"both","type":["int","string"]},{"name":"must","type":["null","long"]},{"name":"may","type":"int"}]}`
	reader := `{"type":"record","name":"New","aliases":["Old"],"fields":[
		{"name":"may","type":["null","long"]},{"name":"must","type":"long"},{"name":"both","type":["null","string","long"]},
		{"name":"kind","type":{"type":"enum","name":"K","symbols":["X","A"],"default":"X"}},
		{"name":"num","type":"double"},{"name":"raw","type":"bytes"},{"name":"text","type":"string"},
		{"name":"new","aliases":["old"],"type":"float"}]}`
	type record struct {
		May  *int64  `avro:"may"`
		Must int64   `avro:"must"`
		Both any     `avro:"both"`
		Kind string  `avro:"kind"`
		Num  float64 `avro:"num"`
		Raw  []byte  `avro:"raw"`
		Text string  `avro:"text"`
		New  float32 `avro:"new"`
	}
	nine := int64(9)
	got, err := decode[record](t, writer, reader, "02027800"+"02"+"0274"+"0272"+"06"+"04"+"000a"+"0210"+"12")
	want := record{May: &nine, Must: 8, Both: int64(5), Kind: "X", Num: 3, Raw: []byte("r"), Text: "t", New: 1}
	if diff := cmp.Diff(got, want); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	_, err = decode[record](t, writer, reader, "02027800"+"02"+"0274"+"0272"+"06"+"04"+"000a"+"00"+"12")
	if err == nil || !strings.Contains(err.Error(), "must: null cannot be read as long") {
		t.Errorf("a null for a long: got %v", err)
	}
	_, err = decode[record](t, writer, reader, "02027800"+"02"+"02ff")
	if err == nil || !strings.Contains(err.Error(), "text: a string is not valid UTF-8 (at byte 6)") {
		t.Errorf("bytes that are no text: got %v", err)
	}
}

func TestFieldsThatAStructHasNotAreSkipped(t *testing.T) {
	t.Parallel()
	type part struct {
		Age int32 `avro:"age"`
	}
	u := handwritten.SomeUser()
	got, err := decode[part](t, handwritten.UserSchema, handwritten.UserSchema, hex.EncodeToString(handwritten.AppendUser(nil, &u)))
	if err != nil || got.Age != u.Age {
		t.Errorf("got %+v, %v, want age %d", got, err, u.Age)
	}
}

func TestPlansAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	e, d, natural := encoderOf[handwritten.Order](t, handwritten.OrderSchema), decoderOf[handwritten.Order](t, handwritten.OrderSchema, handwritten.OrderSchema), decoderOf[any](t, handwritten.OrderSchema, handwritten.OrderSchema)
	generic := encoderOf[any](t, handwritten.OrderSchema)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			want := handwritten.SomeOrder()
			for range 50 {
				data, err := e.Append(nil, unsafe.Pointer(&want))
				if err != nil {
					t.Error(err)
					return
				}
				var value any
				if err := natural.Decode(data, unsafe.Pointer(&value)); err != nil {
					t.Error(err)
				}
				if data, err = generic.Append(data[:0], unsafe.Pointer(&value)); err != nil {
					t.Error(err)
				}
				var got handwritten.Order
				if err := d.Decode(data, unsafe.Pointer(&got)); err != nil || cmp.Diff(got, want) != "" {
					t.Errorf("got %+v, %v", got, err)
				}
			}
		})
	}
	group.Wait()
}
