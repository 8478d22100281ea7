package plan_test

import (
	"errors"
	"math/big"
	"reflect"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/handwritten"
	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
)

func TestHandWrittenCodeAgrees(t *testing.T) {
	t.Parallel()
	want := handwritten.SomeOrder()
	data, err := handwritten.AppendOrder(nil, &want)
	if err != nil {
		t.Fatal(err)
	}
	var got, byHand handwritten.Order
	err = decoderOf[handwritten.Order](t, handwritten.OrderSchema, handwritten.OrderSchema).Decode(data, unsafe.Pointer(&got))
	if err := errors.Join(err, handwritten.ReadOrder(data, &byHand)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(byHand, want); diff != "" {
		t.Error(diff)
	}
	var again handwritten.Order
	out, err := encoderOf[handwritten.Order](t, handwritten.OrderSchema).Append(nil, unsafe.Pointer(&want))
	if err := errors.Join(err, handwritten.ReadOrder(out, &again)); err != nil || cmp.Diff(again, want) != "" {
		t.Errorf("got %v, %v, want what was written", again, err)
	}
}

//nolint:paralleltest // what others allocate would be counted
func TestEncodeIntoABufferDoesNotAllocate(t *testing.T) {
	u, o := handwritten.SomeUser(), handwritten.SomeOrder()
	users, orders := encoderOf[handwritten.User](t, handwritten.UserSchema), encoderOf[handwritten.Order](t, handwritten.OrderSchema)
	buffer := make([]byte, 0, 1024)
	var fault error
	got := testing.AllocsPerRun(100, func() {
		_, err1 := users.Append(buffer, unsafe.Pointer(&u))
		_, err2 := orders.Append(buffer, unsafe.Pointer(&o))
		if err1 != nil || err2 != nil {
			fault = errors.Join(err1, err2)
		}
	})
	if got != 0 || fault != nil {
		t.Errorf("got %v allocations, %v, want none", got, fault)
	}
}

//nolint:paralleltest // what others allocate would be counted
func TestDecodeOfAUserAllocatesItsStringOnly(t *testing.T) {
	u := handwritten.SomeUser()
	data := handwritten.AppendUser(nil, &u)
	d := decoderOf[handwritten.User](t, handwritten.UserSchema, handwritten.UserSchema)
	var fault error
	got := testing.AllocsPerRun(100, func() {
		if err := d.Decode(data, unsafe.Pointer(&u)); err != nil {
			fault = err
		}
	})
	if got != 1 || fault != nil {
		t.Errorf("got %v allocations, %v, want 1", got, fault)
	}
}

func BenchmarkUserEncode(b *testing.B) {
	u := handwritten.SomeUser()
	e := encoderOf[handwritten.User](b, handwritten.UserSchema)
	b.Run("hand-written", func(b *testing.B) {
		buffer := make([]byte, 0, 64)
		b.ReportAllocs()
		for b.Loop() {
			buffer = handwritten.AppendUser(buffer[:0], &u)
		}
	})
	b.Run("hand-written-checked", func(b *testing.B) {
		buffer := make([]byte, 0, 64)
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if buffer, err = handwritten.AppendCheckedUser(buffer[:0], &u); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("plan", func(b *testing.B) {
		buffer := make([]byte, 0, 1024)
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if buffer, err = e.Append(buffer[:0], unsafe.Pointer(&u)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUserDecode(b *testing.B) {
	u := handwritten.SomeUser()
	data := handwritten.AppendUser(nil, &u)
	b.Run("hand-written", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := handwritten.ReadUser(data, &u); err != nil {
				b.Fatal(err)
			}
		}
	})
	run := func(name string, d *plan.Decoder, into unsafe.Pointer) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Decode(data, into); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("plan", decoderOf[handwritten.User](b, handwritten.UserSchema, handwritten.UserSchema), unsafe.Pointer(&u))
	run("resolved", decoderOf[handwritten.User2](b, handwritten.UserSchema, handwritten.User2Schema), unsafe.Pointer(&handwritten.User2{}))
}

func BenchmarkOrderEncode(b *testing.B) {
	o := handwritten.SomeOrder()
	e := encoderOf[handwritten.Order](b, handwritten.OrderSchema)
	b.Run("hand-written", func(b *testing.B) {
		buffer := make([]byte, 0, 1024)
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if buffer, err = handwritten.AppendOrder(buffer[:0], &o); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("plan", func(b *testing.B) {
		buffer := make([]byte, 0, 1024)
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if buffer, err = e.Append(buffer[:0], unsafe.Pointer(&o)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOrderDecode(b *testing.B) {
	o := handwritten.SomeOrder()
	data, err := handwritten.AppendOrder(nil, &o)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("hand-written", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			into := new(handwritten.Order)
			if err := handwritten.ReadOrder(data, into); err != nil {
				b.Fatal(err)
			}
		}
	})
	d := decoderOf[handwritten.Order](b, handwritten.OrderSchema, handwritten.OrderSchema)
	b.Run("plan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			into := new(handwritten.Order)
			if err := d.Decode(data, unsafe.Pointer(into)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// ratOrder is the part of an order that big.Rat makes dear.
type ratOrder struct {
	Total *big.Rat `avro:"total"`
}

func BenchmarkRat(b *testing.B) {
	schema := `{"type":"record","name":"R","fields":[{"name":"total","type":` + handwritten.DecimalSchema + `}]}`
	e, d := encoderOf[ratOrder](b, schema), decoderOf[ratOrder](b, schema, schema)
	value := ratOrder{Total: big.NewRat(253958, 100)}
	data, err := e.Append(nil, unsafe.Pointer(&value))
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d bytes of %s", len(data), reflect.TypeOf(value))
	b.ReportAllocs()
	for b.Loop() {
		var into ratOrder
		if err := d.Decode(data, unsafe.Pointer(&into)); err != nil {
			b.Fatal(err)
		}
	}
}
