package txn_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

func TestRecordsKeepTheirOrderInEachPartition(t *testing.T) {
	t.Parallel()
	eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
		keyed, chosen := b.topic(t, 4), b.topic(t, 3)
		committer := d.open(t, b, txn.Config{})
		all := map[string][]*kafka.Record{}
		for round := range 3 {
			var batch []*kafka.Record
			for i := range 500 {
				value := fmt.Sprintf("%d-%03d", round, i)
				batch = append(batch,
					&kafka.Record{Topic: keyed, Partition: -1, Key: fmt.Appendf(nil, "key %d", i%37), Value: []byte(value)},
					record(chosen, int32(i%3), value))
			}
			commit(t, committer, txn.Batch{Records: batch})
			for _, r := range batch {
				all[r.Topic] = append(all[r.Topic], r)
			}
		}
		for topic, want := range all {
			got := b.awaitRecords(t, topic, len(want))
			places := map[string]string{}
			var values []string
			for _, r := range got {
				values = append(values, string(r.Value))
				places[string(r.Value)] = fmt.Sprintf("%d/%d", r.Partition, r.Offset)
			}
			if diff := cmp.Diff(values, perPartition(want)); diff != "" {
				t.Errorf("topic %s (-got +want): %s", topic, diff)
			}
			for _, r := range want {
				if told := fmt.Sprintf("%d/%d", r.Partition, r.Offset); told != places[string(r.Value)] {
					t.Fatalf("record %s: the commit tells %s, it is at %s", r.Value, told, places[string(r.Value)])
				}
			}
		}
	})
}

// Records that are written ahead belong to the next batch.
func TestRecordsWrittenAheadGoWithTheirBatch(t *testing.T) {
	t.Parallel()
	eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
		topic, group := b.topic(t, 2), unique("group")
		committer := d.open(t, b, txn.Config{})
		ahead := func(values ...string) {
			for _, value := range values {
				if err := committer.Write(t.Context(), []*kafka.Record{record(topic, 0, value), record(topic, 1, value)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		ahead("a", "b")
		if got := kafkatest.Read(t, b.client, kafka.Query{Topic: topic}); d.exact && len(got) > 0 {
			t.Errorf("got %v before the commit", got)
		}
		commit(t, committer, txn.Batch{
			Records: []*kafka.Record{record(topic, 0, "c")}, Offsets: map[string]map[int32]int64{topic: {0: 7}}, Member: nobody(group),
		})
		if diff := cmp.Diff(b.values(t, topic, 5), []string{"a", "b", "c", "a", "b"}); diff != "" {
			t.Errorf("after the commit (-got +want): %s", diff)
		}
		ahead("d")
		commit(t, committer, txn.Batch{Offsets: map[string]map[int32]int64{topic: {0: 8}}, Member: nobody(group)})
		if diff := cmp.Diff(b.values(t, topic, 7), []string{"a", "b", "c", "d", "a", "b", "d"}); diff != "" {
			t.Errorf("after the second commit (-got +want): %s", diff)
		}
		if got := b.committed(t, group, topic); got != 8 {
			t.Errorf("got the offset %d, want 8", got)
		}
	})
}

// What no batch has followed is no more when the committer is closed, and holds
// nobody up.
func TestCloseAbortsWhatIsOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.topic(t, 1)
	c := txn.Config{TransactionalID: unique("id"), TransactionTimeout: time.Minute}
	committer, err := txn.NewExactlyOnce(t.Context(), b.cfg, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := committer.Write(t.Context(), []*kafka.Record{record(topic, 0, "never")}); err != nil {
		t.Fatal(err)
	}
	if err := committer.Close(); err != nil {
		t.Fatal(err)
	}
	other := delivery{exact: true, dial: txn.NewExactlyOnce}.open(t, b, txn.Config{})
	commit(t, other, txn.Batch{Records: []*kafka.Record{record(topic, 0, "seen")}})
	if diff := cmp.Diff(b.values(t, topic, 1), []string{"seen"}); diff != "" {
		t.Errorf("(-got +want): %s", diff)
	}
}

func TestKeysChooseThePartitionByTheHash(t *testing.T) {
	t.Parallel()
	for name, hasher := range map[string]func() hash.Hash32{"default": nil, "fnv": fnv.New32a} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
				topic := b.topic(t, 7)
				partitioner := sarama.NewMurmur2Partitioner(topic)
				if hasher != nil {
					partitioner = sarama.NewCustomHashPartitioner(hasher)(topic)
				}
				var batch []*kafka.Record
				for i := range 200 {
					batch = append(batch, &kafka.Record{Topic: topic, Partition: -1, Key: []byte(strings.Repeat("x", i)), Value: []byte("v")})
				}
				commit(t, d.open(t, b, txn.Config{Hasher: hasher}), txn.Batch{Records: batch})
				for _, r := range batch {
					want, err := partitioner.Partition(&sarama.ProducerMessage{Key: sarama.ByteEncoder(r.Key)}, 7)
					if err != nil || r.Partition != want {
						t.Errorf("key of %d bytes: got partition %d, want %d, %v", len(r.Key), r.Partition, want, err)
					}
				}
			})
		})
	}
}

