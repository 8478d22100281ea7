package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/topology/kafka"
)

func TestProduceWritesKeysHeadersAndFramedValues(t *testing.T) {
	t.Parallel()
	const schema = `{"type":"record","name":"User","namespace":"test","doc":"kept","fields":[
		{"name":"id","type":"int"},{"name":"name","type":["null","string"],"default":null}]}`
	b := setup(t)
	in := container(t, schema,
		map[string]any{"id": 1, "name": "Zoë"}, map[string]any{"id": 2, "name": nil}, map[string]any{"id": 3, "name": ""})
	got := b.run(t, "produce", "--topic", "users", "--key", "name", "--input", in, "--create-topics", "1",
		"--header", "source=file", "--header", "source=a=b", "--header", "empty=").ok(t)
	if got.stdout != "" {
		t.Errorf("stdout: got %q, want nothing", got.stdout)
	}
	want := regexp.MustCompile(`^produced 3 records to users in \S+ \([\d,]+/s\), schema id 1\n$`)
	if !want.MatchString(got.stderr) {
		t.Errorf("stderr: got %q, want a match of %s", got.stderr, want)
	}
	headers := []kafka.Header{{Key: "source", Value: []byte("file")}, {Key: "source", Value: []byte("a=b")}, {Key: "empty", Value: []byte{}}}
	var keys [][]byte
	for i, r := range b.read(t, "users") {
		keys = append(keys, r.Key)
		if diff := cmp.Diff(headers, r.Headers); diff != "" {
			t.Errorf("headers (-want +got):\n%s", diff)
		}
		id, datum, err := avro.SplitConfluent(r.Value)
		if err != nil || id != 1 {
			t.Fatalf("frame: got id %d, %v, want 1", id, err)
		}
		if text, err := parse(t, schema).JSON(datum); err != nil || !strings.HasPrefix(string(text), `{"id":`+string(rune('1'+i))) {
			t.Errorf("value %d: got %s, %v", i, text, err)
		}
	}
	if diff := cmp.Diff([][]byte{[]byte("Zoë"), nil, {}}, keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	held, err := b.registry.Latest(t.Context(), "users-value")
	if err != nil || !strings.Contains(held.Text, `"kept"`) {
		t.Errorf("registered schema: got %s, %v, want the file's with its doc", held.Text, err)
	}
}

func TestProduceMakesKeysOfEveryScalar(t *testing.T) {
	t.Parallel()
	day := time.Date(1969, 12, 30, 0, 0, 0, 0, time.UTC)
	at := time.UnixMilli(-1500).UTC()
	tests := []struct {
		name, fieldType string
		value           any
		want            string
	}{
		{name: "string", fieldType: `"string"`, value: "a b", want: "a b"},
		{name: "bytes", fieldType: `"bytes"`, value: []byte{0, 0xff}, want: "\x00\xff"},
		{name: "enum", fieldType: `{"type":"enum","name":"E","symbols":["UP","DOWN"]}`, value: "DOWN", want: "DOWN"},
		{name: "int", fieldType: `"int"`, value: -7, want: "-7"},
		{name: "long", fieldType: `"long"`, value: int64(1) << 60, want: "1152921504606846976"},
		{name: "float", fieldType: `"float"`, value: float32(0.1), want: "0.1"},
		{name: "double", fieldType: `"double"`, value: 1e21, want: "1000000000000000000000"},
		{name: "boolean", fieldType: `"boolean"`, value: true, want: "true"},
		{name: "nullable", fieldType: `["long","null"]`, value: int64(5), want: "5"},
		{name: "date", fieldType: `{"type":"int","logicalType":"date"}`, value: day, want: "-2"},
		{name: "millis", fieldType: `{"type":"long","logicalType":"timestamp-millis"}`, value: at, want: "-1500"},
		{name: "micros", fieldType: `["null",{"type":"long","logicalType":"local-timestamp-micros"}]`, value: at, want: "-1500000"},
		{name: "nanos", fieldType: `{"type":"long","logicalType":"timestamp-nanos"}`, value: at, want: "-1500000000"},
		{name: "time of day", fieldType: `{"type":"int","logicalType":"time-millis"}`, value: 90 * time.Second, want: "90000"},
		{name: "time of day in micros", fieldType: `{"type":"long","logicalType":"time-micros"}`, value: time.Second, want: "1000000"},
		{name: "uuid", fieldType: `{"type":"string","logicalType":"uuid"}`, value: "6ba7b810-9dad-11d1-80b4-00c04fd430c8", want: "6ba7b810-9dad-11d1-80b4-00c04fd430c8"},
	}
	b := setup(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			topic := strings.ReplaceAll(tt.name, " ", "-")
			in := container(t, `{"type":"record","name":"R","fields":[{"name":"k","type":`+tt.fieldType+`}]}`, map[string]any{"k": tt.value})
			b.run(t, "produce", "--topic", topic, "--key", "k", "--input", in, "--create-topics", "1").ok(t)
			records := b.read(t, topic)
			if len(records) != 1 || string(records[0].Key) != tt.want {
				t.Errorf("got %v, want one record with the key %q", records, tt.want)
			}
		})
	}
}

