package plan_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/handwritten"
	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// fuzzLimits keep a run short.
func fuzzLimits() plan.Limits { return plan.Limits{Depth: 50, ZeroSizeItems: 10_000, Bytes: 4 << 20} }

func fuzzDecoder(t testing.TB, writer, reader *ast.Node, typ reflect.Type) *plan.Decoder {
	t.Helper()
	d, err := plan.NewDecoder(resolve.New(writer, reader), typ, nil, fuzzLimits())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// mustPlace checks that an error tells where in the data it is.
func mustPlace(t *testing.T, err error, size int) {
	t.Helper()
	var e *plan.Error
	if err != nil && (!errors.As(err, &e) || e.Offset < 0 || e.Offset > size) {
		t.Errorf("got %v for %d bytes, want an error with its place", err, size)
	}
}

func FuzzDecode(f *testing.F) {
	o := handwritten.SomeOrder()
	seed, err := handwritten.AppendOrder(nil, &o)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(seed[:60])
	f.Add(append(binary.AppendVarint(nil, 1<<62), seed...))
	f.Add(bytes.Repeat([]byte{2}, 200))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	node, nulls := parse(f, handwritten.OrderSchema), parse(f, `{"type":"array","items":["null",{"type":"array","items":"null"}]}`)
	list, empty := parse(f, nodeSchema), parse(f, `{"type":"record","name":"Order","fields":[]}`)
	typed := fuzzDecoder(f, node, node, reflect.TypeFor[handwritten.Order]())
	natural := fuzzDecoder(f, node, node, reflect.TypeFor[any]())
	skipping := fuzzDecoder(f, node, empty, reflect.TypeFor[struct{}]())
	chain := fuzzDecoder(f, list, list, reflect.TypeFor[struct {
		Value int32 `avro:"value"`
		Next  any   `avro:"next"`
	}]())
	cells := fuzzDecoder(f, nulls, nulls, reflect.TypeFor[[]any]())
	shapes := coderOf[shape](f, shapesSchema, allShapes())
	f.Add([]byte("\x0a\x06\x02\x02\x00\x06\x02x\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var into handwritten.Order
		var value any
		first := typed.Decode(data, unsafe.Pointer(&into))
		mustPlace(t, first, len(data))
		second := natural.Decode(data, unsafe.Pointer(&value))
		mustPlace(t, second, len(data))
		third := skipping.Decode(data, unsafe.Pointer(&struct{}{}))
		mustPlace(t, third, len(data))
		// A decimal above an int64 is an error of the Go type alone.
		if first == nil && (second != nil && !errors.Is(second, plan.ErrRange) || third != nil) {
			t.Errorf("typed read it, any says %v, skipping %v", second, third)
		}
		var links struct {
			Value int32 `avro:"value"`
			Next  any   `avro:"next"`
		}
		mustPlace(t, chain.Decode(data, unsafe.Pointer(&links)), len(data))
		var items []any
		mustPlace(t, cells.Decode(data, unsafe.Pointer(&items)), len(data))
		shapes.again(t, data)
	})
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("id", int64(7), "street", int32(3), int64(1999), uint8(1), int64(1700000000000), true)
	f.Add("", int64(math.MinInt64), "\xff", int32(-1), int64(-999999999999), uint8(9), int64(-1), false)
	e, d := encoderOf[handwritten.Order](f, handwritten.OrderSchema), decoderOf[handwritten.Order](f, handwritten.OrderSchema, handwritten.OrderSchema)
	f.Fuzz(func(t *testing.T, id string, customer int64, text string, count int32, price int64, kind uint8, at int64, note bool) {
		symbols := [...]string{"NEW", "PAID", "SHIPPED", "DONE"}
		want := handwritten.Order{
			ID: id, Customer: customer, Ship: handwritten.Address{Street: text, City: id + text},
			Lines: make([]handwritten.Line, int(kind%5)), Tags: map[string]string{text: id}, Status: symbols[kind%4],
			Placed: time.UnixMilli(at).UTC(), Total: price,
		}
		for i := range want.Lines {
			want.Lines[i] = handwritten.Line{SKU: text, Count: count, Price: price - int64(i)}
		}
		if note {
			want.Note = &text
		}
		data, err := e.Append(nil, unsafe.Pointer(&want))
		if err != nil {
			return
		}
		var got handwritten.Order
		if err := d.Decode(data, unsafe.Pointer(&got)); err != nil {
			t.Fatalf("reading %x again: %v", data, err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Error(diff)
		}
		byHand := handwritten.Order{Lines: []handwritten.Line{}} // where there are none, the plan makes an empty slice
		if err := handwritten.ReadOrder(data, &byHand); err != nil || cmp.Diff(byHand, got) != "" {
			t.Errorf("by hand: got %+v, %v, want %+v", byHand, err, got)
		}
	})
}

// FuzzResolve reads data with pairs of the conformance cases' schemas into an
// any, writes what it got with the reader's, and reads that again.
func FuzzResolve(f *testing.F) {
	var writers, readers []*ast.Node
	for i, c := range readEvolveCases(f) {
		writers, readers = append(writers, parse(f, string(c.Writer))), append(readers, parse(f, string(c.Reader)))
		f.Add(uint16(i), uint16(i), hexBytes(f, c.Encoded))
		f.Add(uint16(i), uint16(i+7), hexBytes(f, c.Encoded))
	}
	f.Fuzz(func(t *testing.T, w, r uint16, data []byte) {
		writer, reader := writers[int(w)%len(writers)], readers[int(r)%len(readers)]
		var value any
		err := fuzzDecoder(t, writer, reader, reflect.TypeFor[any]()).Decode(data, unsafe.Pointer(&value))
		mustPlace(t, err, len(data))
		if err != nil {
			return
		}
		e, err := plan.NewEncoder(reader, reflect.TypeFor[any](), nil)
		if err != nil {
			t.Fatal(err)
		}
		out, err := e.Append(nil, unsafe.Pointer(&value))
		if err != nil {
			// A decimal is read with digits above its precision, but not written.
			if !errors.Is(err, plan.ErrRange) {
				t.Errorf("writing %#v again: %v", value, err)
			}
			return
		}
		var again any
		if err := fuzzDecoder(t, reader, reader, reflect.TypeFor[any]()).Decode(out, unsafe.Pointer(&again)); err != nil {
			t.Errorf("reading %x of %#v again: %v", out, value, err)
		}
	})
}
