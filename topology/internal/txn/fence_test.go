package txn_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
)

func observe(key kmsg.Key) kfake.Fault {
	return kfake.Fault{Keys: []kmsg.Key{key}, Observe: true, Count: -1}
}

func checkFenced(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*txn.FencedError](err); !ok || txn.IsFinal(err) {
		t.Errorf("got %v, want a FencedError that is not final", err)
	}
	if strings.Contains(err.Error(), "Unknown error") {
		t.Errorf("got %v, want words for the code", err)
	}
}

func TestACommitterWithTheSameIDFencesTheOneBefore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic, id := b.topic(t, 1), unique("id")
	exact := deliveries()[0]
	old := exact.open(t, b, txn.Config{TransactionalID: id})
	commit(t, old, txn.Batch{Records: []*kafka.Record{record(topic, 0, "before")}})
	next := exact.open(t, b, txn.Config{TransactionalID: id})
	checkFenced(t, old.Commit(t.Context(), txn.Batch{Records: []*kafka.Record{record(topic, 0, "zombie")}}))
	commit(t, next, txn.Batch{Records: []*kafka.Record{record(topic, 0, "after")}})
	if diff := cmp.Diff(b.values(t, topic, 2), []string{"before", "after"}); diff != "" {
		t.Errorf("values (-got +want): %s", diff)
	}
}

func TestAZombieIsFencedWhereverItIs(t *testing.T) {
	t.Parallel()
	exact := deliveries()[0]
	for _, key := range exact.requests()[1:] {
		t.Run(key.Name(), func(t *testing.T) {
			t.Parallel()
			c := newCourse(t, exact)
			zombie, err := c.dial(t)
			if err != nil {
				t.Fatal(err)
			}
			commit(t, zombie, c.batch(1))
			// Its successor comes before its next request of the kind is answered.
			reached, proceed := make(chan struct{}), make(chan struct{})
			control(c.fake, key, func(kmsg.Request) (kmsg.Response, error, bool) {
				c.fake.SleepControl(func() {
					close(reached)
					<-proceed
				})
				return nil, nil, false
			})
			failed := make(chan error, 1)
			go func() { failed <- errors.Join(zombie.Commit(t.Context(), c.batch(2)), zombie.Close()) }()
			<-reached
			if faults := c.deliver(t, nil, 2); len(faults) > 0 {
				t.Error(faults)
			}
			close(proceed)
			checkFenced(t, <-failed)
			if faults := c.deliver(t, nil, 3); len(faults) > 0 {
				t.Error(faults)
			}
			c.check(t, 3)
		})
	}
}

func TestAnOldMemberIsFenced(t *testing.T) {
	t.Parallel()
	eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
		topic, group := b.topic(t, 1), unique("group")
		session := b.join(t, group, topic)
		member := sarama.NewConsumerGroupMetadataFromSession(session, group, nil)
		batch := func(value string, at int64) txn.Batch {
			return txn.Batch{
				Records: []*kafka.Record{record(topic, 0, value)},
				Offsets: map[string]map[int32]int64{topic: {0: at}}, Member: member,
			}
		}
		commit(t, d.open(t, b, txn.Config{}), batch("member", 1))
		itself := *member
		member.GenerationID--
		checkFenced(t, d.open(t, b, txn.Config{}).Commit(t.Context(), batch("old generation", 2)))
		*member = itself
		member.MemberID = "somebody else"
		checkFenced(t, d.open(t, b, txn.Config{}).Commit(t.Context(), batch("unknown member", 3)))
		*member = itself
		commit(t, d.open(t, b, txn.Config{}), batch("member again", 4))
		if got := b.committed(t, group, topic); got != 4 {
			t.Errorf("got the committed offset %d, want 4", got)
		}
		if diff := cmp.Diff(b.values(t, topic, 2), []string{"member", "member again"}); diff != "" {
			t.Errorf("values (-got +want): %s", diff)
		}
	})
}