func TestProduceRefusesKeysOfOtherTypes(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, fieldType, want string }{
		{name: "array", fieldType: `{"type":"array","items":"int"}`, want: "array"},
		{name: "record", fieldType: `{"type":"record","name":"Inner","fields":[]}`, want: "record Inner"},
		{name: "decimal", fieldType: `{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`, want: "bytes (decimal)"},
		{name: "fixed", fieldType: `{"type":"fixed","name":"F","size":2}`, want: "fixed F"},
		{name: "union", fieldType: `["null","string","int"]`, want: "union of null, string, int"},
		{name: "null", fieldType: `"null"`, want: "null"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := container(t, `{"type":"record","name":"R","fields":[{"name":"k","type":`+tt.fieldType+`}]}`)
			got := execute(t.Context(), nil, "produce", "--topic", "t", "--key", "k", "--input", in,
				"--brokers", "127.0.0.1:1", "--registry", "http://127.0.0.1:1")
			got.refused(t, 1, "--key k", "is of type "+tt.want+":", "a key must be string")
		})
	}
}

func TestProduceReadsStandardInputAndPutsAllIntoOnePartition(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.topic(t, "points", 3)
	data, err := os.ReadFile(container(t, pointV1, point(1), point(2), point(3)))
	if err != nil {
		t.Fatal(err)
	}
	b.runWith(t.Context(), bytes.NewReader(data), "produce", "--topic", "points", "--input", "-", "--partition", "2").ok(t)
	for _, r := range b.read(t, "points") {
		if r.Partition != 2 || r.Key != nil {
			t.Errorf("got partition %d and key %q, want 2 and none", r.Partition, r.Key)
		}
	}
	got := b.run(t, "consume", "--topic", "points", "--partition", "2", "--until-end").ok(t)
	if diff := cmp.Diff([]int{1, 2, 3}, xs(t, got.stdout)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestProduceOfAnEmptyFileRegistersItsSchema(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.run(t, "produce", "--topic", "none", "--input", container(t, pointV1), "--create-topics", "2").ok(t)
	if !strings.Contains(got.stderr, "produced 0 records to none") {
		t.Errorf("stderr: got %q", got.stderr)
	}
	if n, err := b.client.Partitions("none"); err != nil || n != 2 {
		t.Errorf("partitions: got %d, %v, want 2", n, err)
	}
	if _, err := b.registry.Latest(t.Context(), "none-value"); err != nil {
		t.Error(err)
	}
}

func TestProduceStopsAtASignalWhileItsInputIsOpen(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never, feed := io.Pipe()
	defer feed.Close()
	got := execute(ctx, never, "produce", "--topic", "t", "--input", "-", "--brokers", "127.0.0.1:1", "--registry", "http://127.0.0.1:1")
	got.refused(t, 1, "interrupted", "nothing was written")
}

func TestProduceRefusesWhatTheClusterLacks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.topic(t, "two", 2)
	b.register(t, "taken-value", `{"type":"record","name":"Other","fields":[{"name":"a","type":"string"}]}`)
	b.topic(t, "taken", 1)
	in := container(t, pointV1, point(1))
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{name: "missing topic", args: []string{"--topic", "absent"}, want: []string{`"absent"`, "--create-topics"}},
		{name: "missing partition", args: []string{"--topic", "two", "--partition", "2"}, want: []string{"--partition 2", "topic two has 2"}},
		{name: "partition of a new topic", args: []string{"--topic", "new", "--create-topics", "1", "--partition", "1"}, want: []string{"--partition 1", "topic new has 1"}},
		{name: "refused schema", args: []string{"--topic", "taken"}, want: []string{`"taken-value"`, "incompatible"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b.run(t, append([]string{"produce", "--input", in}, tt.args...)...).refused(t, 1, tt.want...)
		})
	}
	t.Cleanup(func() {
		if records := b.read(t, "taken"); len(records) != 0 {
			t.Errorf("a refused schema's records were written: %v", records)
		}
	})
}
