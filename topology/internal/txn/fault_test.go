package txn_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// course is three batches on their way to a fake cluster, the second of which
// meets trouble.
type course struct {
	*testBundle
	delivery
	id, topic, group string
}

func newCourse(t *testing.T, d delivery) *course {
	t.Helper()
	b := setupFake(t)
	return &course{testBundle: b, delivery: d, id: unique("id"), topic: b.topic(t, 3), group: unique("group")}
}

func (c *course) dial(t *testing.T) (txn.Committer, error) {
	return c.delivery.dial(t.Context(), c.cfg, txn.Config{TransactionalID: c.id})
}

// batch makes a batch of records in all partitions. Offset 0 goes on from its
// number.
func (c *course) batch(number int64) txn.Batch {
	var records []*kafka.Record
	for i := range 30 {
		records = append(records, record(c.topic, int32(i%3), fmt.Sprintf("%d-%02d", number, i)))
	}
	return txn.Batch{
		Records: records, Offsets: map[string]map[int32]int64{c.topic: {0: number}}, Member: nobody(c.group),
	}
}

// deliver commits a batch as an engine does: after a fault with a new committer,
// unless the last one has brought it in. It returns the faults.
func (c *course) deliver(t *testing.T, committer txn.Committer, number int64) (faults []error) {
	t.Helper()
	for range 5 {
		var err error
		if committer == nil {
			committer, err = c.dial(t)
		}
		if err == nil {
			if c.committed(t, c.group, c.topic) >= number {
				_ = committer.Close()
				return faults
			}
			err = errors.Join(committer.Commit(t.Context(), c.batch(number)), committer.Close())
		}
		if err == nil {
			return faults
		}
		committer, faults = nil, append(faults, err)
	}
	t.Fatalf("batch %d is not in after %v", number, faults)
	return faults
}

// check makes sure that all batches are in once, each with its offset.
func (c *course) check(t *testing.T, batches int64) {
	t.Helper()
	var want []*kafka.Record
	for number := range batches {
		want = append(want, c.batch(number+1).Records...)
	}
	if diff := cmp.Diff(c.values(t, c.topic, len(want)), perPartition(want)); diff != "" {
		t.Errorf("values (-got +want): %s", diff)
	}
	if got := c.committed(t, c.group, c.topic); got != batches {
		t.Errorf("got the committed offset %d, want %d", got, batches)
	}
}

// requests are those of a delivery.
func (d delivery) requests() []kmsg.Key {
	if d.exact {
		return []kmsg.Key{
			kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.Produce, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn,
		}
	}
	return []kmsg.Key{kmsg.InitProducerID, kmsg.Produce, kmsg.OffsetCommit}
}

// curable are the troubles that trying again cures.
func curable(key kmsg.Key) []trouble {
	all := []trouble{cutting(), delaying(), losing()}
	switch key {
	case kmsg.Produce:
		return append(all, refusing(kerr.NotLeaderForPartition, 3), refusing(kerr.LeaderNotAvailable, 2), refusing(kerr.NotEnoughReplicas, 2),
			refusing(kerr.NotEnoughReplicasAfterAppend, 2), refusing(kerr.RequestTimedOut, 2), refusing(kerr.NetworkException, 1))
	case kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.EndTxn, kmsg.InitProducerID:
		all = append(all, refusing(kerr.ConcurrentTransactions, 5))
	case kmsg.TxnOffsetCommit, kmsg.OffsetCommit:
		all = append(all, refusing(kerr.RequestTimedOut, 2))
	}
	return append(all, refusing(kerr.CoordinatorLoadInProgress, 2), refusing(kerr.NotCoordinator, 2), refusing(kerr.CoordinatorNotAvailable, 1))
}

func TestTroubleThatPassesIsSatOut(t *testing.T) {
	t.Parallel()
	for _, d := range deliveries() {
		for _, key := range d.requests() {
			for _, trouble := range curable(key) {
				t.Run(d.name+"/"+key.Name()+"/"+trouble.name, func(t *testing.T) {
					t.Parallel()
					c := newCourse(t, d)
					seen := c.befall(t, key, trouble)
					c.check(t, 3)
					if !seen() {
						t.Error("the trouble did not come")
					}
				})
			}
		}
	}
}

// befall commits three batches, the second in trouble, with one committer.
func (c *course) befall(t *testing.T, key kmsg.Key, trouble trouble) (seen func() bool) {
	t.Helper()
	if key == kmsg.InitProducerID {
		seen = trouble.cause(t, c.fake, key)
	}
	committer, err := c.dial(t)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = committer.Close() }()
	commit(t, committer, c.batch(1))
	if key != kmsg.InitProducerID {
		seen = trouble.cause(t, c.fake, key)
	}
	commit(t, committer, c.batch(2))
	commit(t, committer, c.batch(3))
	return seen
}

func TestAFaultLeavesAllOfABatchOrNothing(t *testing.T) {
	t.Parallel()
	d := deliveries()[0]
	for _, key := range d.requests() {
		for _, code := range []*kerr.Error{kerr.UnknownServerError, kerr.InvalidTxnState, kerr.InvalidProducerIDMapping} {
			t.Run(key.Name()+"/"+code.Message, func(t *testing.T) {
				t.Parallel()
				c := newCourse(t, d)
				if faults := c.deliver(t, nil, 1); len(faults) > 0 {
					t.Fatal(faults)
				}
				var committer txn.Committer
				if key != kmsg.InitProducerID {
					var err error
					if committer, err = c.dial(t); err != nil {
						t.Fatal(err)
					}
				}
				refusing(code, 1).cause(t, c.fake, key)
				faults := c.deliver(t, committer, 2)
				if len(faults) != 1 || txn.IsFinal(faults[0]) {
					t.Errorf("got the faults %v, want one that is not final", faults)
				}
				if faults := c.deliver(t, nil, 3); len(faults) > 0 {
					t.Errorf("got %v afterwards", faults)
				}
				c.check(t, 3)
			})
		}
	}
}

