package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// airports returns the airports file's bytes.
func airports(t *testing.T) []byte {
	t.Helper()
	data, err := io.ReadAll(flights.AirportsFile())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func iata(row any) string { return row.(map[string]any)["iata"].(string) }

func TestAirportsComeBackAsTheyWentIn(t *testing.T) {
	t.Parallel()
	const partitions, all = 3, 3376
	b := setup(t)
	data := airports(t)
	schema, rows := contents(t, bytes.NewReader(data))
	if len(rows) != all {
		t.Fatalf("the file holds %d airports, want %d", len(rows), all)
	}
	b.run(t, "produce", "--topic", "airports", "--key", "iata", "--input", file(t, "airports.avro", data), "--create-topics", "3").ok(t)
	out := filepath.Join(t.TempDir(), "out.avro")
	got := b.run(t, "consume", "--topic", "airports", "--until-end", "--out", out).ok(t)
	if want := "wrote 3,376 records of airports to " + out + "\n"; got.stderr != want || got.stdout != "" {
		t.Errorf("got %q and %q on stdout, want %q", got.stderr, got.stdout, want)
	}

	outSchema, back := contentsOf(t, out)
	if outSchema != schema {
		t.Errorf("schema: got %s, want %s", outSchema, schema)
	}
	if partitionsOf := b.partitionsOf(t, "airports"); len(partitionsOf) == all {
		want, got := make([][]any, partitions), make([][]any, partitions)
		for _, row := range rows {
			want[partitionsOf[iata(row)]] = append(want[partitionsOf[iata(row)]], row)
		}
		for _, row := range back {
			got[partitionsOf[iata(row)]] = append(got[partitionsOf[iata(row)]], row)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("rows of each partition in their order (-want +got):\n%s", diff)
		}
	} else {
		t.Errorf("keys: got %d, want %d", len(partitionsOf), all)
	}
}

// partitionsOf tells which partition each key of a topic is in.
func (b *testBundle) partitionsOf(t *testing.T, topic string) map[string]int32 {
	t.Helper()
	found := map[string]int32{}
	for _, r := range b.read(t, topic) {
		found[string(r.Key)] = r.Partition
	}
	return found
}

func TestOutResolvesOlderRecordsToTheNewestSchema(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.points(t, "t", 1)
	newest := b.register(t, "t-value", pointV2)
	b.write(t,
		kafka.Record{Topic: "t", Value: framed(t, newest, pointV2, map[string]any{"x": int64(1) << 40, "label": "new"})},
		kafka.Record{Topic: "t", Key: []byte("k"), Value: nil},
		kafka.Record{Topic: "t", Value: framed(t, b.register(t, "t-value", pointV1), pointV1, point(3))},
	)
	out := filepath.Join(t.TempDir(), "out.avro")
	got := b.run(t, "consume", "--topic", "t", "--until-end", "--out", out).ok(t)
	got.oneLine(t, "wrote 3 records of t", "(1 tombstones left out)")
	schema, values := contentsOf(t, out)
	if want := strings.Join(strings.Fields(pointV2), ""); schema != want {
		t.Errorf("schema: got %s, want %s", schema, want)
	}
	want := []any{
		map[string]any{"x": int64(1), "label": nil},
		map[string]any{"x": int64(1) << 40, "label": map[string]any{"string": "new"}},
		map[string]any{"x": int64(3), "label": nil},
	}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestOutTakesTheFirstRecordsSchemaWithoutASubject(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.register(t, "elsewhere", pointV1)
	b.topic(t, "t", 1)
	out := filepath.Join(t.TempDir(), "out.avro")
	b.run(t, "consume", "--topic", "t", "--until-end", "--out", out).refused(t, 1, out, "no schema is known", "t-value")
	b.write(t, kafka.Record{Topic: "t", Value: framed(t, id, pointV1, point(7))})
	b.run(t, "consume", "--topic", "t", "--until-end", "--out", out).ok(t)
	if _, values := contentsOf(t, out); !cmp.Equal(values, []any{map[string]any{"x": int32(7)}}) {
		t.Errorf("values: got %v, want one with x 7", values)
	}
}

func TestOutOfAnEmptyTopicIsAnEmptyFile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.points(t, "t")
	out := filepath.Join(t.TempDir(), "out.avro")
	b.run(t, "consume", "--topic", "t", "--until-end", "--out", out).ok(t).oneLine(t, "wrote 0 records")
	if schema, values := contentsOf(t, out); schema != pointV1 || len(values) != 0 {
		t.Errorf("got %s with %d values, want %s with none", schema, len(values), pointV1)
	}
}

func TestOutTakesSeveralTopicsOfOneSchemaOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.points(t, "a", 1)
	b.points(t, "b", 2)
	b.topic(t, "late", 1)
	b.write(t, kafka.Record{Topic: "late", Value: framed(t, b.register(t, "x", pointV2), pointV2, map[string]any{"x": 1, "label": nil})})
	b.topic(t, "other", 1)
	b.register(t, "other-value", strings.Replace(pointV1, `"int"`, `{"type":"int","logicalType":"date"}`, 1))
	dir := t.TempDir()
	out := filepath.Join(dir, "out.avro")
	b.run(t, "consume", "--topic", "a", "--topic", "b", "--until-end", "--out", out).ok(t)
	if _, values := contentsOf(t, out); len(values) != 2 {
		t.Errorf("values: got %v, want one of each topic", values)
	}
	for _, topic := range []string{"other", "late"} {
		got := b.run(t, "consume", "--topic", "a", "--topic", topic, "--until-end", "--out", out)
		got.refused(t, 1, "a and "+topic+" have different schemas", "write one file a topic")
	}
	if _, values := contentsOf(t, out); len(values) != 2 {
		t.Errorf("a run that was refused has changed the file: %v", values)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("files: got %v, %v, want the output alone", names, err)
	}
}

