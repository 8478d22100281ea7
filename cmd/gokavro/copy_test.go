package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/topology/kafka"
)

// mixed is a schema whose values do not tell their branch once decoded.
const mixed = `{"type":"record","name":"Mixed","fields":[{"name":"k","type":["null","string"]},{"name":"v","type":[
	{"type":"record","name":"A","fields":[{"name":"x","type":["null","string"],"default":null}]},
	{"type":"record","name":"B","fields":[{"name":"x","type":["null","string"]},{"name":"y","type":"int","default":0}]},
	{"type":"map","values":"string"},"string",{"type":"enum","name":"E","symbols":["S","T"]},
	{"type":"fixed","name":"F","size":2},{"type":"long","logicalType":"timestamp-millis"}]}]}`

// mixtures are values of mixed, the branch before each, and as JSON.
func mixtures() (values []any, shown []string) {
	for _, m := range []struct {
		branch string
		value  any
		shown  string
	}{
		{"A", map[string]any{"x": map[string]any{"string": "a"}}, `{"x":"a"}`},
		{"B", map[string]any{"x": nil, "y": 7}, `{"x":null,"y":7}`},
		{"B", map[string]any{"x": nil, "y": 0}, `{"x":null,"y":0}`},
		{"map", map[string]string{"x": "m"}, `{"x":"m"}`},
		{"string", "S", `"S"`},
		{"E", "S", `"S"`},
		{"F", []byte("ST"), `"ST"`},
		{"long", int64(-1500), `-1500`},
	} {
		values = append(values, map[string]any{"k": map[string]any{"string": "key"}, "v": map[string]any{m.branch: m.value}})
		shown = append(shown, `{"k":"key","v":`+m.shown+`}`)
	}
	return values, shown
}

// rawOf returns the bytes of a container file's values.
func rawOf(t *testing.T, path string) (data [][]byte) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	reader, err := avro.NewFileReader(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	for {
		datum, err := reader.ReadRaw()
		if errors.Is(err, io.EOF) {
			return data
		}
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, datum)
	}
}

func TestUnionsKeepTheirBranchThroughTopicsAndFiles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	values, shown := mixtures()
	in := container(t, mixed, values...)
	b.run(t, "produce", "--topic", "t", "--key", "k", "--input", in, "--create-topics", "1").ok(t)
	for i, r := range b.read(t, "t") {
		if string(r.Key) != "key" {
			t.Errorf("key %d: got %q, want key", i, r.Key)
		}
	}
	got := b.run(t, "consume", "--topic", "t", "--until-end").ok(t)
	list := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if len(list) != len(shown) {
		t.Fatalf("lines: got %d, want %d", len(list), len(shown))
	}
	for i, l := range list {
		if !strings.Contains(l, `"value":`+shown[i]) {
			t.Errorf("line %d: got %s, want the value %s", i, l, shown[i])
		}
	}
	out := filepath.Join(t.TempDir(), "out.avro")
	b.run(t, "consume", "--topic", "t", "--until-end", "--out", out).ok(t)
	if diff := cmp.Diff(rawOf(t, in), rawOf(t, out)); diff != "" {
		t.Errorf("bytes of the values (-in +out):\n%s", diff)
	}
}

// What an older version wrote is resolved, and stays in its branch all the same.
func TestOutResolvesUnionsOfOlderVersions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	values, shown := mixtures()
	b.run(t, "produce", "--topic", "t", "--input", container(t, mixed, values...), "--create-topics", "1").ok(t)
	newest := strings.Replace(mixed, `"fields":[`, `"fields":[{"name":"added","type":["null","E0","string"],"default":null},`, 1)
	newest = strings.Replace(newest, `"E0"`, `{"type":"enum","name":"E0","symbols":["S"]}`, 1)
	b.register(t, "t-value", newest)
	out := filepath.Join(t.TempDir(), "out.avro")
	b.run(t, "consume", "--topic", "t", "--until-end", "--out", out).ok(t)
	schema := parse(t, newest)
	data := rawOf(t, out)
	if len(data) != len(shown) {
		t.Fatalf("values: got %d, want %d", len(data), len(shown))
	}
	old := rawOf(t, container(t, mixed, values...))
	for i, datum := range data {
		text, err := schema.JSON(datum)
		if want := `{"added":null,` + shown[i][1:]; err != nil || string(text) != want {
			t.Errorf("value %d: got %s, %v, want %s", i, text, err, want)
		}
		if want := append([]byte{0}, old[i]...); !bytes.Equal(datum, want) {
			t.Errorf("bytes of value %d: got %x, want %x", i, datum, want)
		}
	}
}

