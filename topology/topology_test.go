package topology_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/aggregate"
	"github.com/gokavro/gokavro/processors/enrich"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/topologytest"
)

var errBad = errors.New("bad word")

// words counts words by key, names them by a table, and drops those that are
// marked; "bad" fails after the count.
func words() *topology.Topology {
	t := topology.New("words")
	names := topology.LookupTable(t, "names", codecs.String())
	in := topology.Input(t, "in", codecs.String())
	kept := topology.Each(in, "drop-marked", processors.Filter(func(w string) bool { return !strings.HasPrefix(w, "#") }))
	counted := topology.Process(kept, topology.Store(t, "counts", codecs.Int64()), aggregate.Fold(
		func(n int64, _ processors.Record[string]) int64 { return n + 1 },
		func(w string, n int64) string { return w + strings.Repeat("!", int(n)) },
	))
	checked := topology.Each(counted, "check", func(in processors.Record[string], _ *processors.Row[processors.None], emit func(string)) error {
		emit(in.Value)
		if strings.HasPrefix(in.Value, "bad") {
			return errBad
		}
		return nil
	})
	named := topology.Lookup(checked, names, enrich.Left(
		func(w string) string { return strings.TrimRight(w, "!") },
		func(w string, name *string) string {
			if name == nil {
				return w + " (unknown)"
			}
			return w + " (" + *name + ")"
		},
	))
	named.To("out", codecs.String())
	counted.To("counted", codecs.String())
	return t
}

// event is what the records of a topic with several types have in common.
type event interface{ word() string }

type said struct {
	Word string `avro:"word"`
}

type silent struct {
	For int64 `avro:"for"`
}

func (s said) word() string { return s.Word }
func (silent) word() string { return "" }

func TestAnInputMayHaveSeveralRecordTypes(t *testing.T) {
	t.Parallel()
	codec := avro.OneOf[event](avro.Format(avro.SingleObject), avro.Case[said](), avro.Case[silent]())
	top := topology.New("events")
	in := topology.Input(top, "in", codec)
	topology.Each(in, "words", processors.Map(func(e event) string {
		if s, ok := e.(silent); ok {
			return strings.Repeat(".", int(s.For))
		}
		return e.word()
	})).To("out", codecs.String())
	d, err := topologytest.New(top)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []any{said{"hello"}, silent{3}} {
		data, err := codec.Encode(value)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := codec.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Pipe("in", "k", time.UnixMilli(1), decoded); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"k=hello", "k=..."}, values(t, d, "out")); diff != "" {
		t.Error(diff)
	}
}

func pipe(t *testing.T, d *topologytest.Driver, words ...string) (failed []error) {
	t.Helper()
	for i, w := range words {
		if err := d.Pipe("in", w[:1], time.UnixMilli(int64(i)), w); err != nil {
			failed = append(failed, err)
		}
	}
	return failed
}

func values(t *testing.T, d *topologytest.Driver, topic string) []string {
	t.Helper()
	records, err := topologytest.Outputs[string](d, topic)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		got = append(got, r.Key+"="+r.Value)
	}
	return got
}

func TestStepsRunInOrderWithStateAndTables(t *testing.T) {
	t.Parallel()
	d, err := topologytest.New(words())
	if err != nil {
		t.Fatal(err)
	}
	name := "Anna"
	d.SetTable("names", "a", &name)
	if failed := pipe(t, d, "a", "b", "#x", "a"); failed != nil {
		t.Fatalf("got errors %v, want none", failed)
	}
	if diff := cmp.Diff(values(t, d, "out"), []string{"a=a! (Anna)", "b=b! (unknown)", "a=a!! (Anna)"}); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(values(t, d, "counted"), []string{"a=a!", "b=b!", "a=a!!"}); diff != "" {
		t.Error(diff)
	}
}

func TestARecordThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	d, err := topologytest.New(words())
	if err != nil {
		t.Fatal(err)
	}
	failed := pipe(t, d, "b", "bad", "b")
	if len(failed) != 1 || !errors.Is(failed[0], errBad) || !strings.Contains(failed[0].Error(), "step check") {
		t.Fatalf("got %v, want one error of step check", failed)
	}
	rows, err := topologytest.Rows[int64](d, "counts")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rows, map[string]int64{"b": 2}); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(values(t, d, "counted"), []string{"b=b!", "b=b!!"}); diff != "" {
		t.Error(diff)
	}
}

func TestRecordsKeepKeyAndTime(t *testing.T) {
	t.Parallel()
	d, err := topologytest.New(words())
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(123_456)
	if err := d.Pipe("in", "k", at, "word"); err != nil {
		t.Fatal(err)
	}
	records, err := topologytest.Outputs[string](d, "out")
	if err != nil || len(records) != 1 || records[0].Key != "k" || !records[0].Time.Equal(at) {
		t.Errorf("got %v, %v; want one record of key k at %s", records, err, at)
	}
}

func TestADeletedRowIsGone(t *testing.T) {
	t.Parallel()
	top := topology.New("deleting")
	in := topology.Input(top, "in", codecs.String())
	topology.Process(in, topology.Store(top, "seen", codecs.String()),
		func(in processors.Record[string], row *processors.Row[string], _ func(string)) error {
			if in.Value == "delete" {
				row.Delete()
				return nil
			}
			row.Set(in.Value)
			return nil
		})
	d, err := topologytest.New(top)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		value string
		want  map[string]string
	}{{"x", map[string]string{"k": "x"}}, {"delete", map[string]string{}}, {"y", map[string]string{"k": "y"}}} {
		if err := d.Pipe("in", "k", time.Time{}, step.value); err != nil {
			t.Fatal(err)
		}
		rows, err := topologytest.Rows[string](d, "seen")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rows, step.want); diff != "" {
			t.Errorf("after %q: %s", step.value, diff)
		}
	}
}

func TestBuildListsAllFaults(t *testing.T) {
	t.Parallel()
	top := topology.New("broken")
	in := topology.Input(top, "in", codecs.String())
	in.To("out", codecs.String())
	in.To("out", codecs.String())
	topology.Each(in, "nowhere", processors.Map(func(s string) string { return s }))
	_, err := top.Build()
	var fault *graph.FaultError
	if !errors.As(err, &fault) || len(fault.Faults) != 2 {
		t.Fatalf("got %v, want two faults", err)
	}
	for _, part := range []string{`"nowhere" leads nowhere`, `topic "out" has 2 owners`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want it to contain %q", err, part)
		}
	}
}

func TestATopologyBuildsAgainAndAgain(t *testing.T) {
	t.Parallel()
	top := words()
	for range 2 {
		d, err := topologytest.New(top)
		if err != nil {
			t.Fatal(err)
		}
		pipe(t, d, "a")
		if got := values(t, d, "counted"); len(got) != 1 || got[0] != "a=a!" {
			t.Errorf("got %v, want the count to start anew", got)
		}
	}
}