func TestRecordsWithoutAKeyGoRound(t *testing.T) {
	t.Parallel()
	eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
		topic := b.topic(t, 3)
		committer := d.open(t, b, txn.Config{})
		counts := map[int32]int{}
		for range 3 {
			batch := []*kafka.Record{{Topic: topic, Partition: -1}, {Topic: topic, Partition: -1}}
			commit(t, committer, txn.Batch{Records: batch})
			for _, r := range batch {
				counts[r.Partition]++
			}
		}
		if diff := cmp.Diff(counts, map[int32]int{0: 2, 1: 2, 2: 2}); diff != "" {
			t.Errorf("records by partition (-got +want): %s", diff)
		}
	})
}

func TestARecordIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
		topic := b.topic(t, 1)
		at := time.UnixMilli(1_700_000_000_123)
		want := []*kafka.Record{
			{Key: []byte("k"), Value: []byte("v"), Time: at},
			{Key: []byte("k"), Time: at.Add(-time.Hour)},
			{Key: []byte{}, Value: []byte{}, Time: at.Add(1000 * time.Hour)},
			{Value: []byte("without a key"), Time: time.UnixMilli(0)},
			{Key: []byte("h"), Time: at, Headers: []kafka.Header{{Key: "a", Value: []byte("1")}, {Key: "a"}, {Key: "", Value: []byte{}}}},
		}
		for _, r := range want {
			r.Topic = topic
		}
		before := time.Now().Truncate(time.Millisecond)
		batch := append(want, &kafka.Record{Topic: topic, Key: []byte("now")})
		commit(t, d.open(t, b, txn.Config{}), txn.Batch{Records: batch})
		got := b.awaitRecords(t, topic, len(batch))
		for i, r := range want {
			if diff := cmp.Diff(got[i], *r); diff != "" {
				t.Errorf("record %d (-got +want): %s", i, diff)
			}
		}
		if at := got[len(want)].Time; at.Before(before) || at.After(time.Now()) {
			t.Errorf("got the time %s for a record without one, want that of the commit, after %s", at, before)
		}
	})
}

func TestOffsetsAreCommittedWithOrWithoutRecords(t *testing.T) {
	t.Parallel()
	eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
		topic, group := b.topic(t, 2), unique("group")
		committer := d.open(t, b, txn.Config{})
		offset := func(at int64) map[string]map[int32]int64 { return map[string]map[int32]int64{topic: {0: at, 1: 7}} }
		for _, batch := range []txn.Batch{
			{},
			{Offsets: offset(1), Member: nobody(group)},
			{Records: []*kafka.Record{record(topic, 0, "a")}, Offsets: offset(2), Member: nobody(group)},
			{Records: []*kafka.Record{record(topic, 0, "b")}},
			{Offsets: offset(3), Member: nobody(group)},
		} {
			commit(t, committer, batch)
		}
		if got := b.committed(t, group, topic); got != 3 {
			t.Errorf("got the committed offset %d, want 3", got)
		}
		if diff := cmp.Diff(b.values(t, topic, 2), []string{"a", "b"}); diff != "" {
			t.Errorf("values (-got +want): %s", diff)
		}
	})
}

