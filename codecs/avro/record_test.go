package avro_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/codectest"
)

const ticketSchema = `{"type":"record","name":"Ticket","namespace":"air","fields":[
	{"name":"id","type":"long"},
	{"name":"row","type":"int"},
	{"name":"paid","type":"boolean"},
	{"name":"weight","type":["null","float"],"default":null},
	{"name":"share","type":"double","default":0.5},
	{"name":"kind","type":{"type":"enum","name":"Kind","symbols":["ADULT","CHILD"]}},
	{"name":"seal","type":{"type":"fixed","name":"Seal","size":2}},
	{"name":"raw","type":["bytes","null"],"default":""},
	{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"seen","type":["null",{"type":"long","logicalType":"timestamp-micros"}],"default":null},
	{"name":"here","type":{"type":"long","logicalType":"local-timestamp-micros"}},
	{"name":"day","type":{"type":"int","logicalType":"date"}},
	{"name":"boards","type":{"type":"int","logicalType":"time-millis"}},
	{"name":"price","type":["null",{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}],"default":null},
	{"name":"customer","type":["null",{"type":"record","name":"Customer","fields":[
		{"name":"name","type":["null","string"],"default":null},
		{"name":"emails","type":{"type":"array","items":"string"},"default":[]}]}],"default":null},
	{"name":"legs","type":{"type":"array","items":["null",{"type":"record","name":"Leg","fields":[{"name":"to","type":"string"}]}]},"default":[]},
	{"name":"tags","type":{"type":"map","values":["null","long","string"]},"default":{}},
	{"name":"extra","type":["null","int","string","Leg",{"type":"record","name":"Stay","fields":[{"name":"to","type":"string"}]}],"default":null}]}`

var ticketTime = time.Date(2024, 2, 29, 23, 59, 58, 0, time.UTC)

// fill sets all that is there, by path.
func fill(t testing.TB, r avro.Record) avro.Record {
	t.Helper()
	for _, set := range []struct {
		path  string
		value any
	}{
		{"id", 1 << 40},
		{"row", int16(7)},
		{"paid", true},
		{"weight", float32(2.5)},
		{"kind", "CHILD"},
		{"seal", []byte{1, 2}},
		{"raw", []byte("raw")},
		{"at", ticketTime},
		{"seen", ticketTime},
		{"here", ticketTime},
		{"day", ticketTime.Truncate(24 * time.Hour)},
		{"boards", 3 * time.Hour},
		{"price", big.NewRat(1999, 100)},
		{"customer.name", "Zoë"},
		{"customer.emails", []string{"a@b", "c@d"}},
		{"legs", []any{map[string]any{"to": "HAM"}, nil}},
		{"legs.0.to", "BRE"},
		{"tags", map[string]any{"n": 3, "s": "three"}},
		{"tags.none", nil},
		{"extra", 9},
	} {
		if err := r.Set(set.path, set.value); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// bothForms gives a filled record of the codec and one that is a view of what
// Generic decodes.
func bothForms(t *testing.T, test func(t *testing.T, r avro.Record)) {
	t.Helper()
	t.Run("records", func(t *testing.T) {
		t.Parallel()
		codec := avro.Records(ticketSchema, avro.Plain())
		test(t, again[*avro.Record](t, codec, fill(t, codec.New())).copied())
	})
	t.Run("a view of goavro's", func(t *testing.T) {
		t.Parallel()
		codec := avro.Generic(ticketSchema, avro.Plain())
		empty, err := avro.NewRecord(codec.Schema(), nil)
		if err != nil {
			t.Fatal(err)
		}
		native := again[map[string]any](t, codec, fill(t, empty).Native())
		r, err := avro.NewRecord(codec.Schema(), native.value)
		if err != nil {
			t.Fatal(err)
		}
		test(t, r)
	})
}

type decoded[T any] struct{ value T }

func (d decoded[T]) copied() avro.Record {
	r, _ := any(d.value).(*avro.Record)
	return *r
}

// again encodes a value and decodes it.
func again[T any](t *testing.T, codec codecs.Untyped, value any) decoded[T] {
	t.Helper()
	data, err := codec.Encode(value)
	if err != nil {
		t.Fatal(err)
	}
	got, err := codec.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	held, ok := got.(T)
	if !ok {
		t.Fatalf("got a %T", got)
	}
	return decoded[T]{held}
}

// want compares what a getter gave.
func wantGot[T any](t *testing.T, path string, got T, err error) func(want T) {
	return func(want T) {
		t.Helper()
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *big.Rat) bool { return a.Cmp(b) == 0 })); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", path, err, diff)
		}
	}
}

func got[T any](t *testing.T, path string, getter func(string) (T, error), want T) {
	t.Helper()
	value, err := getter(path)
	wantGot(t, path, value, err)(want)
}

