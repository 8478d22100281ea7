package main

import (
	"encoding/hex"
	"path/filepath"
	"strings"
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

func TestProduceWritesTheFramingThatIsAskedForAndConsumeReadsIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := container(t, pointV1, point(0), point(1))
	for framing, tt := range map[string]struct {
		wire   avro.Wire
		header string
		lines  string // what the lines call the schema
	}{
		"confluent":        {wire: avro.Confluent, lines: "schema_id"},
		"confluent-header": {wire: avro.ConfluentGUID, header: avro.ValueSchemaHeader, lines: "schema"},
		"single-object":    {wire: avro.SingleObject, lines: "schema"},
		"apicurio":         {wire: avro.Apicurio, lines: "schema_id"},
	} {
		t.Run(framing, func(t *testing.T) {
			t.Parallel()
			topic := "framed-" + framing
			b.run(t, "produce", "--topic", topic, "--input", in, "--create-topics", "1", "--framing", framing, "--header", "a=b").ok(t)
			for _, r := range b.read(t, topic) {
				name := r.Value
				if tt.header != "" {
					if len(r.Headers) != 2 || r.Headers[1].Key != tt.header || len(r.Value) != 1 {
						t.Fatalf("got %+v, want the datum and two headers", r)
					}
					name = r.Headers[1].Value
				}
				if ref, _, err := avro.SplitFrame(name); err != nil || ref.Wire != tt.wire {
					t.Errorf("got %x, %v; want the form %s", name, err, tt.wire)
				}
			}
			got := b.run(t, "consume", "--topic", topic, "--until-end").ok(t)
			if diff := cmp.Diff([]int{0, 1}, xs(t, got.stdout)); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if line := lines(t, got.stdout)[0]; line[tt.lines] == nil {
				t.Errorf("got %v, want the member %s", line, tt.lines)
			}
			out := filepath.Join(t.TempDir(), "out.avro")
			b.run(t, "consume", "--topic", topic, "--until-end", "--out", out).ok(t)
			if _, values := contentsOf(t, out); len(values) != 2 {
				t.Errorf("got %v in the file, want two values", values)
			}
		})
	}
}

func TestProduceWritesPlainData(t *testing.T) {
	t.Parallel()
	b := setup(t)
	empty := container(t, `{"type":"record","name":"Empty","fields":[]}`, map[string]any{})
	for topic, in := range map[string]string{"plain": container(t, pointV1, point(3)), "empty": empty} {
		b.run(t, "produce", "--topic", topic, "--input", in, "--create-topics", "1", "--framing", "plain").ok(t)
		records := b.read(t, topic)
		if len(records) != 1 || records[0].Value == nil || len(records[0].Value) > 1 || records[0].Headers != nil {
			t.Errorf("%s: got %+v, want one datum without a frame, and no tombstone", topic, records)
		}
	}
	got := execute(t.Context(), nil, "produce", "--topic", "t", "--input", empty, "--framing", "glue")
	got.refused(t, 2, `--framing "glue"`, strings.Join([]string{"confluent", "confluent-header", "single-object", "apicurio", "plain"}, ", "))
}
