package avro_test

import (
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
)

// newerUser is a schema that reads what user's own wrote, and has more.
const newerUser = `{"type":"record","name":"User","namespace":"example.data","fields":[` +
	`{"name":"age","type":"long"},{"name":"mail","type":["null","string"],"default":null},{"name":"id","type":"int"},` +
	`{"name":"tags","type":{"type":"array","items":"string"},"default":["new"]},{"name":"name","type":"string"}]}`

func latest(reg *testRegistry, t testing.TB, more ...avro.Option) []avro.Option {
	t.Helper()
	return append(append(named(), avro.Registry(reg.client(t, time.Minute)), avro.Topic("users"), avro.UseLatest()), more...)
}

func register(t testing.TB, reg *testRegistry, subject, text string) registry.Schema {
	t.Helper()
	found, err := reg.client(t, time.Minute).Register(t.Context(), subject, text)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestUseLatestWritesWithTheSubjectsNewestSchema(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	register(t, reg, "users-value", userSchema)
	newest := register(t, reg, "users-value", newerUser)
	want := map[string]any{
		"id": int32(1), "name": "Ann", "age": int64(40), "mail": nil, "tags": []any{"new"},
	}
	for name, encode := range map[string]func() ([]byte, error){
		"typed": func() ([]byte, error) {
			return avro.Typed[user](latest(reg, t)...).Encode(user{ID: 1, Name: "Ann", Age: 40})
		},
		"generic": func() ([]byte, error) {
			return avro.Generic(userSchema, latest(reg, t)...).Encode(map[string]any{"id": int32(1), "name": "Ann", "age": int32(40)})
		},
	} {
		data, err := encode()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		id, datum, err := avro.SplitConfluent(data)
		if err != nil || id != newest.ID {
			t.Errorf("%s: got id %d and %v, want that of the newest, %d", name, id, err, newest.ID)
		}
		if err := mustParse(t, newerUser).Validate(datum); err != nil {
			t.Errorf("%s: the datum is not of the schema that is named: %v", name, err)
		}
		got, err := avro.Generic(newerUser, avro.Registry(reg.client(t, time.Minute))).Decode(data)
		if diff := cmp.Diff(got, any(want)); err != nil || diff != "" {
			t.Errorf("%s: %v (-got +want):\n%s", name, err, diff)
		}
	}
}

func TestUseLatestRefusesASchemaThatWouldLoseOrMisreadData(t *testing.T) {
	t.Parallel()
	record := func(fields string) string {
		return `{"type":"record","name":"User","namespace":"example.data","fields":[` + fields + `]}`
	}
	const id, name, age = `{"name":"id","type":"int"}`, `{"name":"name","type":"string"}`, `{"name":"age","type":"int"}`
	for _, tt := range []struct {
		name, text string
		says       string
	}{
		{"a field less", record(id + "," + name), "it has no field age, which the codec writes"},
		{"a field under another name", record(id + "," + age + `,{"name":"full","aliases":["name"],"type":"string"}`), "it has no field name"},
		{"a new field without a default", record(id + "," + name + "," + age + `,{"name":"mail","type":"string"}`), "it cannot read the codec's own schema: mail"},
		{"another type", record(`{"name":"id","type":"string"},` + name + "," + age), "it cannot read the codec's own schema: id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reg := startRegistry(t)
			register(t, reg, "users-value", tt.text)
			for _, codec := range []interface{ Encode(any) ([]byte, error) }{
				avro.Typed[user](latest(reg, t)...), avro.Generic(userSchema, latest(reg, t)...),
			} {
				var value any = user{}
				if _, generic := codec.(*avro.GenericCodec); generic {
					value = map[string]any{"id": int32(1), "name": "Ann", "age": int32(40)}
				}
				_, err := codec.Encode(value)
				if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "version 1 of subject users-value") {
					t.Errorf("%T: got %v, want it to say %q", codec, err, tt.says)
				}
			}
		})
	}
}

