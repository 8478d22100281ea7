package avro_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
)

// userV2 is user with one more field.
const userV2 = `{"type":"record","name":"User","namespace":"example.data","fields":[
	{"name":"id","type":"int"},{"name":"name","type":"string"},{"name":"age","type":"int"},
	{"name":"city","type":"string","default":"unknown"}]}`

type citizen struct {
	ID   int32  `avro:"id"`
	Name string `avro:"name"`
	Age  int32  `avro:"age"`
	City string `avro:"city"`
}

// encodeWith returns value framed with the id under which schema is
// registered.
func encodeWith(t testing.TB, reg *testRegistry, subject, schema string, value any) []byte {
	t.Helper()
	found, err := reg.client(t, time.Minute).Register(t.Context(), subject, schema)
	if err != nil {
		t.Fatal(err)
	}
	data, err := mustParse(t, schema).Append(avro.AppendConfluent(nil, found.ID), value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOneCodecReadsAStreamWhoseSchemaChanges(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	ann := map[string]any{"id": 1, "name": "Ann", "age": 31}
	bob := map[string]any{"id": 2, "name": "Bob", "age": 32, "city": "Bern"}
	cyd := map[string]any{"id": 3, "name": "Cyd", "age": 33}
	stream := [][]byte{
		encodeWith(t, reg, "users-value", userSchema, ann),
		encodeWith(t, reg, "users-value", userV2, bob),
		encodeWith(t, reg, "users-value", userSchema, cyd),
	}

	newer := avro.Typed[citizen](avro.Registry(reg.client(t, time.Minute)), avro.Schema(userV2))
	older := avro.Typed[user](append(named(), avro.Registry(reg.client(t, time.Minute)))...)
	var citizens []citizen
	var users []user
	for _, data := range stream {
		var c citizen
		var u user
		if err := errors.Join(newer.Read(data, &c), older.Read(data, &u)); err != nil {
			t.Fatal(err)
		}
		citizens, users = append(citizens, c), append(users, u)
	}
	wantCitizens := []citizen{{1, "Ann", 31, "unknown"}, {2, "Bob", 32, "Bern"}, {3, "Cyd", 33, "unknown"}}
	if diff := cmp.Diff(wantCitizens, citizens); diff != "" {
		t.Errorf("read with the newer schema (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]user{{1, "Ann", 31}, {2, "Bob", 32}, {3, "Cyd", 33}}, users); diff != "" {
		t.Errorf("read with the older schema (-want +got):\n%s", diff)
	}
}

func TestWriterSchemasAreAskedForOnce(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	data := encodeWith(t, reg, "users-value", userSchema, map[string]any{"id": 1, "name": "Ann", "age": 31})
	codec := avro.Typed[user](append(named(), avro.Registry(reg.client(t, time.Minute)))...)
	before := reg.asks.Load()
	for range 100 {
		if _, err := codec.Decode(data); err != nil {
			t.Fatal(err)
		}
	}
	if got := reg.asks.Load() - before; got != 1 {
		t.Errorf("requests for 100 records: got %d, want 1", got)
	}
}

func record(name, fields string) string {
	return `{"type":"record","name":"` + name + `","namespace":"example","fields":[` + fields + `]}`
}

type wide struct {
	ID    int64    `avro:"id"`
	Score float64  `avro:"score"`
	Label string   `avro:"label"`
	Note  *string  `avro:"note"`
	Tags  []string `avro:"tags"`
}

const wideFields = `{"name":"id","type":"long","aliases":["number"]},{"name":"score","type":"double","default":0.5},
	{"name":"label","type":"string","default":"none"},{"name":"note","type":["null","string"],"default":null},
	{"name":"tags","type":{"type":"array","items":"string"},"default":["new"]}`

func TestReaderSchemaResolvesWhatWritersWrote(t *testing.T) {
	t.Parallel()
	note := "n"
	tests := []struct {
		name   string
		writer string
		value  map[string]any
		want   wide
	}{
		{
			"missing fields get their defaults", record("Wide", `{"name":"id","type":"long"}`),
			map[string]any{"id": 1},
			wide{ID: 1, Score: 0.5, Label: "none", Tags: []string{"new"}},
		},
		{
			"int is read as long, float as double", record("Wide", `{"name":"id","type":"int"},{"name":"score","type":"float"}`),
			map[string]any{"id": -7, "score": float32(1.25)},
			wide{ID: -7, Score: 1.25, Label: "none", Tags: []string{"new"}},
		},
		{
			"int is read as double, bytes as string", record("Wide", `{"name":"id","type":"int"},{"name":"score","type":"int"},{"name":"label","type":"bytes"}`),
			map[string]any{"id": 1, "score": 3, "label": []byte("raw")},
			wide{ID: 1, Score: 3, Label: "raw", Tags: []string{"new"}},
		},
		{
			"removed fields are skipped", record("Wide", `{"name":"old","type":{"type":"array","items":"string"}},{"name":"id","type":"long"},{"name":"older","type":"double"}`),
			map[string]any{"old": []string{"a", "b"}, "id": 2, "older": 1.0},
			wide{ID: 2, Score: 0.5, Label: "none", Tags: []string{"new"}},
		},
		{
			"reordered fields are found by name", record("Wide", `{"name":"tags","type":{"type":"array","items":"string"}},{"name":"label","type":"string"},{"name":"score","type":"double"},{"name":"id","type":"long"}`),
			map[string]any{"tags": []string{"t"}, "label": "l", "score": 2.0, "id": 3},
			wide{ID: 3, Score: 2, Label: "l", Tags: []string{"t"}},
		},
		{
			"a renamed field is found by its alias", record("Wide", `{"name":"number","type":"long"}`),
			map[string]any{"number": 4},
			wide{ID: 4, Score: 0.5, Label: "none", Tags: []string{"new"}},
		},
		{
			"a plain value is read as nullable", record("Wide", `{"name":"id","type":"long"},{"name":"note","type":"string"}`),
			map[string]any{"id": 5, "note": "n"},
			wide{ID: 5, Score: 0.5, Label: "none", Note: &note, Tags: []string{"new"}},
		},
	}
	reg := startRegistry(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			data := encodeWith(t, reg, t.Name(), tt.writer, tt.value)
			codec := avro.Typed[wide](avro.Registry(reg.client(t, time.Minute)), avro.Schema(record("Wide", wideFields)))
			got := wide{ID: 99, Label: "before", Note: &note, Tags: []string{"x", "y", "z"}}
			if err := codec.Read(data, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNullableFieldReadAsPlainIsADecodeError(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	data := encodeWith(t, reg, "wide-value", record("Wide", `{"name":"id","type":"long"},{"name":"label","type":["null","string"]}`),
		map[string]any{"id": 6, "label": nil})
	_, err := avro.Typed[wide](avro.Registry(reg.client(t, time.Minute)), avro.Schema(record("Wide", wideFields))).Decode(data)
	var fault *avro.DecodeError
	if !errors.As(err, &fault) || fault.Writer != "example.Wide" || fault.Schema.ID != 1 {
		t.Errorf("decode: got %#v (%v), want a DecodeError of schema 1, written as example.Wide", fault, err)
	}
}

func TestIncompatibleWriterIsADecodeErrorThatNamesBoth(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, writer, field string
		value               map[string]any
	}{
		{"another type", record("Legacy", `{"name":"id","type":"string"}`), "id", map[string]any{"id": "1"}},
		{"narrower", record("Legacy", `{"name":"id","type":"double"}`), "id", map[string]any{"id": 1.0}},
		{"a field that is missing", record("Legacy", `{"name":"other","type":"long"}`), "id", map[string]any{"other": 1}},
	}
	reg := startRegistry(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			data := encodeWith(t, reg, t.Name(), tt.writer, tt.value)
			reader := `{"type":"record","name":"Wide","namespace":"example","aliases":["Legacy"],"fields":[` + wideFields + `]}`
			_, err := avro.Typed[wide](avro.Registry(reg.client(t, time.Minute)), avro.Schema(reader)).Decode(data)
			var fault *avro.DecodeError
			if !errors.As(err, &fault) {
				t.Fatalf("decode: got %v, want a DecodeError", err)
			}
			if fault.Writer != "example.Legacy" || fault.Reader != "example.Wide" || fault.Schema.ID == 0 {
				t.Errorf("decode: got writer %q, reader %q, schema id %d", fault.Writer, fault.Reader, fault.Schema.ID)
			}
			for _, part := range []string{"example.Legacy", "example.Wide", tt.field} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not name %s", err, part)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q has several lines", err)
			}
		})
	}
}

func TestGenericDecodesInTheWritersForm(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	data := encodeWith(t, reg, "users-value", userV2, map[string]any{"id": 2, "name": "Bob", "age": 32, "city": "Bern"})
	got, err := avro.Generic(userSchema, avro.Registry(reg.client(t, time.Minute))).Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"id": int32(2), "name": "Bob", "age": int32(32), "city": "Bern"}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("decode (-want +got):\n%s", diff)
	}
}
