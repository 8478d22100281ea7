package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// keysOf returns the keys of JSON lines, with the member x of their values.
func keysOf(t *testing.T, lines string) []string {
	t.Helper()
	keys := []string{}
	for line := range strings.Lines(lines) {
		var row struct {
			Key   string         `json:"key"`
			Value map[string]int `json:"value"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, fmt.Sprintf("%s=%d", row.Key, row.Value["x"]))
	}
	return keys
}

// table fills a topic of 3 partitions with rows that were set and deleted.
func (b *testBundle) table(t *testing.T, topic string) {
	t.Helper()
	b.topic(t, topic, 3)
	id := b.register(t, topic+"-value", pointV1)
	for i, key := range []string{"b", "a", "ab", "gone", "c", "a"} {
		b.write(t, kafka.Record{Topic: topic, Partition: -1, Key: []byte(key), Value: framed(t, id, pointV1, point(i))})
	}
	b.write(t, kafka.Record{Topic: topic, Partition: -1, Key: []byte("gone")})
}

func TestTableGetPrintsTheLastRecordOfAKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.table(t, "t")
	got := b.run(t, "table", "get", "--topic", "t", "--key", "a").ok(t)
	if diff := cmp.Diff([]string{"a=5"}, keysOf(t, got.stdout)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	for _, key := range []string{"gone", "never"} {
		b.run(t, "table", "get", "--topic", "t", "--key", key).refused(t, 1, key, "no row", "--all-partitions")
	}
	b.run(t, "table", "get", "--topic", "missing", "--key", "a").refused(t, 1, `"missing"`)
	b.run(t, "table", "scan", "--topic", "missing").refused(t, 1, `"missing"`)
}

func TestTableGetLooksInAllPartitionsWhenTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.topic(t, "t", 3)
	id := b.register(t, "t-value", pointV1)
	for partition := range int32(3) {
		key := fmt.Sprintf("k%d", partition)
		b.write(t, kafka.Record{Topic: "t", Partition: partition, Key: []byte(key), Value: framed(t, id, pointV1, point(1))})
		got := b.run(t, "table", "get", "--topic", "t", "--key", key, "--all-partitions").ok(t)
		if diff := cmp.Diff([]string{key + "=1"}, keysOf(t, got.stdout)); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
	}
}

func TestTableScanPrintsRowsInTheOrderOfTheirKeys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.table(t, "t")
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{name: "all", want: []string{"a=5", "ab=2", "b=0", "c=4"}},
		{name: "prefix", args: []string{"--prefix", "a"}, want: []string{"a=5", "ab=2"}},
		{name: "from", args: []string{"--from", "ab"}, want: []string{"ab=2", "b=0", "c=4"}},
		{name: "between", args: []string{"--from", "ab", "--to", "c"}, want: []string{"ab=2", "b=0"}},
		{name: "limit", args: []string{"--limit", "3"}, want: []string{"a=5", "ab=2", "b=0"}},
		{name: "nothing", args: []string{"--prefix", "x"}, want: []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := b.run(t, append([]string{"table", "scan", "--topic", "t"}, tt.args...)...).ok(t)
			if diff := cmp.Diff(tt.want, keysOf(t, got.stdout)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

// A hand-written goka group may know nothing of Avro.
func TestATableIsReadWithoutARegistry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.topic(t, "plain", 3)
	b.write(t, kafka.Record{Topic: "plain", Partition: 2, Key: []byte("k"), Value: []byte("42")})
	b.table(t, "t")
	tests := []struct {
		name string
		args []string
		want []string // in the line
	}{
		{name: "no Avro, get", args: []string{"get", "--topic", "plain", "--key", "k", "--all-partitions"}, want: []string{`"key":"k"`, `"value_base64":"NDI="`}},
		{name: "no Avro, scan", args: []string{"scan", "--topic", "plain"}, want: []string{`"key":"k"`, `"value_base64":"NDI="`}},
		{name: "Avro", args: []string{"get", "--topic", "t", "--key", "a"}, want: []string{`"schema_id":`, `"value_base64"`, "--registry"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := execute(t.Context(), nil, append(append([]string{"table"}, tt.args...), "--brokers", b.cfg.Brokers[0])...)
			if got.code != 1 || strings.Count(got.stdout, "\n") != 1 {
				t.Errorf("got exit code %d and %q, want 1 and one line", got.code, got.stdout)
			}
			for _, part := range tt.want {
				if !strings.Contains(got.stdout, part) {
					t.Errorf("got %q, want it to hold %q", got.stdout, part)
				}
			}
			got.oneLine(t, "1 of 1 records did not decode")
		})
	}
}

// committer is a member of a group that commits once and leaves.
type committer struct {
	topic  string
	offset int64
	leave  context.CancelFunc
}

// Setup commits.
func (c committer) Setup(session sarama.ConsumerGroupSession) error {
	session.MarkOffset(c.topic, 0, c.offset, "")
	session.Commit()
	c.leave()
	return nil
}

// Cleanup does nothing.
func (committer) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim does nothing.
func (committer) ConsumeClaim(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error {
	return nil
}

// commit commits an offset of partition 0 for a group.
func (b *testBundle) commit(t *testing.T, group, topic string, offset int64) {
	t.Helper()
	member, err := sarama.NewConsumerGroup(b.cfg.Brokers, group, b.cfg.Sarama())
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithTimeout(t.Context(), kafkatest.Patience)
	defer leave()
	if err := member.Consume(ctx, []string{topic}, committer{topic, offset, leave}); err != nil {
		t.Fatal(err)
	}
	if err := member.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLagCountsTheRecordsThatAreSeen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.topic(t, "t", 2)
	b.write(t, kafka.Record{Topic: "t", Value: []byte("1")}, kafka.Record{Topic: "t", Value: []byte("2")},
		kafka.Record{Topic: "t", Partition: 1, Value: []byte("3")})
	x := kafkatest.NewTransactor(t, b.cfg, "t")
	for _, end := range []func(){x.Abort, x.Commit} {
		x.Begin()
		x.Write("", "4")
		end()
	}
	b.commit(t, "g", "t", 1)
	lag := func(args ...string) result {
		return execute(t.Context(), nil, append([]string{"lag", "--brokers", b.cfg.Brokers[0]}, args...)...)
	}
	got := lag("--group", "g", "--json").ok(t)
	want := `{"group":"g","lag":3,"partitions":[{"topic":"t","partition":0,"committed":1,"end":6,"lag":2},{"topic":"t","partition":1,"committed":null,"end":1,"lag":1}]}` + "\n"
	if diff := cmp.Diff(want, got.stdout); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	got = lag("--group", "g").ok(t)
	want = `TOPIC  PARTITION  COMMITTED  END  LAG
t      0          1          6    2
t      1          -          1    1
total                             3
`
	if diff := cmp.Diff(want, got.stdout); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	lag("--group", "other").refused(t, 1, `"other"`, "committed nothing")
}
