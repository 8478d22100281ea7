package kafka_test

import (
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// A topic that the controller has made is news to the other brokers for a moment.
func TestCreateMissingWaitsForEveryBroker(t *testing.T) {
	t.Parallel()
	b := setupFake(t, 3)
	topic := topicName(t)
	var unknown atomic.Int32 // how often a broker has yet to say that it knows nothing
	unknown.Store(2)
	b.fake.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		asked := request.(*kmsg.MetadataRequest).Topics
		if b.fake.CurrentNode() != 2 || b.fake.LeaderFor(topic, 0) < 0 || len(asked) != 1 || unknown.Load() == 0 {
			return nil, nil, false
		}
		unknown.Add(-1)
		response := request.ResponseKind().(*kmsg.MetadataResponse)
		missing := kmsg.NewMetadataResponseTopic()
		missing.Topic, missing.ErrorCode = asked[0].Topic, kerr.UnknownTopicOrPartition.Code
		response.Topics = append(response.Topics, missing)
		return response, nil, true
	})
	if _, err := b.client.CreateMissing(t.Context(), kafka.Topic{Name: topic, Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	if left := unknown.Load(); left > 0 {
		t.Errorf("it did not wait for a broker that says %d more times that the topic is unknown", left)
	}
}

// A topic that the controller has deleted is news to the other brokers as well.
func TestCreateMissingMakesATopicThatIsAboutToGo(t *testing.T) {
	t.Parallel()
	b := setupFake(t, 1)
	topic := topicName(t)
	b.fake.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if len(request.(*kmsg.MetadataRequest).Topics) != 1 {
			b.fake.KeepControl()
			return nil, nil, false
		}
		response := request.ResponseKind().(*kmsg.MetadataResponse)
		gone := kmsg.NewMetadataResponseTopic()
		gone.Topic, gone.Partitions = new(topic), []kmsg.MetadataResponseTopicPartition{kmsg.NewMetadataResponseTopicPartition()}
		response.Topics = append(response.Topics, gone)
		return response, nil, true
	})
	created, err := b.client.CreateMissing(t.Context(), kafka.Topic{Name: topic, Partitions: 1})
	if diff := cmp.Diff(created, []string{topic}); err != nil || diff != "" {
		t.Errorf("created: %v (-got +want): %s", err, diff)
	}
	if n, err := b.client.Partitions(topic); n != 1 || err != nil {
		t.Errorf("got %d partitions, %v", n, err)
	}
}

func TestTopicsAndGroupsAreDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic, gone := b.topic(t, 2), topicName(t)
	group := topicName(t)
	want := map[string]map[int32]int64{topic: {0: 3, 1: 0}}
	if err := b.client.SetOffsets(group, want); err != nil {
		t.Fatal(err)
	}
	committed, err := b.client.Committed(group)
	if diff := cmp.Diff(committed, want); err != nil || diff != "" {
		t.Errorf("the group's offsets: %v (-got +want): %s", err, diff)
	}
	for range 2 { // the second time there is none
		if err := b.client.DeleteGroup(group); err != nil {
			t.Fatal(err)
		}
	}
	if committed, err := b.client.Committed(group); err != nil || len(committed) > 0 {
		t.Errorf("got %v, %v of a group that was deleted, want nothing", committed, err)
	}
	deleted, err := b.client.DeleteTopics(t.Context(), gone, topic)
	if diff := cmp.Diff(deleted, []string{topic}); err != nil || diff != "" {
		t.Errorf("deleted: %v (-got +want): %s", err, diff)
	}
	kafkatest.Await(t, "the topic's end", func() bool {
		_, err := b.client.Partitions(topic)
		return err != nil
	})
}