func TestRecordsGiveValuesByPath(t *testing.T) {
	t.Parallel()
	bothForms(t, func(t *testing.T, r avro.Record) {
		got(t, "id", r.Long, 1<<40)
		got(t, "row", r.Int, 7)
		got(t, "row", r.Long, 7)
		got(t, "row", r.Double, 7)
		got(t, "paid", r.Bool, true)
		got(t, "weight", r.Float, 2.5)
		got(t, "weight", r.Double, 2.5)
		got(t, "share", r.Double, 0.5)
		got(t, "kind", r.String, "CHILD")
		got(t, "seal", r.Bytes, []byte{1, 2})
		got(t, "raw", r.Bytes, []byte("raw"))
		got(t, "at", r.Time, ticketTime)
		got(t, "seen", r.Time, ticketTime)
		got(t, "here", r.Time, ticketTime)
		got(t, "day", r.Time, ticketTime.Truncate(24*time.Hour))
		got(t, "boards", r.Duration, 3*time.Hour)
		got(t, "price", r.Decimal, big.NewRat(1999, 100))
		got(t, "customer.name", r.String, "Zoë")
		got(t, "customer.emails", r.List, []any{"a@b", "c@d"})
		got(t, "customer.emails.1", r.String, "c@d")
		got(t, "legs.0.to", r.String, "BRE")
		got(t, "tags", r.Map, map[string]any{"n": int64(3), "s": "three", "none": nil})
		got(t, "tags.s", r.String, "three")
		got(t, "extra", r.Int, 9)
		for path, want := range map[string]bool{"customer": true, "customer.name": true, "legs.1": false, "legs.1.to": false, "tags.none": false, "absent": false} {
			if r.Has(path) != want {
				t.Errorf("has %s: got %t", path, !want)
			}
		}
		customer, err := r.Record("customer")
		if err != nil || customer.Name() != "air.Customer" {
			t.Fatalf("got %s, %v", customer.Name(), err)
		}
		got(t, "name", customer.String, "Zoë")
		if err := customer.Set("name", "Ann"); err != nil {
			t.Fatal(err)
		}
		got(t, "customer.name", r.String, "Ann")
		legs, err := r.List("legs")
		if err != nil || len(legs) != 2 || legs[1] != nil {
			t.Fatalf("legs: got %v, %v", legs, err)
		}
		got(t, "to", legs[0].(avro.Record).String, "BRE")
		if value, err := r.Get("legs.1"); value != nil || err != nil {
			t.Errorf("get of null: got %v, %v", value, err)
		}
	})
}

func TestRecordsSayWhatIsAtAPathInstead(t *testing.T) {
	t.Parallel()
	bothForms(t, func(t *testing.T, r avro.Record) {
		type getter func(string) error
		asText := func(path string) error { _, err := r.String(path); return err }
		asInt := func(path string) error { _, err := r.Int(path); return err }
		for path, tt := range map[string]struct {
			get  getter
			want string
		}{
			"customer.nam":   {asText, "avro: field customer.nam of record air.Ticket: there is no such field: air.Customer has name, emails"},
			"id":             {asText, "avro: field id of record air.Ticket is of type long, a Go int64: use Long"},
			"at":             {asText, "avro: field at of record air.Ticket is of type long (timestamp-millis), a Go time.Time: use Time"},
			"customer":       {asText, "avro: field customer of record air.Ticket is of type air.Customer, a Go Record: use Record"},
			"paid.x":         {asInt, "avro: field paid.x of record air.Ticket: what is before is of type boolean and has no parts"},
			"legs.7":         {asInt, "avro: field legs.7 of record air.Ticket: the array has 2 items, numbered from 0"},
			"legs.x":         {asInt, "avro: field legs.x of record air.Ticket: the array has 2 items, numbered from 0"},
			"tags.zz":        {asInt, "avro: field tags.zz of record air.Ticket: the map has no such key among its 3"},
			"legs.1.to":      {asText, "avro: field legs.1.to of record air.Ticket: it is null before this part of the path"},
			"tags.none":      {asText, "avro: field tags.none of record air.Ticket: it is null"},
			"":               {asText, "avro: field  of record air.Ticket: there is no such field"},
			"customer..name": {asText, "there is no such field: air.Customer has name, emails"},
		} {
			err := tt.get(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, avro.ErrNull) != strings.Contains(tt.want, "it is null") {
				t.Errorf("%s:\n got %v\nwant %s", path, err, tt.want)
			}
		}
	})
	if _, err := (avro.Record{}).Int("x"); err == nil || !strings.Contains(err.Error(), "the Record is empty") {
		t.Errorf("got %v for the zero Record", err)
	}
	if err := (avro.Record{}).Set("x", 1); err == nil || !strings.Contains(err.Error(), "the Record is empty") {
		t.Errorf("set: got %v for the zero Record", err)
	}
}

func TestRecordsRefuseWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	bothForms(t, func(t *testing.T, r avro.Record) {
		before := again[*avro.Record](t, avro.Records(ticketSchema, avro.Plain()), r).copied()
		for path, tt := range map[string]struct {
			value any
			want  string
		}{
			"id":              {"one", "avro: setting field id of record air.Ticket: a Go string is no long"},
			"row":             {1 << 40, "a Go int is no int"},
			"boards":          {int32(7), "a Go int32 is no int (time-millis)"},
			"price":           {1.5, "a Go float64 is none of null, bytes (decimal)"},
			"kind":            {nil, "a Go <nil> is no air.Kind"},
			"raw":             {"text", "a Go string is none of bytes, null"},
			"tags.x":          {true, "a Go bool is none of null, long, string"},
			"legs":            {[]any{map[string]any{"from": "x"}}, "item 0: a Go map[string]interface {} is none of null, air.Leg"},
			"customer":        {map[string]any{"name": 7}, "is none of null, air.Customer"},
			"customer.absent": {1, "there is no such field: air.Customer has name, emails"},
			"paid.x":          {1, "what is before is of type boolean and has no parts"},
			"legs.9":          {nil, "the array has 2 items"},
			"absent.x":        {1, "there is no such field"},
		} {
			if err := r.Set(path, tt.value); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s:\n got %v\nwant %s", path, err, tt.want)
			}
		}
		after := again[*avro.Record](t, avro.Records(ticketSchema, avro.Plain()), r).copied()
		if diff := cmp.Diff(before.Native(), after.Native(), cmp.Comparer(func(a, b *big.Rat) bool { return a.Cmp(b) == 0 })); diff != "" {
			t.Errorf("after all that was refused (-want +got):\n%s", diff)
		}
	})
}

func TestRecordsKeepTheBranchOfAUnion(t *testing.T) {
	t.Parallel()
	bothForms(t, func(t *testing.T, r avro.Record) {
		codec := avro.Records(ticketSchema, avro.Plain())
		other := avro.Records(`{"type":"record","name":"Stay","namespace":"air","fields":[{"name":"to","type":"string"}]}`, avro.Plain())
		stay := other.New()
		if err := errors.Join(stay.Set("to", "HAM"), r.Set("extra", stay)); err != nil {
			t.Fatal(err)
		}
		read := again[*avro.Record](t, codec, r).copied()
		held, err := read.Record("extra")
		if err != nil || held.Name() != "air.Stay" {
			t.Fatalf("got %s, %v; want the second of two records with the same fields", held.Name(), err)
		}
		// A record of one form goes into one of the other.
		if err := r.Set("customer", mustRecord(t, read, "customer")); err != nil {
			t.Fatal(err)
		}
		got(t, "customer.emails.0", r.String, "a@b")
		got(t, "extra.to", again[*avro.Record](t, codec, r).copied().String, "HAM")
	})
}

func mustRecord(t *testing.T, r avro.Record, path string) avro.Record {
	t.Helper()
	inner, err := r.Record(path)
	if err != nil {
		t.Fatal(err)
	}
	return inner
}

func TestRecordsConform(t *testing.T) {
	t.Parallel()
	codec := func(opts ...avro.Option) *avro.RecordCodec { return avro.Records(noteSchema, opts...) }
	note := func(id int64, text any, tags ...string) avro.Record {
		r := codec().New()
		err := errors.Join(r.Set("id", id), r.Set("text", text), r.Set("tags", tags), r.Set("marks", map[string]int{"x": int(id)}), r.Set("raw", []byte{1}))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	suite := codectest.Suite[avro.Record]{
		Values:  []avro.Record{note(1, nil), note(2, "Zürich", "a", "b"), note(3, "", "c")},
		Refused: []avro.Record{{}, codec().New()},
		Bad:     [][]byte{nil, {2}, {2, 4}, {2, 0, 1, 1}, {2, 2, 255}},
		Equal:   func(a, b avro.Record) bool { return sameParts(a.Native(), b.Native()) },
	}
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		suite := suite
		suite.New = func(testing.TB) codecs.Codec[avro.Record] { return codec(avro.Plain()) }
		codectest.Run(t, suite)
	})
	t.Run("framed", func(t *testing.T) {
		t.Parallel()
		suite, reg := suite, startRegistry(t)
		suite.Bad = append(framedBad(), suite.Bad...)
		suite.New = func(t testing.TB) codecs.Codec[avro.Record] { return codec(reg.open(t, "note-value")...) }
		codectest.Run(t, suite)
	})
}

func TestRecordsHaveTheFieldsOfTheirSchemaWhoeverWroteThem(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	data, err := avro.Generic(oldPoint, reg.open(t, "points-value")...).Encode(map[string]any{"x": int32(4)})
	if err != nil {
		t.Fatal(err)
	}
	const schema = `{"type":"record","name":"point","fields":[{"name":"x","type":"long"},{"name":"n","type":["string","null"],"default":"none"}]}`
	codec := avro.Records(schema).Bind(avro.Binding{Registry: reg.client(t, time.Minute)}).(*avro.RecordCodec)
	var r avro.Record
	if err := codec.Read(data, &r); err != nil {
		t.Fatal(err)
	}
	got(t, "x", r.Long, 4)
	got(t, "n", r.String, "none")
	if err := avro.Records(`"int"`).Check(); err == nil || !strings.Contains(err.Error(), "is of type int") {
		t.Errorf("got %v for a schema that is no record", err)
	}
	if _, err := avro.NewRecord(mustParse(t, `"int"`), nil); err == nil {
		t.Error("got no error for a view of a schema that is no record")
	}
}