func TestAnEndThatIsNotKnownIsAllOrNothing(t *testing.T) {
	t.Parallel()
	for _, done := range []bool{true, false} {
		t.Run(fmt.Sprintf("done %v", done), func(t *testing.T) {
			t.Parallel()
			c := newCourse(t, deliveries()[0])
			committer, err := c.dial(t)
			if err != nil {
				t.Fatal(err)
			}
			commit(t, committer, c.batch(1))
			doubt(t, c.fake, done)
			faults := c.deliver(t, committer, 2)
			if len(faults) != 1 {
				t.Errorf("got the faults %v, want one", faults)
			}
			c.check(t, 2)
		})
	}
}

func TestCommitFollowsLeadersAndCoordinators(t *testing.T) {
	t.Parallel()
	for _, d := range deliveries() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			c := newCourse(t, d)
			committer, err := c.dial(t)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = committer.Close() }()
			for number := range int64(6) {
				commit(t, committer, c.batch(number+1))
				c.fake.ShufflePartitionLeaders()
				c.fake.RehashCoordinators()
			}
			c.check(t, 6)
		})
	}
}

func TestABrokerThatIsSilentHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	for _, d := range deliveries() {
		for _, key := range d.requests() {
			t.Run(d.name+"/"+key.Name(), func(t *testing.T) {
				t.Parallel()
				c := newCourse(t, d)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				control(c.fake, key, func(kmsg.Request) (kmsg.Response, error, bool) {
					cancel()
					return nil, nil, true
				})
				committer, err := c.delivery.dial(ctx, c.cfg, txn.Config{TransactionalID: c.id})
				if err == nil {
					err = errors.Join(committer.Commit(ctx, c.batch(1)), committer.Close())
				}
				if !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want context.Canceled", err)
				}
				c.deliver(t, nil, 1)
				if d.exact {
					c.check(t, 1)
				}
			})
		}
	}
}

func TestAnAbortedBatchIsOutOfTheWayAtOnce(t *testing.T) {
	t.Parallel()
	c := newCourse(t, deliveries()[0])
	committer, err := c.dial(t)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = committer.Close() }()
	aborted := c.fake.Fault(observe(kmsg.EndTxn))
	refusing(kerr.UnknownServerError, 1).cause(t, c.fake, kmsg.TxnOffsetCommit)
	if err := committer.Commit(t.Context(), c.batch(1)); err == nil {
		t.Fatal("got no error")
	}
	if err := committer.Commit(t.Context(), c.batch(1)); err == nil {
		t.Error("got no error of a committer that has met a fault")
	}
	if aborted.Hits() != 1 {
		t.Errorf("got %d ends of the transaction, want its abort", aborted.Hits())
	}
	end, err := c.client.EndOffset(c.topic, 0, kafka.ReadCommitted)
	if err != nil || end != 11 {
		t.Errorf("got the stable end %d, %v, want 11: the records and a marker", end, err)
	}
	if got := kafkatest.Read(t, c.client, kafka.Query{Topic: c.topic}); len(got) > 0 {
		t.Errorf("got %d records visible, want none", len(got))
	}
}

func TestARefusedRecordIsNamed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		key  kmsg.Key
		code *kerr.Error
		want sarama.KError
	}{
		{key: kmsg.Produce, code: kerr.TopicAuthorizationFailed, want: sarama.ErrTopicAuthorizationFailed},
		{key: kmsg.Produce, code: kerr.InvalidRecord, want: sarama.ErrInvalidRecord},
		{key: kmsg.Produce, code: kerr.PolicyViolation, want: sarama.ErrPolicyViolation},
		{key: kmsg.AddPartitionsToTxn, code: kerr.TopicAuthorizationFailed, want: sarama.ErrTopicAuthorizationFailed},
	}
	for _, tt := range tests {
		t.Run(tt.key.Name()+"/"+tt.code.Message, func(t *testing.T) {
			t.Parallel()
			for _, d := range deliveries() {
				if tt.key == kmsg.AddPartitionsToTxn && !d.exact {
					continue
				}
				c := newCourse(t, d)
				refusing(tt.code, 1).cause(t, c.fake, tt.key)
				err := d.open(t, c.testBundle, txn.Config{}).Commit(t.Context(), c.batch(1))
				checkRefused(t, err, record(c.topic, 0, ""), tt.want)
			}
		})
	}
}

func TestWhatNeedsAPersonIsFinal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		key  kmsg.Key
		code *kerr.Error
	}{
		{key: kmsg.TxnOffsetCommit, code: kerr.GroupAuthorizationFailed},
		{key: kmsg.AddOffsetsToTxn, code: kerr.GroupAuthorizationFailed},
		{key: kmsg.EndTxn, code: kerr.TransactionalIDAuthorizationFailed},
	}
	for _, tt := range tests {
		t.Run(tt.key.Name(), func(t *testing.T) {
			t.Parallel()
			c := newCourse(t, deliveries()[0])
			committer := c.open(t, c.testBundle, txn.Config{})
			refusing(tt.code, 1).cause(t, c.fake, tt.key)
			if err := committer.Commit(t.Context(), c.batch(1)); !txn.IsFinal(err) {
				t.Errorf("got %v, want a final error", err)
			}
		})
	}
}
