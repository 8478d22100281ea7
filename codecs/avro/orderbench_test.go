package avro_test

import (
	"context"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/linkedin/goavro/v2"
	twmb "github.com/twmb/avro"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/avro/internal/handwritten"
)

// ratOrder is an order whose decimals are rational numbers, the one exact form
// that twmb has for them.
type ratOrder struct {
	ID       string              `avro:"id"`
	Customer int64               `avro:"customer"`
	Ship     handwritten.Address `avro:"ship"`
	Lines    []ratLine           `avro:"lines"`
	Tags     map[string]string   `avro:"tags"`
	Status   string              `avro:"status"`
	Note     *string             `avro:"note"`
	Coupon   *string             `avro:"coupon"`
	Placed   time.Time           `avro:"placed"`
	Total    *big.Rat            `avro:"total"`
}

type ratLine struct {
	SKU   string   `avro:"sku"`
	Count int32    `avro:"count"`
	Price *big.Rat `avro:"price"`
}

func rat(cents int64) *big.Rat { return big.NewRat(cents, 100) }

func ratOrderOf(o handwritten.Order) ratOrder {
	r := ratOrder{
		ID: o.ID, Customer: o.Customer, Ship: o.Ship, Tags: o.Tags, Status: o.Status,
		Note: o.Note, Coupon: o.Coupon, Placed: o.Placed, Total: rat(o.Total),
	}
	for _, l := range o.Lines {
		r.Lines = append(r.Lines, ratLine{l.SKU, l.Count, rat(l.Price)})
	}
	return r
}

// oneSchema is a registry that knows one schema.
type oneSchema struct{ schema *avro.ParsedSchema }

func (s oneSchema) Schema(context.Context, string, avro.SchemaRef) (*avro.ParsedSchema, error) {
	return s.schema, nil
}

func (s oneSchema) Ref(_ context.Context, wire avro.Wire, _ string, _ *avro.ParsedSchema) (avro.SchemaRef, error) {
	return avro.SchemaRef{Wire: wire, ID: 7}, nil
}

// confluent frames data as one would by hand, with the id 7.
func confluent(capacity int) []byte { return append(make([]byte, 0, capacity), 0, 0, 0, 0, 7) }

var errFrame = errors.New("not a message of schema 7")

func unframe(data []byte) ([]byte, error) {
	if len(data) < 5 || data[0] != 0 || data[1]|data[2]|data[3] != 0 || data[4] != 7 {
		return nil, errFrame
	}
	return data[5:], nil
}

// codec has the methods of a goka.Codec.
type codec struct {
	encode func(any) ([]byte, error)
	decode func([]byte) (any, error)
}

var errType = errors.New("not an order")

// orderSize is the room that those who make it themselves give to an order.
const orderSize = 256

func handCodec() codec {
	return codec{
		encode: func(value any) ([]byte, error) {
			o, ok := value.(*handwritten.Order)
			if !ok {
				return nil, errType
			}
			return handwritten.AppendOrder(confluent(orderSize), o)
		},
		decode: func(data []byte) (any, error) {
			datum, err := unframe(data)
			if err != nil {
				return nil, err
			}
			o := new(handwritten.Order)
			return o, handwritten.ReadOrder(datum, o)
		},
	}
}

func twmbCodec(tb testing.TB) codec {
	tb.Helper()
	schema, err := twmb.Parse(handwritten.OrderSchema)
	if err != nil {
		tb.Fatal(err)
	}
	return codec{
		encode: func(value any) ([]byte, error) {
			o, ok := value.(*ratOrder)
			if !ok {
				return nil, errType
			}
			return schema.AppendEncode(confluent(orderSize), o)
		},
		decode: func(data []byte) (any, error) {
			datum, err := unframe(data)
			if err != nil {
				return nil, err
			}
			o := new(ratOrder)
			_, err = schema.Decode(datum, o)
			return o, err
		},
	}
}

// goavroCodec converts between the struct and goavro's maps, or leaves the
// maps to the caller.
func goavroCodec(tb testing.TB, structs bool) codec {
	tb.Helper()
	foreign, err := goavro.NewCodec(handwritten.OrderSchema)
	if err != nil {
		tb.Fatal(err)
	}
	return codec{
		encode: func(value any) ([]byte, error) {
			if o, ok := value.(*handwritten.Order); ok && structs {
				value = nativeOf(o)
			}
			return foreign.BinaryFromNative(confluent(orderSize), value)
		},
		decode: func(data []byte) (any, error) {
			datum, err := unframe(data)
			if err != nil {
				return nil, err
			}
			native, _, err := foreign.NativeFromBinary(datum)
			if err != nil || !structs {
				return native, err
			}
			return orderOf(native)
		},
	}
}

func nullable(s *string) any {
	if s == nil {
		return nil
	}
	return goavro.Union("string", *s)
}