// A member whose generation a rebalance has ended goes on in the next one, with
// what is in its transaction.
func TestABatchIsTakenInTheNextGeneration(t *testing.T) {
	t.Parallel()
	eachDelivery(t, func(t *testing.T, b *testBundle, d delivery) {
		topic, group := b.topic(t, 1), unique("group")
		member := sarama.NewConsumerGroupMetadataFromSession(b.join(t, group, topic), group, nil)
		old := *member
		old.GenerationID--
		asked := 0
		batch := txn.Batch{
			Records: []*kafka.Record{record(topic, 0, "once")}, Offsets: map[string]map[int32]int64{topic: {0: 1}}, Member: &old,
			Renew: func(_ context.Context, refused *sarama.ConsumerGroupMetadata) *sarama.ConsumerGroupMetadata {
				asked++
				if refused.GenerationID != old.GenerationID {
					t.Errorf("got generation %d as refused, want %d", refused.GenerationID, old.GenerationID)
				}
				return member
			},
		}
		commit(t, d.open(t, b, txn.Config{}), batch)
		if got := b.committed(t, group, topic); got != 1 || asked == 0 {
			t.Errorf("got the committed offset %d after %d questions, want 1", got, asked)
		}
		if diff := cmp.Diff(b.values(t, topic, 1), []string{"once"}); diff != "" {
			t.Errorf("values (-got +want): %s", diff)
		}
		// One that was replaced is fenced as before.
		batch.Records = []*kafka.Record{record(topic, 0, "zombie")}
		batch.Renew = func(context.Context, *sarama.ConsumerGroupMetadata) *sarama.ConsumerGroupMetadata { return nil }
		checkFenced(t, d.open(t, b, txn.Config{}).Commit(t.Context(), batch))
	})
}

// join makes a member of a group that stays until the test ends.
func (b *testBundle) join(t *testing.T, group, topic string) sarama.ConsumerGroupSession {
	t.Helper()
	consumer, err := sarama.NewConsumerGroup(b.cfg.Brokers, group, b.cfg.Sarama())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	joined, left := make(sessions, 1), make(chan struct{})
	go func() {
		defer close(left)
		for ctx.Err() == nil {
			_ = consumer.Consume(ctx, []string{topic}, joined)
		}
	}()
	go func() {
		for range consumer.Errors() {
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-left
		_ = consumer.Close()
	})
	return <-joined
}

// sessions hands over the first session.
type sessions chan sarama.ConsumerGroupSession

func (s sessions) Setup(session sarama.ConsumerGroupSession) error {
	select {
	case s <- session:
	default:
	}
	return nil
}

func (s sessions) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (s sessions) ConsumeClaim(session sarama.ConsumerGroupSession, _ sarama.ConsumerGroupClaim) error {
	<-session.Context().Done()
	return nil
}

func TestEveryWayToBeFencedIsOne(t *testing.T) {
	t.Parallel()
	tests := map[kmsg.Key][]*kerr.Error{
		kmsg.Produce:            {kerr.InvalidProducerEpoch, kerr.ProducerFenced},
		kmsg.AddPartitionsToTxn: {kerr.ProducerFenced, kerr.InvalidProducerEpoch},
		kmsg.TxnOffsetCommit:    {kerr.FencedInstanceID, kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.ProducerFenced},
		kmsg.EndTxn:             {kerr.ProducerFenced, kerr.InvalidProducerEpoch},
	}
	for key, codes := range tests {
		for _, code := range codes {
			t.Run(key.Name()+"/"+code.Message, func(t *testing.T) {
				t.Parallel()
				c := newCourse(t, deliveries()[0])
				committer := c.open(t, c.testBundle, txn.Config{})
				refusing(code, 1).cause(t, c.fake, key)
				checkFenced(t, committer.Commit(t.Context(), c.batch(1)))
			})
		}
	}
}
