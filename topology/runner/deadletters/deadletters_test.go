package deadletters_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner/deadletters"
)

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("%s (-got +want): %s", what, diff)
	}
}

func TestListFindsTheLettersOfAFilter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := letter(7, "k7", "v")
	other.Topic, other.Partition, other.Step, other.Error = "other", 0, "other", "field iata: missing"
	b.write(t, letter(1, "k1", "v"), letter(2, "k2", "v"), other, letter(9, "k1", "v"))
	tests := []struct {
		name   string
		filter deadletters.Filter
		want   []string
	}{
		{name: "all", want: []string{"0/0", "0/1", "0/2", "0/3"}},
		{name: "places", filter: deadletters.Filter{Places: []deadletters.Place{{Offset: 2}, {Offset: 1}, {Partition: 1}}}, want: []string{"0/1", "0/2"}},
		{name: "topic", filter: deadletters.Filter{Topic: "other"}, want: []string{"0/2"}},
		{name: "partitions", filter: deadletters.Filter{Partitions: []int32{1, 5}}, want: []string{"0/0", "0/1", "0/3"}},
		{name: "offsets", filter: deadletters.Filter{From: 2, To: 9}, want: []string{"0/1", "0/2"}},
		{name: "times", filter: deadletters.Filter{Since: time.UnixMilli(2000), Until: time.UnixMilli(7000)}, want: []string{"0/1"}},
		{name: "step", filter: deadletters.Filter{Step: "count"}, want: []string{"0/0", "0/1", "0/3"}},
		{name: "error", filter: deadletters.Filter{Error: regexp.MustCompile(`field \w+: missing`)}, want: []string{"0/2"}},
		{name: "key", filter: deadletters.Filter{Key: []byte("k1")}, want: []string{"0/0", "0/3"}},
		{name: "state", filter: deadletters.Filter{States: []dlq.State{dlq.Dropped}}, want: []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := b.list(t, tt.filter)
			for i := range got {
				got[i] = strings.TrimSuffix(got[i], " open")
			}
			equal(t, "letters", got, tt.want)
		})
	}
}

func TestRecordsThatAreNoLettersAreLeftOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write(t, letter(4, "k4", "v4"))
	unknown := []byte{0, 0, 0, 0x7f, 0xff, 2}
	for _, value := range [][]byte{[]byte("by hand"), nil} {
		kafkatest.Write(t, b.Kafka.Config(), kafka.Record{Topic: "flights-dead-letters", Value: value})
	}
	b.write(t, letter(5, "k5", "v5"))
	if err := deadletters.List(t.Context(), b.Config, deadletters.Filter{}, nothing); err == nil || !strings.Contains(err.Error(), "0/1") {
		t.Errorf("got %v, want an error that names the record", err)
	}
	var strays []string
	b.Stray = func(err error) { strays = append(strays, err.Error()) }
	equal(t, "letters", b.list(t, deadletters.Filter{}), []string{"0/0 open", "0/3 open"})
	if len(strays) != 2 || !strings.Contains(strays[0], "0/1") || !strings.Contains(strays[1], "0/2") {
		t.Errorf("got %q left out, want 0/1 and 0/2", strays)
	}
	equal(t, "letters replayed", b.replay(t, deadletters.Filter{}, nil), 2)
	kafkatest.Write(t, b.Kafka.Config(), kafka.Record{Topic: "flights-dead-letters", Value: unknown})
	if err := deadletters.List(t.Context(), b.Config, deadletters.Filter{}, nothing); err == nil || !strings.Contains(err.Error(), "0/4") {
		t.Errorf("got %v of a schema that the registry does not have, want an error", err)
	}
}

func nothing(*deadletters.Letter) error { return nil }