// Metadata goes with its offset, and is gone with the next offset that has none.
func TestOffsetsAreCommittedWithTheirMetadata(t *testing.T) {
	t.Parallel()
	eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
		topic, group := b.topic(t, 2), unique("group")
		committer := d.open(t, b, txn.Config{})
		long := strings.Repeat("x", 1000)
		for _, metadata := range []map[int32]string{{0: "first", 1: long}, {1: "second"}, nil} {
			commit(t, committer, txn.Batch{
				Offsets:  map[string]map[int32]int64{topic: {0: 1, 1: 7}},
				Metadata: map[string]map[int32]string{topic: metadata}, Member: nobody(group),
			})
			got, err := b.client.Commits(t.Context(), group, map[string][]int32{topic: {0, 1}})
			if err != nil {
				t.Fatal(err)
			}
			want := map[int32]kafka.Commit{0: {Offset: 1, Metadata: metadata[0]}, 1: {Offset: 7, Metadata: metadata[1]}}
			if diff := cmp.Diff(got[topic], want); diff != "" {
				t.Errorf("committed (-got +want): %s", diff)
			}
		}
	})
}

func TestALargeBatchIsWrittenInParts(t *testing.T) {
	t.Parallel()
	eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
		topic := b.topic(t, 2)
		committer := d.open(t, b, txn.Config{})
		var want []*kafka.Record
		for i := range 60 {
			r := record(topic, int32(i%2), fmt.Sprintf("%03d", i))
			r.Value = append(r.Value, bytes.Repeat([]byte("x"), 100_000)...)
			want = append(want, r)
		}
		largest := record(topic, 0, "largest")
		largest.Value = append(largest.Value, make([]byte, 1<<20-len("k")-len("largest")-97)...)
		want = append(want, largest, record(topic, 0, "after it"))
		commit(t, committer, txn.Batch{Records: want})
		commit(t, committer, txn.Batch{Records: []*kafka.Record{record(topic, 1, "next")}})
		want = append(want, record(topic, 1, "next"))
		if !cmp.Equal(b.values(t, topic, len(want)), perPartition(want)) {
			t.Error("what is read is not what was written")
		}
	})
}

func TestBatchesAreNoLargerThanTheTopicTakes(t *testing.T) {
	t.Parallel()
	eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
		topic := b.topic(t, 1)
		b.limitBatches(t, topic, "3000")
		var want []*kafka.Record
		for i := range 100 {
			want = append(want, record(topic, 0, fmt.Sprintf("%03d %s", i, strings.Repeat("x", 200))))
		}
		committer := d.open(t, b, txn.Config{Singly: []string{topic}})
		commit(t, committer, txn.Batch{Records: want})
		if diff := cmp.Diff(b.values(t, topic, len(want)), perPartition(want)); diff != "" {
			t.Errorf("values (-got +want): %s", diff)
		}
		large := record(topic, 0, strings.Repeat("x", 4000))
		checkRefused(t, committer.Commit(t.Context(), txn.Batch{Records: []*kafka.Record{large}}), large, sarama.ErrMessageSizeTooLarge)
	})
}

// limitBatches sets a topic's max.message.bytes.
func (b *testBundle) limitBatches(t *testing.T, topic, limit string) {
	t.Helper()
	if err := b.admin(t).AlterConfig(sarama.TopicResource, topic, map[string]*string{"max.message.bytes": &limit}, false); err != nil {
		t.Fatal(err)
	}
}

func (b *testBundle) admin(t *testing.T) sarama.ClusterAdmin {
	t.Helper()
	admin, err := sarama.NewClusterAdmin(b.cfg.Brokers, b.cfg.Sarama())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	return admin
}

