package main

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/topology/kafka"
)

func TestConsumeReadsATableWhoseSchemaChanged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.topic(t, "table", 1)
	var names []any
	for i, schema := range []string{pointV1, pointV2, pointV1} {
		b.register(t, "table-value", schema)
		ref, err := avro.RegistrySchemas(nil).Ref(t.Context(), avro.SingleObject, "", parse(t, schema))
		if err != nil {
			t.Fatal(err)
		}
		data, err := parse(t, schema).Append(avro.AppendFrame(nil, ref), point(i))
		if err != nil {
			t.Fatal(err)
		}
		b.write(t, kafka.Record{Topic: "table", Value: data})
		names = append(names, ref.String())
	}
	got := b.run(t, "consume", "--topic", "table", "--until-end").ok(t)
	if diff := cmp.Diff(xs(t, got.stdout), []int{0, 1, 2}); diff != "" {
		t.Errorf("values of the lines: %s", diff)
	}
	for i, l := range lines(t, got.stdout) {
		if l["schema"] != names[i] {
			t.Errorf("line %d: got the schema %v, want %v", i, l["schema"], names[i])
		}
	}
	out := filepath.Join(t.TempDir(), "out.avro")
	b.run(t, "consume", "--topic", "table", "--until-end", "--out", out).ok(t)
	schema, values := contentsOf(t, out)
	if parse(t, schema).Canonical() != parse(t, pointV2).Canonical() || len(values) != 3 {
		t.Errorf("got %v in a file of %s, want three values of the newest version", values, schema)
	}
}
