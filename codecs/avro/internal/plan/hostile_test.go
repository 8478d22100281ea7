package plan_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/handwritten"
	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// fault decodes hex with one schema into a T and returns the error.
func fault[T any](t *testing.T, schema, text string) error {
	t.Helper()
	_, err := decode[T](t, schema, schema, text)
	return err
}

func TestHostileDataAreErrorsWithTheirPlace(t *testing.T) {
	t.Parallel()
	varint := func(v int64) string { return hex.EncodeToString(binary.AppendVarint(nil, v)) }
	array := func(items string) string { return `{"type":"array","items":` + items + `}` }
	in := func(inner string) string {
		return `{"type":"record","name":"R","fields":[{"name":"id","type":"int"},{"name":"f","type":` + inner + `}]}`
	}
	type list[T any] struct {
		ID int32 `avro:"id"`
		F  []T   `avro:"f"`
	}
	type one[T any] struct {
		ID int32 `avro:"id"`
		F  T     `avro:"f"`
	}
	enum := `{"type":"enum","name":"E","symbols":["A","B"]}`
	for name, tt := range map[string]struct {
		err    error
		is     error
		path   string
		offset int
	}{
		"10^8 nulls":                {fault[list[any]](t, in(array(`"null"`)), "00"+varint(1e8)+"00"), plan.ErrEmpty, "f", 1},
		"nulls in many blocks":      {fault[list[any]](t, in(array(`"null"`)), "00"+strings.Repeat(varint(6e5), 2)+"00"), plan.ErrEmpty, "f", 4},
		"empty records":             {fault[list[struct{}]](t, in(array(`{"type":"record","name":"X","fields":[]}`)), "00"+varint(1e8)+"00"), plan.ErrEmpty, "f", 1},
		"2^31-1 items":              {fault[list[int32]](t, in(array(`"int"`)), "00"+varint(1<<31-1)+"00"), plan.ErrShort, "f", 1},
		"a block count of MinInt64": {fault[list[int32]](t, in(array(`"int"`)), "00"+varint(-1<<63)+"00"), plan.ErrRange, "f", 1},
		"a negative block size":     {fault[list[int32]](t, in(array(`"int"`)), "000101"), nil, "f", 2},
		"a block size beyond":       {fault[list[int32]](t, in(array(`"int"`)), "00017e"), plan.ErrShort, "f", 2},
		"items of ten bytes":        {fault[list[[10]byte]](t, in(array(`{"type":"fixed","name":"F","size":10}`)), "0004"+strings.Repeat("00", 19)), plan.ErrShort, "f", 1},
		"a map of 2^31-1":           {fault[one[map[string]any]](t, in(`{"type":"map","values":"null"}`), "00"+varint(1<<31-1)), plan.ErrShort, "f", 1},
		"a length of 2^62":          {fault[one[string]](t, in(`"string"`), "00"+varint(1<<62)), plan.ErrShort, "f", 1},
		"bytes of 2^62":             {fault[one[[]byte]](t, in(`"bytes"`), "00"+varint(1<<62)), plan.ErrShort, "f", 1},
		"a negative length":         {fault[one[string]](t, in(`"string"`), "0001"), nil, "f", 1},
		"a varint of 11 bytes":      {fault[one[int64]](t, in(`"long"`), "00"+strings.Repeat("80", 10)+"00"), plan.ErrVarint, "f", 1},
		"a varint of 65 bits":       {fault[one[int64]](t, in(`"long"`), "00"+strings.Repeat("ff", 9)+"02"), plan.ErrVarint, "f", 1},
		"an int of 33 bits":         {fault[one[int32]](t, in(`"int"`), "00"+varint(1<<31)), plan.ErrRange, "f", 1},
		"an int of 33 bits, wide":   {fault[one[int64]](t, in(`"int"`), "00"+varint(1<<31)), plan.ErrRange, "f", 1},
		"a cut varint":              {fault[one[int64]](t, in(`"long"`), "0080"), plan.ErrShort, "f", 1},
		"no UTF-8":                  {fault[one[string]](t, in(`"string"`), "0002ff"), plan.ErrUTF8, "f", 2},
		"no UTF-8 in a key":         {fault[one[map[string]string]](t, in(`{"type":"map","values":"string"}`), "000202ff0000"), plan.ErrUTF8, "f", 3},
		"a bad item":                {fault[list[string]](t, in(array(`"string"`)), "00040002ff00"), plan.ErrUTF8, "f[1]", 4},
		"a bad value":               {fault[one[map[string]string]](t, in(`{"type":"map","values":"string"}`), "0002026b02ff00"), plan.ErrUTF8, `f["k"]`, 5},
		"an enum index too large":   {fault[one[string]](t, in(enum), "0004"), nil, "f", 1},
		"a negative enum index":     {fault[one[string]](t, in(enum), "0001"), nil, "f", 1},
		"a union index too large":   {fault[one[*string]](t, in(`["null","string"]`), "0004"), nil, "f", 1},
		"a negative union index":    {fault[one[any]](t, in(`["null","string","int"]`), "0001"), nil, "f", 1},
		"a boolean of 2":            {fault[one[bool]](t, in(`"boolean"`), "0002"), plan.ErrRange, "f", 1},
		"no boolean":                {fault[one[bool]](t, in(`"boolean"`), "00"), plan.ErrShort, "f", 1},
		"a cut float":               {fault[one[float32]](t, in(`"float"`), "00000000"), plan.ErrShort, "f", 1},
		"a cut double":              {fault[one[float64]](t, in(`"double"`), "00000000"), plan.ErrShort, "f", 1},
		"a fixed of 2^40":           {fault[one[[]byte]](t, in(`{"type":"fixed","name":"F","size":1099511627776}`), "0000"), plan.ErrShort, "f", 1},
		"nothing at all":            {fault[one[string]](t, in(`"string"`), ""), plan.ErrShort, "id", 0},
		"bytes behind the end":      {fault[int32](t, `"int"`, "0000"), plan.ErrTrailing, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e *plan.Error
			if !errors.As(tt.err, &e) || tt.is != nil && !errors.Is(tt.err, tt.is) || e.Path != tt.path || e.Offset != tt.offset {
				t.Errorf("got %v, want %v at %s, byte %d", tt.err, tt.is, tt.path, tt.offset)
			}
		})
	}
}