func TestOutKeepsTheModeOfTheFileAndTheLinkItReplaces(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.points(t, "t", 1)
	out := file(t, "real.avro", []byte("old"))
	if err := os.Chmod(out, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.avro")
	if err := os.Symlink(out, link); err != nil {
		t.Fatal(err)
	}
	b.run(t, "consume", "--topic", "t", "--until-end", "--out", link).ok(t)
	if info, err := os.Lstat(out); err != nil || info.Mode() != 0o640 {
		t.Errorf("mode: got %v, %v, want -rw-r-----", info.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("link: got %v, %v, want a link still", info.Mode(), err)
	}
	if _, values := contentsOf(t, out); len(values) != 1 {
		t.Errorf("values: got %v, want one", values)
	}
}

func TestOutLeavesBrokenRecordsOutAndSaysSo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.points(t, "t", 1)
	foreign := b.register(t, "foreign", `{"type":"record","name":"Other","fields":[{"name":"s","type":"string"}]}`)
	b.write(t,
		kafka.Record{Topic: "t", Value: []byte("plain")},
		kafka.Record{Topic: "t", Value: avro.AppendConfluent(nil, foreign)},
	)
	out := filepath.Join(t.TempDir(), "out.avro")
	got := b.run(t, "consume", "--topic", "t", "--until-end", "--out", out)
	got.refused(t, 1, "2 of 3 records did not decode and are not in "+out, "t/0 at offset 1")
	if _, values := contentsOf(t, out); len(values) != 1 {
		t.Errorf("values: got %v, want the one that decodes", values)
	}
}

func TestOutIsFinishedAtASignal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.points(t, "t", 1, 2, 3)
	out := filepath.Join(t.TempDir(), "out.avro")
	c := b.start(t, "consume", "--topic", "t", "--out", out)
	awaitHeader(t, filepath.Dir(out))
	got := c.interrupt(t).ok(t)
	got.oneLine(t, "of t to "+out)
	schema, values := contentsOf(t, out)
	all := []any{map[string]any{"x": int32(1)}, map[string]any{"x": int32(2)}, map[string]any{"x": int32(3)}}
	if schema != pointV1 || len(values) > len(all) || !cmp.Equal(values, all[:len(values)], cmpopts.EquateEmpty()) {
		t.Errorf("got %s with %v, want %s with the first of %v", schema, values, pointV1, all)
	}
}

// awaitHeader returns when a file in dir has begun to grow.
func awaitHeader(t *testing.T, dir string) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(kafkatest.Patience)
	for {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if info, err := entry.Info(); err == nil && info.Size() > 0 {
				return
			}
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("no file with a header after %s: %v", kafkatest.Patience, entries)
		}
	}
}
