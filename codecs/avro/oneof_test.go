package avro_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/codectest"
	"github.com/gokavro/gokavro/codecs/registry"
)

// orderEvent is what the records of the topic orders have in common.
type orderEvent interface{ order() int64 }

type placed struct {
	ID   int64  `avro:"id"`
	Item string `avro:"item"`
	Note string `avro:"note,default=none"`
}

type cancelled struct {
	ID  int64  `avro:"id"`
	Why string `avro:"why"`
}

// shipped is an orderEvent by its pointer only.
type shipped struct {
	ID int64 `avro:"id"`
}

func (p placed) order() int64    { return p.ID }
func (c cancelled) order() int64 { return c.ID }
func (s *shipped) order() int64  { return s.ID }

func eventCases(more ...avro.Option) []avro.Option {
	return append([]avro.Option{
		avro.Namespace("shop"), avro.Case[placed](avro.Name("Placed")), avro.Case[cancelled](avro.Name("Cancelled")),
		avro.Case[shipped](avro.Name("Shipped")),
	}, more...)
}

func (r *testRegistry) events(t testing.TB, more ...avro.Option) *avro.OneOfCodec[orderEvent] {
	t.Helper()
	codec := avro.OneOf[orderEvent](eventCases(append(more, avro.Registry(r.client(t, time.Minute)), avro.AutoRegister())...)...)
	if err := codec.Check(); err != nil {
		t.Fatal(err)
	}
	return codec
}

func schemasOf(codec *avro.OneOfCodec[orderEvent]) []*avro.ParsedSchema {
	var list []*avro.ParsedSchema
	for _, c := range codec.Cases() {
		list = append(list, c.Schema())
	}
	return list
}

func TestOneOfConforms(t *testing.T) {
	t.Parallel()
	bad := append(framedBad(), []byte{0, 0, 0, 0, 1, 2}, []byte{0, 0, 0, 0, 2, 1})
	for _, wire := range []avro.Wire{avro.Confluent, avro.SingleObject, avro.Apicurio, avro.ConfluentGUID} {
		t.Run(wire.String(), func(t *testing.T) {
			t.Parallel()
			client := startRegistry(t).client(t, time.Minute)
			codectest.Run(t, codectest.Suite[orderEvent]{
				New: func(testing.TB) codecs.Codec[orderEvent] {
					return avro.OneOf[orderEvent](eventCases(avro.Registry(client), avro.AutoRegister(), avro.Format(wire))...)
				},
				Values:  []orderEvent{placed{1, "a", "b"}, cancelled{2, "c"}, &shipped{3}, placed{4, "", "d"}},
				Refused: []orderEvent{nil, (*placed)(nil), (*shipped)(nil), placed{Item: "\xff"}},
				Bad:     bad,
			})
		})
	}
}

func TestOneOfAnyConforms(t *testing.T) {
	t.Parallel()
	client := startRegistry(t).client(t, time.Minute)
	codectest.Run(t, codectest.Suite[any]{
		New: func(testing.TB) codecs.Codec[any] {
			return avro.OneOf[any](eventCases(avro.Registry(client), avro.AutoRegister())...)
		},
		Values:  []any{placed{1, "a", "b"}, cancelled{2, "c"}, shipped{3}},
		Refused: []any{nil, 7, (*cancelled)(nil)},
		Bad:     append(framedBad(), []byte{0, 0, 0, 0, 1, 2}, []byte{0, 0, 0, 0, 2, 1}),
	})
}

func TestOneOfHandsOutTheCasesTypes(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	codec := reg.events(t)
	for _, given := range []any{placed{1, "a", "b"}, &placed{1, "a", "b"}} {
		data, err := codec.Encode(given)
		if err != nil {
			t.Fatal(err)
		}
		got, err := codec.Decode(data)
		if diff := cmp.Diff(any(placed{1, "a", "b"}), got); err != nil || diff != "" {
			t.Errorf("%T: got %v (-want +got):\n%s", given, err, diff)
		}
	}
	for name, subject := range map[string]string{"Placed": "shop.Placed", "Cancelled": "shop.Cancelled"} {
		if err := codec.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		held, err := reg.client(t, time.Minute).Latest(t.Context(), subject)
		if err != nil || !strings.Contains(held.Text, name) {
			t.Errorf("subject %s: got %s, %v", subject, held.Text, err)
		}
	}
}

