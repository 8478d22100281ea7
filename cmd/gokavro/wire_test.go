package main

import (
	"encoding/hex"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/topology/kafka"
)

func TestConsumeReadsTheOtherWireFormats(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.topic(t, "points", 1)
	id := b.register(t, "points-value", pointV1)
	single := avro.SchemaRef{Wire: avro.SingleObject}
	if _, err := hex.Decode(single.Fingerprint[:], []byte(parse(t, pointV1).Fingerprint())); err != nil {
		t.Fatal(err)
	}
	for i, ref := range []avro.SchemaRef{{ID: int64(id)}, single, {Wire: avro.Apicurio, ID: int64(id)}} {
		data, err := parse(t, pointV1).Append(avro.AppendFrame(nil, ref), point(i))
		if err != nil {
			t.Fatal(err)
		}
		b.write(t, kafka.Record{Topic: "points", Value: data})
	}
	got := b.run(t, "consume", "--topic", "points", "--until-end").ok(t)
	if diff := cmp.Diff(xs(t, got.stdout), []int{0, 1, 2}); diff != "" {
		t.Errorf("values of the lines: %s", diff)
	}
	named := lines(t, got.stdout)
	if named[0]["schema_id"] != float64(id) || named[1]["schema"] != single.String() || named[2]["schema_id"] != float64(id) {
		t.Errorf("got schemas %v, want the id, the fingerprint and the id", got.stdout)
	}
	out := filepath.Join(t.TempDir(), "out.avro")
	b.run(t, "consume", "--topic", "points", "--until-end", "--out", out).ok(t)
	if _, values := contentsOf(t, out); len(values) != 3 {
		t.Errorf("got %v in the file, want three values", values)
	}
}
