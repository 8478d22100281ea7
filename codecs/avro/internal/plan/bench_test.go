package plan_test

import (
	"errors"
	"math/big"
	"reflect"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
)

func TestHandWrittenCodeAgrees(t *testing.T) {
	t.Parallel()
	want := someOrder()
	data, err := putOrder(nil, &want)
	if err != nil {
		t.Fatal(err)
	}
	var got, byHand order
	err = decoderOf[order](t, orderSchema, orderSchema).Decode(data, unsafe.Pointer(&got))
	if err := errors.Join(err, getOrder(data, &byHand)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(byHand, want); diff != "" {
		t.Error(diff)
	}
	var again order
	out, err := encoderOf[order](t, orderSchema).Append(nil, unsafe.Pointer(&want))
	if err := errors.Join(err, getOrder(out, &again)); err != nil || cmp.Diff(again, want) != "" {
		t.Errorf("got %v, %v, want what was written", again, err)
	}
}

//nolint:paralleltest // what others allocate would be counted
func TestEncodeIntoABufferDoesNotAllocate(t *testing.T) {
	u, o := someUser(), someOrder()
	users, orders := encoderOf[user](t, userSchema), encoderOf[order](t, orderSchema)
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
	u := someUser()
	data := putUser(nil, &u)
	d := decoderOf[user](t, userSchema, userSchema)
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
	u := someUser()
	e := encoderOf[user](b, userSchema)
	b.Run("hand-written", func(b *testing.B) {
		buffer := make([]byte, 0, 64)
		b.ReportAllocs()
		for b.Loop() {
			buffer = putUser(buffer[:0], &u)
		}
	})
	b.Run("hand-written-checked", func(b *testing.B) {
		buffer := make([]byte, 0, 64)
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if buffer, err = putCheckedUser(buffer[:0], &u); err != nil {
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
	u := someUser()
	data := putUser(nil, &u)
	b.Run("hand-written", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := getUser(data, &u); err != nil {
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
	run("plan", decoderOf[user](b, userSchema, userSchema), unsafe.Pointer(&u))
	run("resolved", decoderOf[user2](b, userSchema, user2Schema), unsafe.Pointer(&user2{}))
}

func BenchmarkOrderEncode(b *testing.B) {
	o := someOrder()
	e := encoderOf[order](b, orderSchema)
	b.Run("hand-written", func(b *testing.B) {
		buffer := make([]byte, 0, 1024)
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if buffer, err = putOrder(buffer[:0], &o); err != nil {
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
	o := someOrder()
	data, err := putOrder(nil, &o)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("hand-written", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			into := new(order)
			if err := getOrder(data, into); err != nil {
				b.Fatal(err)
			}
		}
	})
	d := decoderOf[order](b, orderSchema, orderSchema)
	b.Run("plan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			into := new(order)
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
	schema := `{"type":"record","name":"R","fields":[{"name":"total","type":` + decimalSchema + `}]}`
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