func TestWhatIsSkippedIsCheckedAsWell(t *testing.T) {
	t.Parallel()
	reader := `{"type":"record","name":"R","fields":[]}`
	for name, tt := range map[string]struct{ inner, data, path string }{
		"nulls":        {`{"type":"array","items":"null"}`, "8084af5f00", "x"},
		"an int":       {`"int"`, "8080808010", "x"},
		"an enum":      {`{"type":"enum","name":"E","symbols":["A"]}`, "02", "x"},
		"a union":      {`["null"]`, "02", "x"},
		"a string":     {`"string"`, "06", "x"},
		"a map's key":  {`{"type":"map","values":"int"}`, "020861", "x[0]"},
		"a deep field": {`{"type":"record","name":"I","fields":[{"name":"y","type":{"type":"array","items":"float"}}]}`, "0200", "x.y"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			writer := `{"type":"record","name":"R","fields":[{"name":"x","type":` + tt.inner + `}]}`
			_, err := decode[struct{}](t, writer, reader, tt.data)
			var e *plan.Error
			if !errors.As(err, &e) || e.Path != tt.path {
				t.Errorf("got %v, want an error at %s", err, tt.path)
			}
		})
	}
}

func TestNestingIsBounded(t *testing.T) {
	t.Parallel()
	const levels = 1_000_000
	chain := []byte(strings.Repeat("\x02\x02", levels))
	skipper := `{"type":"record","name":"H","fields":[{"name":"n","type":` + nodeSchema + `}]}`
	for name, err := range map[string]error{
		"a list":         decoderOf[node](t, nodeSchema, nodeSchema).Decode(chain, unsafe.Pointer(&node{})),
		"an any":         decoderOf[any](t, nodeSchema, nodeSchema).Decode(chain, unsafe.Pointer(new(any))),
		"a skipped list": decoderOf[struct{}](t, skipper, `{"type":"record","name":"H","fields":[]}`).Decode(chain, unsafe.Pointer(&struct{}{})),
	} {
		if !errors.Is(err, plan.ErrDeep) {
			t.Errorf("%s: got %.200v, want %v", name, err, plan.ErrDeep)
		}
		if len(err.Error()) > 400 {
			t.Errorf("%s: the message has %d bytes", name, len(err.Error()))
		}
	}
}

func TestDepthCountsAlikeForTypesAnyAndSkips(t *testing.T) {
	t.Parallel()
	skipper := `{"type":"record","name":"H","fields":[{"name":"n","type":` + nodeSchema + `}]}`
	empty := `{"type":"record","name":"H","fields":[]}`
	for nodes, want := range map[int]error{499: nil, 500: nil, 501: plan.ErrDeep} {
		chain := []byte(strings.Repeat("\x02\x02", nodes-1) + "\x02\x00")
		typed := decoderOf[node](t, nodeSchema, nodeSchema).Decode(chain, unsafe.Pointer(&node{}))
		natural := decoderOf[any](t, nodeSchema, nodeSchema).Decode(chain, unsafe.Pointer(new(any)))
		// The record around takes a level.
		skipped := decoderOf[struct{}](t, skipper, empty).Decode(chain[2:], unsafe.Pointer(&struct{}{}))
		if !errors.Is(typed, want) || !errors.Is(natural, want) || !errors.Is(skipped, want) {
			t.Errorf("%d levels: got %v, %v, %v, want %v", nodes, typed, natural, skipped, want)
		}
	}
}

