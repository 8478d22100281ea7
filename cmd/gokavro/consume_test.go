package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

func TestConsumeWritesEachRecordAsOneLine(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.topic(t, "t", 1)
	id := b.register(t, "t-value", pointV2)
	value := framed(t, id, pointV2, map[string]any{"x": 1, "label": "<a> & é"})
	at := time.Date(2024, 2, 29, 12, 0, 0, 5e6, time.FixedZone("", 3600))
	b.write(t,
		kafka.Record{Topic: "t", Time: at, Key: []byte("k<"), Value: value, Headers: []kafka.Header{
			{Key: "h", Value: []byte("v")},
			{Key: "h", Value: []byte{0xff}},
			{Key: "n"},
		}},
		kafka.Record{Topic: "t", Time: at, Key: []byte{0xfe}, Value: value},
		kafka.Record{Topic: "t", Time: at, Key: []byte{}, Value: nil},
	)
	got := b.run(t, "consume", "--topic", "t", "--until-end").ok(t)
	want := `{"topic":"t","partition":0,"offset":0,"time":"2024-02-29T11:00:00.005Z","key":"k<","headers":[{"key":"h","value":"v"},{"key":"h","value_base64":"/w=="},{"key":"n","value":null}],"schema_id":1,"value":{"x":1,"label":"<a> & é"}}
{"topic":"t","partition":0,"offset":1,"time":"2024-02-29T11:00:00.005Z","key_base64":"/g==","schema_id":1,"value":{"x":1,"label":"<a> & é"}}
{"topic":"t","partition":0,"offset":2,"time":"2024-02-29T11:00:00.005Z","key":"","value":null}
`
	if diff := cmp.Diff(want, got.stdout); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if got.stderr != "" {
		t.Errorf("stderr: got %q, want nothing", got.stderr)
	}
}

func TestConsumeStartsWhereItIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.topic(t, "t", 2)
	id := b.register(t, "t-value", pointV1)
	noon := time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC)
	for x := range 4 {
		for partition := range int32(2) {
			b.write(t, kafka.Record{
				Topic: "t", Partition: partition, Time: noon.Add(time.Duration(x) * time.Hour),
				Value: framed(t, id, pointV1, point(10*int(partition)+x)),
			})
		}
	}
	tests := []struct {
		name string
		args []string
		want []int
	}{
		{name: "default", want: []int{0, 1, 2, 3}},
		{name: "beginning", args: []string{"--from", "beginning"}, want: []int{0, 1, 2, 3}},
		{name: "end", args: []string{"--from", "end"}, want: []int{}},
		{name: "offset", args: []string{"--from", "offset:2"}, want: []int{2, 3}},
		{name: "the end's offset", args: []string{"--from", "offset:4"}, want: []int{}},
		{name: "time", args: []string{"--from", "time:2024-01-01T13:00:00Z"}, want: []int{1, 2, 3}},
		{name: "time in a zone", args: []string{"--from", "time:2024-01-01T15:00:00.5+01:00"}, want: []int{3}},
		{name: "time after all", args: []string{"--from", "time:2030-01-01T00:00:00Z"}, want: []int{}},
		{name: "count", args: []string{"--count", "2"}, want: []int{0, 1}},
		{name: "count beyond the end", args: []string{"--count", "9"}, want: []int{0, 1, 2, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := b.run(t, append([]string{"consume", "--topic", "t", "--partition", "0", "--until-end"}, tt.args...)...).ok(t)
			if diff := cmp.Diff(tt.want, xs(t, got.stdout)); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("every partition", func(t *testing.T) {
		t.Parallel()
		got := xs(t, b.run(t, "consume", "--topic", "t", "--from", "offset:3", "--until-end").ok(t).stdout)
		if len(got) != 2 || got[0]+got[1] != 3+13 {
			t.Errorf("got %v, want 3 and 13", got)
		}
	})
}

func TestConsumeFiltersByKeyAndCountsAfterThat(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.topic(t, "t", 1)
	id := b.register(t, "t-value", pointV1)
	for x, key := range [][]byte{[]byte("a"), []byte("b"), nil, {}, []byte("a"), []byte("ab"), []byte("a")} {
		b.write(t, kafka.Record{Topic: "t", Key: key, Value: framed(t, id, pointV1, point(x))})
	}
	tests := []struct {
		name string
		args []string
		want []int
	}{
		{name: "key", args: []string{"--key", "a", "--until-end"}, want: []int{0, 4, 6}},
		{name: "unknown key", args: []string{"--key", "z", "--until-end"}, want: []int{}},
		{name: "empty key is not no key", args: []string{"--key", "", "--until-end"}, want: []int{3}},
		{name: "count without end", args: []string{"--key", "a", "--count", "2"}, want: []int{0, 4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := b.run(t, append([]string{"consume", "--topic", "t"}, tt.args...)...).ok(t)
			if diff := cmp.Diff(tt.want, xs(t, got.stdout)); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConsumeReadsSeveralTopicsInEachPartitionsOrder(t *testing.T) {
	t.Parallel()
	const each = 200
	b := setup(t)
	for _, topic := range []string{"a", "b"} {
		b.topic(t, topic, 2)
		id := b.register(t, topic+"-value", pointV1)
		var records []kafka.Record
		for x := range each {
			records = append(records, kafka.Record{Topic: topic, Partition: int32(x % 2), Value: framed(t, id, pointV1, point(x))})
		}
		b.write(t, records...)
	}
	got := b.run(t, "consume", "--topic", "a", "--topic", "b", "--topic", "a", "--until-end").ok(t)
	next := map[string]float64{}
	for _, l := range lines(t, got.stdout) {
		place := fmt.Sprint(l["topic"], "/", l["partition"])
		if l["offset"] != next[place] {
			t.Fatalf("%s: got offset %v, want %v", place, l["offset"], next[place])
		}
		next[place]++
	}
	want := map[string]float64{"a/0": each / 2, "a/1": each / 2, "b/0": each / 2, "b/1": each / 2}
	if diff := cmp.Diff(want, next); diff != "" {
		t.Errorf("records of each partition (-want +got):\n%s", diff)
	}
	limited := b.run(t, "consume", "--topic", "a,b", "--count", "7").ok(t)
	if n := len(lines(t, limited.stdout)); n != 7 {
		t.Errorf("--count 7 over two topics: got %d lines", n)
	}
}

func TestConsumeTailsUntilASignal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.points(t, "t", 1, 2)
	c := b.start(t, "consume", "--topic", "t")
	c.stdout.await(t, 2)
	id := b.register(t, "t-value", pointV1)
	b.write(t, kafka.Record{Topic: "t", Value: framed(t, id, pointV1, point(3))})
	c.stdout.await(t, 3)
	got := c.interrupt(t).ok(t)
	if diff := cmp.Diff([]int{1, 2, 3}, xs(t, got.stdout)); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if got.stderr != "" {
		t.Errorf("stderr: got %q, want nothing", got.stderr)
	}
}

func TestConsumeCallsAnUnfinishedCountInterrupted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.points(t, "t", 1, 2)
	c := b.start(t, "consume", "--topic", "t", "--count", "3")
	c.stdout.await(t, 2)
	got := c.interrupt(t)
	if got.code != 1 {
		t.Errorf("exit code: got %d, want 1", got.code)
	}
	got.oneLine(t, "interrupted after 2 records")
}

// transact writes one transaction into partition 0 and ends it with end.
func (b *testBundle) transact(t *testing.T, topic string, end func(*kafkatest.Transactor), values ...[]byte) {
	t.Helper()
	x := kafkatest.NewTransactor(t, b.cfg, topic)
	x.Begin()
	for _, value := range values {
		x.Write("", string(value))
	}
	end(x)
}

func TestConsumeSeesOfTransactionsWhatItsIsolationAllows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.points(t, "t", 0)
	id := b.register(t, "t-value", pointV1)
	value := func(x int) []byte { return framed(t, id, pointV1, point(x)) }
	b.transact(t, "t", (*kafkatest.Transactor).Commit, value(1), value(2))
	b.transact(t, "t", (*kafkatest.Transactor).Abort, value(3))
	closed := b.run(t, "consume", "--topic", "t", "--until-end").ok(t)
	if diff := cmp.Diff([]int{0, 1, 2}, xs(t, closed.stdout)); diff != "" {
		t.Errorf("committed, the log ends in an aborted transaction (-want +got):\n%s", diff)
	}
	b.transact(t, "t", func(*kafkatest.Transactor) {}, value(4))
	b.write(t, kafka.Record{Topic: "t", Value: value(5)})
	tests := []struct {
		name string
		args []string
		want []int
	}{
		{name: "default", want: []int{0, 1, 2}},
		{name: "committed", args: []string{"--isolation", "read_committed"}, want: []int{0, 1, 2}},
		{name: "uncommitted", args: []string{"--isolation", "read_uncommitted"}, want: []int{0, 1, 2, 3, 4, 5}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := b.run(t, append([]string{"consume", "--topic", "t", "--until-end"}, tt.args...)...).ok(t)
			if diff := cmp.Diff(tt.want, xs(t, got.stdout)); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConsumeGoesOnAfterRecordsThatDoNotDecode(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.points(t, "t", 1)
	id := b.register(t, "t-value", pointV1)
	good := framed(t, id, pointV1, point(2))
	for _, value := range [][]byte{[]byte("plain"), {}, framed(t, 99, pointV1, point(0)), good[:5], append(good, 0)} {
		b.write(t, kafka.Record{Topic: "t", Value: value})
	}
	b.write(t, kafka.Record{Topic: "t", Value: good})
	got := b.run(t, "consume", "--topic", "t", "--until-end")
	if got.code != 1 {
		t.Errorf("exit code: got %d, want 1", got.code)
	}
	got.oneLine(t, "5 of 7 records did not decode")
	type row struct{ SchemaID, Value, ValueBase64, Error any }
	var rows []row
	for _, l := range lines(t, got.stdout) {
		if message, ok := l["error"].(string); ok {
			l["error"] = message != "" // worded elsewhere
		}
		rows = append(rows, row{l["schema_id"], l["value"], l["value_base64"], l["error"]})
	}
	want := []row{
		{float64(id), point(1.0), nil, nil},
		{nil, nil, "cGxhaW4=", true},
		{nil, nil, "", true},
		{99.0, nil, "AAAAAGMA", true},
		{float64(id), nil, "AAAAAAE=", true},
		{float64(id), nil, "AAAAAAEEAA==", true},
		{float64(id), point(2.0), nil, nil},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestConsumeKeepsTextThatIsNotUTF8AsBytes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.topic(t, "t", 1)
	const schema = `{"type":"record","name":"S","fields":[{"name":"s","type":"string"}]}`
	id := b.register(t, "t-value", schema)
	value := framed(t, id, schema, map[string]any{"s": "a\xffb\u2028"})
	b.write(t, kafka.Record{Topic: "t", Value: value})
	got := b.run(t, "consume", "--topic", "t", "--until-end")
	var line struct {
		Value  any    `json:"value"`
		Base64 []byte `json:"value_base64"`
		Error  string `json:"error"`
	}
	if err := json.Unmarshal([]byte(got.stdout), &line); err != nil || strings.ToValidUTF8(got.stdout, "") != got.stdout {
		t.Fatalf("got %q and %v, want valid JSON in UTF-8", got.stdout, err)
	}
	if got.code != 1 || line.Value != nil || !bytes.Equal(line.Base64, value) || !strings.Contains(line.Error, "field s, byte 0: text is not UTF-8") {
		t.Errorf("got code %d and %s, want the record as bytes and the reason", got.code, got.stdout)
	}
}

func TestConsumeRefusesWhatTheClusterLacks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.points(t, "t", 1, 2)
	b.points(t, "longer", 1, 2, 3, 4)
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{name: "missing topic", args: []string{"--topic", "absent"}, want: []string{`"absent"`, "create it or correct the name"}},
		{name: "one of two topics", args: []string{"--topic", "t", "--topic", "absent"}, want: []string{`"absent"`}},
		{name: "missing partition", args: []string{"--topic", "t", "--partition", "1"}, want: []string{"--partition 1", "topic t has 1"}},
		{name: "offset past the end", args: []string{"--topic", "t", "--from", "offset:3"}, want: []string{"offset 3", "from 0 to 2"}},
		{name: "offset in one of two", args: []string{"--topic", "longer", "--topic", "t", "--from", "offset:4"}, want: []string{"t/0", "from 0 to 2"}},
		{name: "into a file", args: []string{"--topic", "absent", "--out", t.TempDir() + "/x.avro"}, want: []string{`"absent"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b.run(t, append([]string{"consume", "--until-end"}, tt.args...)...).refused(t, 1, tt.want...)
		})
	}
}

func TestConsumeEndsWhenTheRegistryGoesAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.points(t, "t", 1)
	got := execute(t.Context(), nil, "consume", "--topic", "t", "--until-end", "--dial-timeout", "300ms",
		"--brokers", b.cfg.Brokers[0], "--registry", "http://127.0.0.1:1")
	got.refused(t, 1, "http://127.0.0.1:1", "start the registry or correct --registry")
}