// refer registers a schema that refers to version 1 of other subjects.
func (b *testBundle) refer(t *testing.T, subject, schema string, to ...string) int {
	t.Helper()
	type reference struct {
		Name    string `json:"name"`
		Subject string `json:"subject"`
		Version int    `json:"version"`
	}
	var refs []reference
	for _, other := range to {
		refs = append(refs, reference{Name: other, Subject: other, Version: 1})
	}
	body, err := json.Marshal(map[string]any{"schema": schema, "references": refs})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(b.stack.RegistryURL()+"/subjects/"+subject+"/versions", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		ID int `json:"id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("registering %s: status %d, %v", subject, resp.StatusCode, err)
	}
	return answer.ID
}

func TestSchemasWithReferencesAreConsumedAndProducedAgain(t *testing.T) {
	t.Parallel()
	const (
		place  = `{"type":"record","name":"Place","namespace":"geo","fields":[{"name":"zip","type":"int"}]}`
		person = `{"type":"record","name":"Person","namespace":"people","fields":[{"name":"name","type":"string"},{"name":"home","type":"geo.Place"}]}`
		trip   = `{"type":"record","name":"Trip","namespace":"travel","fields":[{"name":"who","type":"people.Person"},{"name":"to","type":["null","geo.Place"]}]}`
		want   = `{"who":{"name":"Ann","home":{"zip":1}},"to":{"zip":2}}`
	)
	b := setup(t)
	b.refer(t, "place", place)
	b.refer(t, "person", person, "place")
	id := b.refer(t, "trips-value", trip, "person", "place")
	schema, err := avro.ParseSchema(trip, place, person)
	if err != nil {
		t.Fatal(err)
	}
	data, err := schema.Append(avro.AppendConfluent(nil, id), map[string]any{
		"who": map[string]any{"name": "Ann", "home": map[string]any{"zip": 1}}, "to": map[string]any{"geo.Place": map[string]any{"zip": 2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.topic(t, "trips", 1)
	b.write(t, kafka.Record{Topic: "trips", Value: data})

	got := b.run(t, "consume", "--topic", "trips", "--until-end").ok(t)
	if !strings.Contains(got.stdout, `"value":`+want) {
		t.Errorf("line: got %s, want the value %s", got.stdout, want)
	}
	out := filepath.Join(t.TempDir(), "out.avro")
	b.run(t, "consume", "--topic", "trips", "--until-end", "--out", out).ok(t)
	again := filepath.Join(t.TempDir(), "again.avro")
	b.run(t, "produce", "--topic", "copies", "--input", out, "--create-topics", "1").ok(t)
	b.run(t, "consume", "--topic", "copies", "--until-end", "--out", again).ok(t)
	if diff := cmp.Diff([][]byte{data[5:]}, rawOf(t, again)); diff != "" {
		t.Errorf("bytes of the copies' values (-want +got):\n%s", diff)
	}
	held, err := b.registry.Latest(t.Context(), "copies-value")
	if err != nil || len(held.References) != 0 || parse(t, held.Text).Canonical() != schema.Canonical() {
		t.Errorf("schema of the copies: got %s, %v, want one that stands alone", held.Text, err)
	}
}

func TestProduceReadsFilesOfEachCompression(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, compression := range []avro.Compression{avro.Null, avro.Deflate, avro.Snappy, avro.Zstandard} {
		topic := "t-" + string(compression)
		var data bytes.Buffer
		w, err := avro.NewFileWriter(&data, parse(t, pointV1), compression)
		if err != nil {
			t.Fatal(err)
		}
		for x := range 3 {
			if err := w.Write(point(x)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		b.run(t, "produce", "--topic", topic, "--key", "x", "--input", file(t, "in.avro", data.Bytes()), "--create-topics", "1").ok(t)
		got := b.run(t, "consume", "--topic", topic, "--until-end").ok(t)
		if diff := cmp.Diff([]int{0, 1, 2}, xs(t, got.stdout)); diff != "" {
			t.Errorf("%s: values (-want +got):\n%s", compression, diff)
		}
	}
}

func TestProduceOfAFileThatBreaksOffWritesNothing(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(container(t, mixed, func() []any { values, _ := mixtures(); return values }()...))
	if err != nil {
		t.Fatal(err)
	}
	got := execute(t.Context(), nil, "produce", "--topic", "t", "--input", file(t, "cut.avro", data[:len(data)-20]),
		"--brokers", "127.0.0.1:1", "--registry", "http://127.0.0.1:1")
	got.refused(t, 1, "cut.avro: the file is cut short: fetch it again")
}