// oldPlaced is what the producers of the first version wrote.
const oldPlaced = `{"type":"record","name":"Placed","namespace":"shop","fields":[{"name":"item","type":"string"},{"name":"id","type":"int"}]}`

func TestOneOfResolvesOlderSchemasOfACase(t *testing.T) {
	t.Parallel()
	const newPlaced = `{"type":"record","name":"Placed","namespace":"shop","aliases":["Ordered"],"fields":[
		{"name":"id","type":"long"},{"name":"item","type":"string"},{"name":"note","type":"string","default":"none"}]}`
	formerName := strings.Replace(oldPlaced, `"Placed"`, `"Ordered"`, 1)
	for name, tt := range map[string]struct {
		schema, subject string
		wire            avro.Wire
	}{
		"by id":                  {oldPlaced, "shop.Placed", avro.Confluent},
		"by GUID":                {oldPlaced, "elsewhere", avro.ConfluentGUID},
		"by fingerprint":         {oldPlaced, "shop.Placed", avro.SingleObject},
		"under a former name":    {formerName, "shop.Ordered", avro.Confluent},
		"with the former's GUID": {formerName, "shop.Ordered", avro.ConfluentGUID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := startRegistry(t)
			codec := avro.OneOf[orderEvent](avro.Registry(reg.client(t, time.Minute)),
				avro.Case[cancelled](avro.Namespace("shop"), avro.Name("Cancelled")), avro.Case[placed](avro.Schema(newPlaced)))
			old := avro.Generic(tt.schema, reg.open(t, tt.subject, avro.Format(tt.wire))...)
			data, err := old.Encode(map[string]any{"item": "tea", "id": int32(7)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := reg.client(t, time.Minute).Register(t.Context(), "shop.Cancelled", codec.Cases()[0].Schema().String()); err != nil {
				t.Fatal(err)
			}
			if got, err := codec.Decode(data); err != nil || got != (placed{7, "tea", "none"}) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestOneOfReadsWhatAWritersUnionHolds(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	client := reg.client(t, time.Minute)
	codec := reg.events(t)
	if err := codec.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	schemas := schemasOf(codec)
	union := "[" + schemas[1].String() + "," + schemas[0].String() + `,"null"]`
	id, err := client.Register(t.Context(), "orders-value", union)
	if err != nil {
		t.Fatal(err)
	}
	datum, err := avro.Typed[placed](avro.Plain(), avro.Namespace("shop"), avro.Name("Placed")).Encode(placed{9, "tea", "hot"})
	if err != nil {
		t.Fatal(err)
	}
	message := func(branch byte, datum ...byte) []byte {
		return append(append(avro.AppendConfluent(nil, id.ID), branch), datum...)
	}
	got, err := codec.Decode(message(2, datum...))
	if err != nil || got != (placed{9, "tea", "hot"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"another branch": {message(4), "no case reads the record null"},
		"no such branch": {message(6), "does not begin with a branch"},
		"no branch":      {avro.AppendConfluent(nil, id.ID), "does not begin with a branch"},
		"a cut record":   {message(2, datum[:2]...), "shop.Placed"},
	} {
		_, err := codec.Decode(tt.data)
		if _, ok := errors.AsType[*avro.DecodeError](err); !ok || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want a DecodeError with %q", name, err, tt.want)
		}
	}
}

func TestOneOfNamesARecordThatHasNoCase(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	data, err := avro.Typed[user](reg.open(t, "users-value", named()...)...).Encode(user{1, "Ann", 31})
	if err != nil {
		t.Fatal(err)
	}
	_, err = reg.events(t).Decode(data)
	if fault, ok := errors.AsType[*avro.DecodeError](err); !ok || fault.Writer != "example.data.User" {
		t.Errorf("got %v, want a DecodeError", err)
	}
	wantError(t, err, "decoding shop.Placed or shop.Cancelled or shop.Shipped (schema id 1, written as example.data.User): avro: no case reads the record example.data.User: add an avro.Case for it")
	_, err = reg.events(t).Encode(user{})
	wantError(t, err, "avro: encoding a avro_test.user: avro.OneOf has cases for avro_test.placed, avro_test.cancelled, avro_test.shipped only")
}

func TestOneOfKeepsTheSubjectsOfItsCasesWhenBound(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	unbound := avro.OneOf[orderEvent](eventCases(avro.Case[user](avro.Subject("people")))[:4]...)
	_, err := unbound.Decode([]byte{0, 0, 0, 0, 1, 2})
	wantError(t, err, "avro: the codec has no registry: pass avro.Registry, or avro.Plain for data without framing")
	bound := unbound.Bind(avro.Binding{Registry: reg.client(t, time.Minute), Subject: "orders-value", AutoRegister: true})
	data, err := bound.Encode(cancelled{1, "late"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := bound.Decode(data); err != nil || got != (cancelled{1, "late"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	subjects, err := reg.client(t, time.Minute).Subjects(t.Context())
	if diff := cmp.Diff([]string{"shop.Cancelled"}, subjects); err != nil || diff != "" {
		t.Errorf("subjects: %v (-want +got):\n%s", err, diff)
	}
}

func TestOneOfsCasesAreNamedByTheStrategy(t *testing.T) {
	t.Parallel()
	client := startRegistry(t).client(t, time.Minute)
	for want, more := range map[string][]avro.Option{
		"shop.Placed":        nil,
		"orders-shop.Placed": {avro.SubjectStrategy(avro.TopicRecordName)},
		"orders-value":       {avro.SubjectStrategy(avro.TopicName)},
	} {
		bound := avro.OneOf[orderEvent](eventCases(more...)...).Bind(avro.Binding{Registry: client, Topic: "orders"})
		if got := bound.(*avro.OneOfCodec[orderEvent]).Cases()[0].Subject(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestOneOfReadsWhatItsCasesRead(t *testing.T) {
	t.Parallel()
	codec := avro.OneOf[orderEvent](eventCases()...)
	record := func(name, fields string) string {
		return `{"type":"record","name":"` + name + `","namespace":"shop","fields":[` + fields + `]}`
	}
	const id, why = `{"name":"id","type":"int"}`, `{"name":"why","type":"string"}`
	for _, tt := range []struct{ name, writer, want string }{
		{"a case", record("Cancelled", why+","+id), ""},
		{"a union of cases", "[" + record("Shipped", id) + "," + record("Cancelled", id+","+why) + "]", ""},
		{"a field less", record("Cancelled", id), "why"},
		{"no case", record("Paid", id), "no case reads the record shop.Paid"},
		{"a union with another", "[" + record("Shipped", id) + "," + record("Paid", id) + "]", "no case reads the record shop.Paid"},
	} {
		for _, c := range codec.Cases() {
			got := c.Reads(mustParse(t, tt.writer))
			switch {
			case tt.want == "" && len(got) > 0:
				t.Errorf("%s: got %v, want it read", tt.name, got)
			case tt.want != "" && (len(got) != 1 || !strings.Contains(got[0].String(), tt.want)):
				t.Errorf("%s: got %v, want %q alone", tt.name, got, tt.want)
			}
		}
	}
	if got := codec.Reads(mustParse(t, record("Shipped", id))); len(got) > 0 {
		t.Errorf("the codec itself: got %v", got)
	}
}

func TestOneOfUsesHeaders(t *testing.T) {
	t.Parallel()
	codec := startRegistry(t).events(t, avro.Format(avro.ConfluentGUID))
	data, headers, err := codec.EncodeWithHeaders(&shipped{5})
	if err != nil || len(data) != 1 || len(headers[avro.ValueSchemaHeader]) != 17 {
		t.Fatalf("got %x, %x, %v; want the datum and a header", data, headers, err)
	}
	got, err := codec.DecodeWithHeaders(data, headers)
	if diff := cmp.Diff(any(&shipped{5}), got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, _, err := codec.EncodeWithHeaders("text"); err == nil {
		t.Error("got no error for a value that is no case")
	}
}

func TestOneOfWaitsForARegistryThatIsAway(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	data, err := reg.events(t).Encode(placed{1, "a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	codec := avro.OneOf[orderEvent](eventCases(avro.Registry(reg.client(t, time.Millisecond)))...)
	reg.down.Store(true)
	if _, err := codec.Decode(data); !isUnavailable(err) {
		t.Errorf("got %v, want an UnavailableError", err)
	}
	reg.down.Store(false)
	ready := avro.OneOf[orderEvent](eventCases(avro.Registry(reg.client(t, time.Minute)))...)
	if got, err := ready.Decode(data); err != nil || got != (placed{1, "a", "b"}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func isUnavailable(err error) bool {
	_, ok := errors.AsType[*registry.UnavailableError](err)
	return ok
}

func TestOneOfFindsFaultsOfItsDeclaration(t *testing.T) {
	t.Parallel()
	type other struct {
		ID int64 `avro:"id"`
	}
	for name, tt := range map[string]struct {
		codec interface {
			codecs.Untyped
			Check() error
		}
		want string
	}{
		"no case":      {avro.OneOf[any](avro.Namespace("shop")), "avro: avro.OneOf has no case"},
		"a schema":     {avro.OneOf[any](eventCases(avro.Schema(userSchema))...), "avro: avro.OneOf has a schema for each case"},
		"no frame":     {avro.OneOf[any](eventCases(avro.Plain())...), "leave out avro.Plain"},
		"no interface": {avro.OneOf[placed](eventCases()...), "avro: avro.OneOf of avro_test.placed, which is no interface"},
		"another type": {avro.OneOf[orderEvent](eventCases(avro.Case[user]())...), "the case avro_test.user of avro.OneOf does not implement avro_test.orderEvent"},
		"a type twice": {avro.OneOf[any](eventCases(avro.Case[placed](avro.Name("Other")))...), "avro: the case avro_test.placed of avro.OneOf: the type has a case already"},
		"a name twice": {avro.OneOf[any](eventCases(avro.Case[other](avro.Name("Placed")))...), "its schema has the name shop.Placed, as that of avro_test.placed"},
		"a misfit":     {avro.OneOf[any](avro.Case[other](avro.Schema(userSchema))), "avro: the case avro_test.other of avro.OneOf: avro: the type avro_test.other does not fit the schema example.data.User"},
		"no OneOf":     {avro.Typed[placed](avro.Case[cancelled]()), "avro: avro.Case is for avro.OneOf"},
		"no record":    {avro.OneOf[any](avro.Case[string](avro.Schema(`"string"`))), "its schema is of type string, not a record"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fault := tt.codec.Check()
			if fault == nil || !strings.Contains(fault.Error(), tt.want) {
				t.Fatalf("got %v, want an error with %q", fault, tt.want)
			}
			if _, err := tt.codec.Encode(placed{}); !errors.Is(err, fault) {
				t.Errorf("encode: got %v", err)
			}
			if _, err := tt.codec.Decode([]byte{0}); !errors.Is(err, fault) {
				t.Errorf("decode: got %v", err)
			}
		})
	}
}

func FuzzOneOf(f *testing.F) {
	cases := eventCases(avro.Format(avro.Glue))
	schemas := schemasOf(avro.OneOf[orderEvent](cases...))
	union := mustParse(f, "["+schemas[1].String()+","+schemas[0].String()+"]")
	store := glueSchemas{map[[16]byte]*avro.ParsedSchema{{1}: schemas[0], {2}: schemas[1], {3}: schemas[2], {4}: union}}
	codec := avro.OneOf[orderEvent](append(cases, avro.WithSchemas(store))...)
	for id := range store.byUUID {
		f.Add(id[0], []byte{2, 2, 'a', 2, 'b'})
	}
	f.Fuzz(func(t *testing.T, id byte, datum []byte) {
		frame := avro.AppendFrame(nil, avro.SchemaRef{Wire: avro.Glue, UUID: [16]byte{id}})
		var value orderEvent
		if err := codec.Read(append(frame, datum...), &value); err != nil {
			if _, ok := errors.AsType[*avro.DecodeError](err); !ok || value != nil {
				t.Fatalf("got %v, %v; want a DecodeError alone", value, err)
			}
			return
		}
		if _, err := codec.Append(nil, &value); err != nil {
			t.Errorf("%+v was read and is not written: %v", value, err)
		}
	})
}
