package runner_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// numbering numbers the words of each key and passes them on as said.
func numbering(say func(word string, n int64) string) *topology.Topology {
	t := topology.New("numbering")
	topology.Process(topology.Input(t, "in", codecs.String()), topology.Store(t, "numbers", codecs.Int64()),
		func(in processors.Record[string], row *processors.Row[int64], emit func(string)) error {
			n, _ := row.Get()
			row.Set(n + 1)
			emit(say(in.Value, n+1))
			return nil
		}).To("out", codecs.String())
	return t
}

// A broker that refuses a batch and does not say which record of it is meant costs
// that record alone, in each partition, however its output changes from try to
// try.
func TestARefusalThatNamesNoRecordCostsThatRecordOnly(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	same := func(word string, n int64) string { return fmt.Sprintf("%s=%d", word, n) }
	tests := []struct {
		name     string
		delivery runner.Delivery
		say      func(string, int64) string
		bad      int32 // partitions with a bad record
	}{
		{"exactly once", runner.ExactlyOnce, same, 3},
		{"at least once", runner.AtLeastOnce, same, 3},
		{"another output at each try", runner.ExactlyOnce, func(word string, n int64) string {
			if word == "bad" {
				return fmt.Sprintf("bad %d", tries.Add(1))
			}
			return same(word, n)
		}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, devstack.Config{})
			b.topics(t, 3, "in", "out")
			b.stack.RefuseWhere("out", 3, []byte("bad"), kerr.InvalidRecord.Code)
			want := once(b.badAmong(t, tt.bad), tt.delivery)
			cfg := b.config(t)
			cfg.CreateTopics, cfg.Delivery, cfg.Partitioner = 3, tt.delivery, runner.AnyPartitioner
			r := start(t, numbering(tt.say), cfg)
			b.awaitValues(t, "numbering-dead-letters", int(tt.bad))
			kafkatest.Await(t, "all others", func() bool { return cmp.Equal(want, b.inOrder(t, tt.delivery)) })
			kafkatest.Await(t, "it runs", func() bool { state, _ := r.State(); return state == runner.Running })
			r.stop(t)
			if diff := cmp.Diff(want, b.inOrder(t, tt.delivery)); diff != "" {
				t.Errorf("the outputs (-want +got): %s", diff)
			}
			b.checkBad(t, tt.delivery, tt.bad)
		})
	}
}

// badAt is the offset of the bad words.
const badAt = 17

// badAmong writes words to each of three partitions, with a bad one among them in
// as many as said, and returns what is to become of the others.
func (b *testBundle) badAmong(t *testing.T, bad int32) map[string][]string {
	t.Helper()
	want := map[string][]string{}
	var records []kafka.Record
	for i := range 40 {
		for p := range int32(3) {
			key := fmt.Sprintf("key-%d", p)
			if i == badAt && p < bad {
				records = append(records, kafka.Record{Topic: "in", Partition: p, Key: []byte(key), Value: []byte("bad")})
			}
			records = append(records, kafka.Record{Topic: "in", Partition: p, Key: []byte(key), Value: fmt.Append(nil, i)})
			want[key] = append(want[key], fmt.Sprintf("%d=%d", i, i+1))
		}
	}
	b.write(t, records...)
	return want
}

// inOrder returns the outputs of each key.
func (b *testBundle) inOrder(t *testing.T, delivery runner.Delivery) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	for _, r := range b.read(t, "out") {
		got[string(r.Key)] = append(got[string(r.Key)], string(r.Value))
	}
	return once(got, delivery)
}

// once leaves out what a delivery may repeat: the numbers, and each word but where
// it came first.
func once(outputs map[string][]string, delivery runner.Delivery) map[string][]string {
	if delivery == runner.ExactlyOnce {
		return outputs
	}
	words := map[string][]string{}
	for key, values := range outputs {
		for _, value := range values {
			word, _, _ := strings.Cut(value, "=")
			if !slices.Contains(words[key], word) {
				words[key] = append(words[key], word)
			}
		}
	}
	return words
}

// checkBad wants one dead letter of each partition, or more where the delivery
// repeats, of the bad record.
func (b *testBundle) checkBad(t *testing.T, delivery runner.Delivery, bad int32) {
	t.Helper()
	codec := avro.Typed[dlq.Letter](avro.Namespace(dlq.Namespace), avro.Name(dlq.Name), avro.Registry(b.registry(t)))
	from := map[int32]bool{}
	for _, r := range b.read(t, "numbering-dead-letters") {
		var letter dlq.Letter
		if err := codec.Read(r.Value, &letter); err != nil {
			t.Fatal(err)
		}
		if string(*letter.Value) != "bad" || letter.Offset != badAt || letter.Step != "out" || from[letter.Partition] && delivery == runner.ExactlyOnce {
			t.Errorf("got the letter %+v, want one of each bad record", letter)
		}
		from[letter.Partition] = true
	}
	if len(from) != int(bad) {
		t.Errorf("got letters of the partitions %v, want %d", from, bad)
	}
}