func checkRefused(t *testing.T, err error, r *kafka.Record, cause error) {
	t.Helper()
	refused, ok := errors.AsType[*txn.RefusedError](err)
	if !ok || !errors.Is(err, cause) || !txn.IsFinal(err) {
		t.Fatalf("got %v, want a final RefusedError for %v", err, cause)
	}
	if refused.Record.Topic != r.Topic || !bytes.Equal(refused.Record.Key, r.Key) || !strings.Contains(err.Error(), r.Topic) {
		t.Errorf("got %v, want it to name topic %s and key %q", err, r.Topic, r.Key)
	}
}

func TestWhatNoBrokerTakesIsRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*kafka.Record)
		want   error
	}{
		{name: "too large", change: func(r *kafka.Record) { r.Value = make([]byte, 17<<20) }, want: sarama.ErrMessageSizeTooLarge},
		{name: "no such partition", change: func(r *kafka.Record) { r.Partition = 2 }, want: sarama.ErrInvalidPartition},
		{name: "before 1970", change: func(r *kafka.Record) { r.Time = time.UnixMilli(-1) }, want: sarama.ErrInvalidTimestamp},
		{name: "too late", change: func(r *kafka.Record) { r.Time = time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC) }, want: sarama.ErrInvalidTimestamp},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
				topic := b.topic(t, 2)
				bad := record(topic, 1, "v")
				tt.change(bad)
				batch := txn.Batch{Records: []*kafka.Record{record(topic, 0, "good"), bad}}
				checkRefused(t, d.open(t, b, txn.Config{}).Commit(t.Context(), batch), bad, tt.want)
				if got := kafkatest.Read(t, b.client, kafka.Query{Topic: topic}); len(got) > 0 {
					t.Errorf("got %v, want nothing written", got)
				}
			})
		})
	}
}

func TestPartitionsThatWereAddedAreWrittenTo(t *testing.T) {
	t.Parallel()
	eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
		topic := b.topic(t, 1)
		committer := d.open(t, b, txn.Config{})
		commit(t, committer, txn.Batch{Records: []*kafka.Record{record(topic, 0, "a")}})
		if err := b.admin(t).CreatePartitions(topic, 2, nil, false); err != nil {
			t.Fatal(err)
		}
		kafkatest.Await(t, "the partition is there", func() bool {
			_ = b.client.Sarama().RefreshMetadata(topic)
			_, err := b.client.Sarama().Leader(topic, 1)
			return err == nil
		})
		commit(t, committer, txn.Batch{Records: []*kafka.Record{record(topic, 1, "b")}})
		if diff := cmp.Diff(b.values(t, topic, 2), []string{"a", "b"}); diff != "" {
			t.Errorf("values (-got +want): %s", diff)
		}
	})
}

func TestBatchesAreCompressed(t *testing.T) {
	t.Parallel()
	for _, codec := range []sarama.CompressionCodec{
		sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD,
	} {
		t.Run(codec.String(), func(t *testing.T) {
			t.Parallel()
			eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
				topic := b.topic(t, 1)
				// More than one batch takes uncompressed.
				var want []*kafka.Record
				for i := range 300 {
					want = append(want, record(topic, 0, fmt.Sprintf("%03d %s", i, strings.Repeat("x", 5000))))
				}
				commit(t, d.open(t, b, txn.Config{Compression: codec}), txn.Batch{Records: want})
				if !cmp.Equal(b.values(t, topic, len(want)), perPartition(want)) {
					t.Error("what is read is not what was written")
				}
			})
		})
	}
}

func TestDialingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := d.dial(ctx, b.cfg, txn.Config{TransactionalID: "id"}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
}

func TestCommitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
		committer := d.open(t, b, txn.Config{})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := committer.Commit(ctx, txn.Batch{Records: []*kafka.Record{record(unique("missing"), 0, "v")}})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want context.DeadlineExceeded", err)
		}
	})
}

func TestExactlyOnceNeedsAnID(t *testing.T) {
	t.Parallel()
	if _, err := txn.NewExactlyOnce(t.Context(), kafka.Config{Brokers: []string{"localhost:1"}}, txn.Config{}); err == nil {
		t.Error("got no error for a committer without a transactional id")
	}
}