// wide takes much memory for few bytes.
type wide struct {
	A [64]*string `avro:"-"`
	B *string     `avro:"b"`
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	schema := `{"type":"array","items":{"type":"record","name":"W","fields":[{"name":"b","type":["null","string"]}]}}`
	data := append(binary.AppendVarint(nil, 1<<20), make([]byte, 1<<20)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var into []wide
	err := decoderOf[[]wide](t, schema, schema).Decode(append(data, 0), unsafe.Pointer(&into))
	runtime.ReadMemStats(&after)
	if !errors.Is(err, plan.ErrMemory) {
		t.Errorf("got %v, want %v", err, plan.ErrMemory)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 512<<20 {
		t.Errorf("allocated %d MB", grown>>20)
	}
}

func TestLimitsAreSettings(t *testing.T) {
	t.Parallel()
	schema := `{"type":"array","items":{"type":"array","items":"null"}}`
	node := parse(t, schema)
	for name, tt := range map[string]struct {
		limits plan.Limits
		want   error
	}{
		"defaults": {plan.Limits{}, nil},
		"depth":    {plan.Limits{Depth: 1}, plan.ErrDeep},
		"items":    {plan.Limits{ZeroSizeItems: 3}, plan.ErrEmpty},
		"memory":   {plan.Limits{Bytes: 20}, plan.ErrMemory},
	} {
		d, err := plan.NewDecoder(resolve.New(node, node), reflect.TypeFor[[][]any](), nil, tt.limits)
		if err != nil {
			t.Fatal(err)
		}
		var into [][]any
		if err := d.Decode([]byte{4, 4, 0, 4, 0, 0}, unsafe.Pointer(&into)); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
}

func TestACutOrderIsAnErrorAtEveryByte(t *testing.T) {
	t.Parallel()
	o := handwritten.SomeOrder()
	data, err := handwritten.AppendOrder(nil, &o)
	if err != nil {
		t.Fatal(err)
	}
	typed, natural := decoderOf[handwritten.Order](t, handwritten.OrderSchema, handwritten.OrderSchema), decoderOf[any](t, handwritten.OrderSchema, handwritten.OrderSchema)
	empty := decoderOf[struct{}](t, handwritten.OrderSchema, `{"type":"record","name":"Order","fields":[]}`)
	for n := range data {
		var into handwritten.Order
		var value any
		short := data[:n:n]
		for _, err := range []error{
			typed.Decode(short, unsafe.Pointer(&into)), natural.Decode(short, unsafe.Pointer(&value)),
			empty.Decode(short, unsafe.Pointer(&struct{}{})),
		} {
			if !errors.Is(err, plan.ErrShort) {
				t.Errorf("%d bytes: got %v, want %v", n, err, plan.ErrShort)
			}
		}
	}
}

func TestNothingRefersToTheData(t *testing.T) {
	t.Parallel()
	want := handwritten.SomeOrder()
	data, err := handwritten.AppendOrder(nil, &want)
	if err != nil {
		t.Fatal(err)
	}
	var got handwritten.Order
	if err := decoderOf[handwritten.Order](t, handwritten.OrderSchema, handwritten.OrderSchema).Decode(data, unsafe.Pointer(&got)); err != nil {
		t.Fatal(err)
	}
	clear(data)
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}

func TestManyItemsAreReadInBlocks(t *testing.T) {
	t.Parallel()
	want := make([]string, 0, 3000)
	var data []byte
	for block := range 3 {
		// The second block tells its size, as writers may.
		var items []byte
		for i := range 1000 {
			s := strings.Repeat("x", i%40)
			want, items = append(want, s), append(binary.AppendVarint(items, int64(len(s))), s...)
		}
		if block == 1 {
			data = binary.AppendVarint(binary.AppendVarint(data, -1000), int64(len(items)))
		} else {
			data = binary.AppendVarint(data, 1000)
		}
		data = append(data, items...)
	}
	got, err := decode[[]string](t, `{"type":"array","items":"string"}`, `{"type":"array","items":"string"}`, hex.EncodeToString(append(data, 0)))
	if diff := cmp.Diff(got, want); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestItemsThatTakeNoBytesStillTakeMemory(t *testing.T) {
	t.Parallel()
	schema := `{"type":"array","items":{"type":"record","name":"X","fields":[{"name":"n","type":"null"}]}}`
	data := append(binary.AppendVarint(nil, 1_000_000), 0)
	var into any
	err := decoderOf[any](t, schema, schema).Decode(data, unsafe.Pointer(&into))
	if !errors.Is(err, plan.ErrMemory) {
		t.Errorf("got %v, want %v", err, plan.ErrMemory)
	}
}