func TestUseLatestRefusesAnotherLogicalType(t *testing.T) {
	t.Parallel()
	type order struct {
		Price big.Rat   `avro:"price,decimal(9,2)"`
		At    time.Time `avro:"at,timestamp-millis"`
	}
	price := func(precision, scale int) string {
		return fmt.Sprintf(`{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":%d,"scale":%d}}`, precision, scale)
	}
	at := func(word string) string { return `{"name":"at","type":{"type":"long","logicalType":"` + word + `"}}` }
	for _, tt := range []struct{ name, fields, says string }{
		{"the same", price(9, 2) + "," + at("timestamp-millis"), ""},
		{"more digits", price(18, 2) + "," + at("timestamp-millis"), ""},
		{"another scale", price(9, 4) + "," + at("timestamp-millis"), "price is of another logical type"},
		{"another unit", price(9, 2) + "," + at("timestamp-micros"), "at is of another logical type"},
	} {
		reg := startRegistry(t)
		register(t, reg, "users-value", `{"type":"record","name":"order","fields":[`+tt.fields+`]}`)
		codec := avro.Typed[order](avro.Registry(reg.client(t, time.Minute)), avro.Topic("users"), avro.UseLatest())
		err := codec.Prepare(t.Context())
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.says)
		}
	}
}

func TestUseLatestSeesLostFieldsAtAnyDepth(t *testing.T) {
	t.Parallel()
	type inner struct {
		A int32 `avro:"a"`
		B int32 `avro:"b"`
	}
	type outer struct {
		Items map[string][]*inner `avro:"items"`
	}
	reg := startRegistry(t)
	register(t, reg, "users-value", `{"type":"record","name":"outer","fields":[{"name":"items","type":{"type":"map","values":{"type":"array",`+
		`"items":["null",{"type":"record","name":"inner","fields":[{"name":"a","type":"int"}]}]}}}]}`)
	codec := avro.Typed[outer](avro.Registry(reg.client(t, time.Minute)), avro.Topic("users"), avro.UseLatest())
	if err := codec.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "no field items.b") {
		t.Errorf("got %v, want the field that would be lost", err)
	}
}

func TestUseLatestWantsASchemaUnlessItMayRegister(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	err := avro.Typed[user](latest(reg, t)...).Prepare(t.Context())
	if err == nil || !strings.Contains(err.Error(), `subject "users-value" is not known`) {
		t.Errorf("got %v, want the subject that is missing", err)
	}
	if err := avro.Typed[user](latest(reg, t, avro.AutoRegister())...).Prepare(t.Context()); err != nil {
		t.Errorf("with auto-registration: %v", err)
	}
	newest := register(t, reg, "users-value", newerUser)
	data, err := avro.Typed[user](latest(reg, t, avro.AutoRegister())...).Encode(user{})
	if id, _, _ := avro.SplitConfluent(data); err != nil || id != newest.ID {
		t.Errorf("got id %d and %v, want the newest also with auto-registration, %d", id, err, newest.ID)
	}
	store := avro.RegistrySchemas(reg.client(t, time.Minute))
	if err := avro.Typed[user](latest(reg, t, avro.WithSchemas(store))...).Prepare(t.Context()); err == nil {
		t.Error("with WithSchemas: got no error")
	}
}

func TestUseLatestIsOneSchemaForAllGoroutines(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	newest := register(t, reg, "users-value", newerUser)
	codec := avro.Typed[user](latest(reg, t)...)
	var done sync.WaitGroup
	for range 16 {
		done.Go(func() {
			data, err := codec.Encode(user{Name: "x"})
			if id, datum, _ := avro.SplitConfluent(data); err != nil || id != newest.ID || mustParse(t, newerUser).Validate(datum) != nil {
				t.Errorf("got %x and %v", data, err)
			}
		})
	}
	done.Wait()
	reg.asks.Store(0)
	if _, err := codec.Encode(user{}); err != nil || reg.asks.Load() != 0 {
		t.Errorf("later: got %v after %d requests, want none", err, reg.asks.Load())
	}
}