func TestReplayWritesTheRecordOnceToTheRetryTopic(t *testing.T) {
	t.Parallel()
	b := setup(t)
	empty, none := letter(5, "k5", ""), letter(6, "k6", "")
	none.Value, none.Key, none.NoKey = nil, nil, true
	b.write(t, letter(4, "k4", "v4"), empty, none)
	equal(t, "letters replayed", b.replay(t, deadletters.Filter{}, nil), 3)
	equal(t, "letters replayed the second time", b.replay(t, deadletters.Filter{}, nil), 0)
	equal(t, "letters", b.list(t, deadletters.Filter{}), []string{"0/0 replayed", "0/1 replayed", "0/2 replayed"})
	records := b.read(t, retry)
	if len(records) != 3 {
		t.Fatalf("got %d records in the retry topic, want 3", len(records))
	}
	for i, want := range []struct{ key, value []byte }{{[]byte("k4"), []byte("v4")}, {[]byte("k5"), []byte{}}, {nil, nil}} {
		r := records[i]
		equal(t, "partition", r.Partition, int32(1))
		equal(t, "key", r.Key, want.key)
		equal(t, "value", r.Value, want.value)
		var headers []dlq.Header
		for _, h := range r.Headers {
			headers = append(headers, dlq.Header{Key: h.Key, Value: h.Value, NoValue: h.Value == nil})
		}
		origin, err := dlq.ParseOrigin(headers)
		if err != nil {
			t.Fatal(err)
		}
		offset := int64(4 + i)
		equal(t, "origin", origin, dlq.Origin{
			Topic: "in", Partition: 1, Offset: offset, Time: time.UnixMilli(1000 * offset), Attempts: 3, Step: "count", Letter: fmt.Sprintf("0/%d", i),
		})
		equal(t, "headers", dlq.WithoutOrigin(headers), []dlq.Header{{Key: "h", Value: []byte("v")}, {Key: "none", NoValue: true}})
	}
	again := deadletters.Filter{Places: []deadletters.Place{{Offset: 1}}, States: []dlq.State{dlq.Replayed}}
	equal(t, "letters replayed again", b.replay(t, again, nil), 1)
}

func TestReplaysAtOnceReplayEachLetterOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const count, tools = 1200, 4
	var letters []dlq.Letter
	for i := range count {
		letters = append(letters, letter(int64(i), fmt.Sprintf("k%d", i%50), fmt.Sprintf("v%04d", i)))
	}
	b.write(t, letters...)
	var group sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range tools {
		group.Go(func() {
			n, err := deadletters.Replay(t.Context(), b.Config, deadletters.Filter{}, nil)
			if err != nil && !strings.Contains(err.Error(), "somebody else has begun") {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			done += n
		})
	}
	group.Wait()
	done += b.replay(t, deadletters.Filter{}, nil)
	var values, want []string
	for _, r := range b.read(t, retry) {
		values = append(values, string(r.Value))
	}
	for _, l := range letters {
		want = append(want, string(*l.Value))
	}
	slices.Sort(values)
	equal(t, "values in the retry topic", values, want)
	if done > count {
		t.Errorf("got %d letters reported as replayed, want %d at most", done, count)
	}
}

func TestDroppedLettersAreNotReplayed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write(t, letter(1, "k1", "v1"), letter(2, "k2", "v2"))
	n, err := deadletters.Drop(t.Context(), b.Config, deadletters.Filter{Key: []byte("k1")})
	if err != nil || n != 1 {
		t.Fatalf("got %d dropped, %v; want 1", n, err)
	}
	equal(t, "letters replayed", b.replay(t, deadletters.Filter{}, nil), 1)
	equal(t, "letters", b.list(t, deadletters.Filter{}), []string{"0/0 dropped", "0/1 replayed"})
}

func TestAFixChangesTheRecord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write(t, letter(1, "k1", "v1"), letter(2, "k2", "v2"), letter(3, "k3", "v3"))
	fault := errors.New("no idea")
	fix := func(_ context.Context, l *deadletters.Letter) error {
		switch l.Offset {
		case 1:
			l.Value = bytesOf("mended")
		case 2:
			return deadletters.ErrSkip
		case 3:
			return fault
		}
		return nil
	}
	_, err := deadletters.Replay(t.Context(), b.Config, deadletters.Filter{}, fix)
	if !errors.Is(err, fault) || !strings.Contains(err.Error(), "letter 0/2") {
		t.Errorf("got %v, want the fault of the letter 0/2", err)
	}
	equal(t, "records after a fault", len(b.read(t, retry)), 0)
	fault = deadletters.ErrSkip
	equal(t, "letters replayed", b.replay(t, deadletters.Filter{}, fix), 1)
	records := b.read(t, retry)
	equal(t, "value", string(records[0].Value), "mended")
	equal(t, "letters", b.list(t, deadletters.Filter{}), []string{"0/0 replayed", "0/1 open", "0/2 open"})
}

func TestMarksAreThoseOfTheirLetterAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write(t, letter(1, "k1", "v1"))
	b.replay(t, deadletters.Filter{}, nil)
	admin, err := sarama.NewClusterAdminFromClient(b.Kafka.Sarama())
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.DeleteTopic("flights-dead-letters"); err != nil {
		t.Fatal(err)
	}
	b.topics(t, 2, "flights-dead-letters")
	b.write(t, letter(8, "k8", "v8"))
	equal(t, "letters", b.list(t, deadletters.Filter{}), []string{"0/0 open"})
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	nobody := b.Config
	nobody.Topology = "nobody"
	err := deadletters.List(t.Context(), nobody, deadletters.Filter{}, nil)
	if err == nil || !strings.Contains(err.Error(), "topology nobody has no topic of dead letters") {
		t.Errorf("got %v", err)
	}
	b.topics(t, 1, "lone-dead-letters")
	lone := b.Config
	lone.Topology = "lone"
	if _, err := deadletters.Replay(t.Context(), lone, deadletters.Filter{}, nil); err == nil || !strings.Contains(err.Error(), `"lone-retry"`) {
		t.Errorf("got %v, want the missing retry topic named", err)
	}
	far := letter(1, "k", "v")
	far.Partition = 2
	b.write(t, far)
	if _, err := deadletters.Replay(t.Context(), b.Config, deadletters.Filter{}, nil); err == nil || !strings.Contains(err.Error(), "has 2 partitions only") {
		t.Errorf("got %v, want the missing partition named", err)
	}
}

const pointSchema = `{"type":"record","name":"Point","namespace":"test","fields":[
	{"name":"x","type":"int"},{"name":"label","type":["null","string"],"default":null}]}`

func TestValuesGoToJSONAndBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	registered, err := b.Registry.Register(t.Context(), "in-value", pointSchema)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := avro.ParseSchema(pointSchema)
	if err != nil {
		t.Fatal(err)
	}
	datum, err := schema.Append(nil, map[string]any{"x": 1, "label": "a"})
	if err != nil {
		t.Fatal(err)
	}
	framed := append(avro.AppendConfluent(nil, registered.ID), datum...)
	header := append([]dlq.Header{}, dlq.Header{Key: avro.ValueSchemaHeader, Value: avro.AppendConfluent(nil, registered.ID)})
	tests := []struct {
		name    string
		value   []byte
		headers []dlq.Header
		want    string // in JSON, empty when it cannot be read
		frame   int    // bytes before the new datum
		kept    int    // headers that stay
	}{
		{name: "Confluent", value: framed, want: `{"x":1,"label":{"string":"a"}}`, frame: 5},
		{name: "a header", value: datum, headers: header, want: `{"x":1,"label":{"string":"a"}}`, kept: 1},
		{name: "garbage", value: []byte("garbage"), frame: 5},
		{name: "an unknown id", value: avro.AppendConfluent(nil, 999), frame: 5},
		{name: "no value", want: "null", frame: 5},
		{name: "a header that is broken", value: datum, headers: []dlq.Header{{Key: avro.ValueSchemaHeader, Value: []byte("x")}}, frame: 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			values := deadletters.NewValues(b.Registry)
			l := &deadletters.Letter{Letter: letter(1, "k", "")}
			l.Value, l.Headers = nil, tt.headers
			if tt.value != nil {
				l.Value = &tt.value
			}
			got, err := values.JSON(t.Context(), l)
			if (err == nil) != (tt.want != "") || string(got) != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
			if err := values.SetJSON(t.Context(), l, []byte(`{"x":2,"label":null}`)); err != nil {
				t.Fatal(err)
			}
			if got, err = values.JSON(t.Context(), l); err != nil || string(got) != `{"x":2,"label":null}` {
				t.Errorf("got %s, %v after the change", got, err)
			}
			equal(t, "length", len(*l.Value), tt.frame+2)
			equal(t, "headers", len(l.Headers), tt.kept)
			if err := values.SetJSON(t.Context(), l, []byte(`{"x":"two"}`)); err == nil {
				t.Error("a value that does not fit the schema was taken")
			}
		})
	}
}

func TestParsePlaceReadsWhatStringWrites(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "1", "/", "1/", "-1/2", "1/-2", "a/b", "1/2/3", "99999999999/1"} {
		if _, err := deadletters.ParsePlace(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	place := deadletters.Place{Partition: 3, Offset: 1 << 40}
	if got, err := deadletters.ParsePlace(place.String()); err != nil || got != place {
		t.Errorf("got %v, %v, want %v", got, err, place)
	}
}
