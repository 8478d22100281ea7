package avro_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
)

const (
	countryText = `{"type":"enum","name":"Country","namespace":"geo","symbols":["CH","FR"]}`
	cityText    = `{"type":"record","name":"City","namespace":"geo","fields":[{"name":"name","type":"string"},{"name":"in","type":"Country"}]}`
	tripText    = `{"type":"record","name":"Trip","namespace":"travel","fields":[{"name":"from","type":"geo.City"},{"name":"to","type":["null","geo.City"]}]}`
)

type city struct {
	Name string `avro:"name"`
	In   string `avro:"in"`
}

type trip struct {
	From city  `avro:"from"`
	To   *city `avro:"to"`
}

// linkedTo gives the schemas that a trip's uses, in no useful order.
func linkedTo() []avro.Option {
	return []avro.Option{avro.Schema(tripText), avro.Reference("cities", cityText), avro.Reference("countries", countryText)}
}

func TestReferencesAreRegisteredBeforeThoseThatUseThem(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	client := reg.client(t, time.Minute)
	codec := avro.Typed[trip](append(linkedTo(), avro.Registry(client), avro.Topic("trips"), avro.AutoRegister())...)
	want := trip{From: city{"Bern", "CH"}, To: &city{"Nice", "FR"}}
	data, err := codec.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	trips, err := client.Latest(t.Context(), "trips-value")
	if diff := cmp.Diff(trips.References, []registry.Reference{{Name: "geo.City", Subject: "cities", Version: 1}}); err != nil || diff != "" {
		t.Errorf("references of a trip: %v (-got +want):\n%s", err, diff)
	}
	cities, err := client.Latest(t.Context(), "cities")
	if diff := cmp.Diff(cities.References, []registry.Reference{{Name: "geo.Country", Subject: "countries", Version: 1}}); err != nil || diff != "" {
		t.Errorf("references of a city: %v (-got +want):\n%s", err, diff)
	}
	// Whoever looks it up, without leave to register, finds the same.
	other := avro.Typed[trip](append(linkedTo(), avro.Registry(reg.client(t, time.Minute)), avro.Topic("trips"))...)
	again, err := other.Encode(want)
	if diff := cmp.Diff(again, data); err != nil || diff != "" {
		t.Errorf("looked up: %v (-got +want):\n%s", err, diff)
	}
	got, err := other.Decode(data)
	if diff := cmp.Diff(got, any(&want)); err != nil || diff != "" {
		t.Errorf("decoded: %v (-got +want):\n%s", err, diff)
	}
}

func TestGenericCodecsUseReferences(t *testing.T) {
	t.Parallel()
	opts := append(linkedTo()[1:], avro.Registry(startRegistry(t).client(t, time.Minute)), avro.Topic("trips"), avro.AutoRegister())
	codec := avro.Generic(tripText, opts...)
	want := map[string]any{"from": map[string]any{"name": "Bern", "in": "CH"}, "to": nil}
	data, err := codec.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := codec.Decode(data)
	if diff := cmp.Diff(got, any(want)); err != nil || diff != "" {
		t.Errorf("%v (-got +want):\n%s", err, diff)
	}
}

func TestAMissingReferenceIsNamed(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	register(t, reg, "countries", countryText)
	codec := avro.Typed[trip](append(linkedTo(), avro.Registry(reg.client(t, time.Minute)), avro.Topic("trips"))...)
	err := codec.Prepare(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the schema of geo.City is not registered under subject cities") {
		t.Errorf("got %v, want the reference that is missing", err)
	}
}

func TestReferencesThatCannotBeUsedAreRefused(t *testing.T) {
	t.Parallel()
	record := func(name, uses string) string {
		return `{"type":"record","name":"` + name + `","fields":[{"name":"f","type":["null","` + uses + `"]}]}`
	}
	for _, tt := range []struct {
		name string
		opts []avro.Option
		says string
	}{
		{"circle", []avro.Option{
			avro.Schema(record("A", "B")), avro.Reference("b", record("B", "C")), avro.Reference("c", record("C", "D")), avro.Reference("d", record("D", "C")),
		}, "references go round in a circle: c -> d -> c"},
		{"unused", []avro.Option{avro.Schema(record("A", "B")), avro.Reference("b", record("B", "int")), avro.Reference("x", record("X", "int"))}, "nothing uses the reference x"},
		{"unknown type", []avro.Option{avro.Schema(record("A", "B")), avro.Reference("b", record("B", "Z"))}, "Z"},
		{"not JSON", []avro.Option{avro.Schema(record("A", "B")), avro.Reference("b", "{")}, "the reference b: the schema is not JSON"},
		{"inferred", []avro.Option{avro.Reference("b", record("B", "int"))}, "avro.Schema"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := avro.Typed[map[string]any](tt.opts...).Check()
			if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.HasPrefix(err.Error(), "avro: ") {
				t.Errorf("got %v, want it to say %q", err, tt.says)
			}
		})
	}
}

func TestARecursiveSchemaIsNoCircleOfReferences(t *testing.T) {
	t.Parallel()
	codec := avro.Typed[map[string]any](
		avro.Schema(`{"type":"record","name":"A","fields":[{"name":"b","type":"B"},{"name":"a","type":["null","A"]}]}`),
		avro.Reference("b", `{"type":"record","name":"B","fields":[{"name":"next","type":["null","B"]}]}`))
	if err := codec.Check(); err != nil {
		t.Error(err)
	}
}

func FuzzReferences(f *testing.F) {
	f.Add(tripText, cityText, countryText)
	f.Add(`{"type":"array","items":"A"}`, `{"type":"record","name":"A","fields":[{"name":"b","type":"B"}]}`, `{"type":"fixed","name":"B","size":2,"namespace":""}`)
	f.Add(`["A","B"]`, `{"type":{"type":"enum","name":"A","symbols":["x"]}}`, `{"name":"B","type":"record","fields":[{"name":"a","type":{"type":"map","values":"A"}}]}`)
	f.Fuzz(func(t *testing.T, own, first, second string) {
		codec := avro.Typed[any](avro.Schema(own), avro.Reference("first", first), avro.Reference("second", second))
		if err := codec.Check(); err == nil && codec.Schema() == nil {
			t.Error("got neither an error nor a schema")
		}
	})
}