// nativeOf is an order as goavro takes it.
func nativeOf(o *handwritten.Order) map[string]any {
	lines := make([]any, len(o.Lines))
	for i, l := range o.Lines {
		lines[i] = map[string]any{"sku": l.SKU, "count": l.Count, "price": rat(l.Price)}
	}
	tags := make(map[string]any, len(o.Tags))
	for k, v := range o.Tags {
		tags[k] = v
	}
	return map[string]any{
		"id": o.ID, "customer": o.Customer, "lines": lines, "tags": tags, "status": o.Status,
		"ship": map[string]any{"street": o.Ship.Street, "city": o.Ship.City, "zip": o.Ship.Zip, "country": o.Ship.Country},
		"note": nullable(o.Note), "coupon": nullable(o.Coupon), "placed": o.Placed, "total": rat(o.Total),
	}
}

// fields takes typed values out of a map; one of another type is an error.
type fields struct {
	record map[string]any
	err    error
}

func fieldsOf(native any) fields {
	record, ok := native.(map[string]any)
	if !ok {
		return fields{err: errType}
	}
	return fields{record: record}
}

func field[T any](f *fields, name string) T {
	value, ok := f.record[name].(T)
	if !ok {
		f.err = errType
	}
	return value
}

func (f *fields) cents(name string) int64 {
	r := field[*big.Rat](f, name)
	if r == nil || !r.Denom().IsInt64() || 100%r.Denom().Int64() != 0 {
		f.err = errType
		return 0
	}
	return r.Num().Int64() * (100 / r.Denom().Int64())
}

func (f *fields) nullable(name string) *string {
	if f.record[name] == nil {
		return nil
	}
	text, ok := field[map[string]any](f, name)["string"].(string)
	if !ok {
		f.err = errType
	}
	return &text
}

// orderOf makes an order of what goavro gives.
func orderOf(native any) (*handwritten.Order, error) {
	f := fieldsOf(native)
	ship := fieldsOf(f.record["ship"])
	o := &handwritten.Order{
		ID: field[string](&f, "id"), Customer: field[int64](&f, "customer"),
		Ship: handwritten.Address{
			Street: field[string](&ship, "street"), City: field[string](&ship, "city"),
			Zip: field[string](&ship, "zip"), Country: field[string](&ship, "country"),
		},
		Status: field[string](&f, "status"), Note: f.nullable("note"), Coupon: f.nullable("coupon"),
		Placed: field[time.Time](&f, "placed"), Total: f.cents("total"),
	}
	lines := field[[]any](&f, "lines")
	o.Lines = make([]handwritten.Line, len(lines))
	for i := range lines {
		l := fieldsOf(lines[i])
		o.Lines[i] = handwritten.Line{SKU: field[string](&l, "sku"), Count: field[int32](&l, "count"), Price: l.cents("price")}
		f.err = errors.Join(f.err, l.err)
	}
	tags := field[map[string]any](&f, "tags")
	o.Tags = make(map[string]string, len(tags))
	for k, v := range tags {
		text, ok := v.(string)
		if !ok {
			return nil, errType
		}
		o.Tags[k] = text
	}
	return o, errors.Join(f.err, ship.err)
}

// contender is one way to have orders on a topic.
type contender struct {
	name  string
	codec codec
	value any
}

func contenders(tb testing.TB) []contender {
	tb.Helper()
	options := []avro.Option{
		avro.Schema(handwritten.OrderSchema), avro.WithSchemas(oneSchema{mustParse(tb, handwritten.OrderSchema)}),
	}
	o := handwritten.SomeOrder()
	r := ratOrderOf(o)
	scaled, rational := avro.Typed[handwritten.Order](options...), avro.Typed[ratOrder](options...)
	return []contender{
		{"hand-written", handCodec(), &o},
		{"typed", codec{scaled.Encode, scaled.Decode}, &o},
		{"typed-rat", codec{rational.Encode, rational.Decode}, &r},
		{"twmb", twmbCodec(tb), &r},
		{"goavro", goavroCodec(tb, true), &o},
		{"goavro-maps", goavroCodec(tb, false), nativeOf(&o)},
	}
}

func TestContendersReadTheirOwnAndEachOthersOrders(t *testing.T) {
	t.Parallel()
	all := contenders(t)
	for _, writer := range all {
		data, err := writer.codec.encode(writer.value)
		if err != nil {
			t.Fatalf("%s: %v", writer.name, err)
		}
		for _, reader := range all {
			got, err := reader.codec.decode(data)
			rats := cmp.Comparer(func(a, b *big.Rat) bool { return a.Cmp(b) == 0 })
			if diff := cmp.Diff(got, reader.value, rats); err != nil || diff != "" {
				t.Errorf("%s reading %s: %v\n%s", reader.name, writer.name, err, diff)
			}
		}
	}
}

// BenchmarkOrderCodec is what goka pays for an order on a topic: a value in an
// any, the frame, and memory of its own for each message.
func BenchmarkOrderCodec(b *testing.B) {
	all := contenders(b)
	for _, c := range all {
		b.Run("encode/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.codec.encode(c.value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, c := range all {
		data, err := c.codec.encode(c.value)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("decode/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.codec.decode(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
