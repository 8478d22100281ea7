package kafka_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokavro/gokavro/topology/kafka"
)

// commitOffset commits for a group without members.
func (b *testBundle) commitOffset(t *testing.T, group, topic string, partition int32, commit kafka.Commit) {
	t.Helper()
	coordinator, err := b.client.Sarama().Coordinator(group)
	if err != nil {
		t.Fatal(err)
	}
	request := &sarama.OffsetCommitRequest{Version: 7, ConsumerGroup: group, ConsumerGroupGeneration: -1}
	request.AddBlockWithLeaderEpoch(topic, partition, commit.Offset, -1, 0, commit.Metadata)
	response, err := coordinator.CommitOffset(request)
	if err != nil {
		t.Fatal(err)
	}
	if code := response.Errors[topic][partition]; code != sarama.ErrNoError {
		t.Fatal(code)
	}
}

func TestCommitsAreThoseOfTheGroup(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic, other := b.topic(t, 3), b.topic(t, 1)
	group := topicName(t)
	none, err := b.client.Commits(t.Context(), group, map[string][]int32{topic: {0}})
	if err != nil || len(none[topic]) > 0 {
		t.Errorf("got %v, %v of a group that has committed nothing", none, err)
	}
	b.commitOffset(t, group, topic, 0, kafka.Commit{Offset: 5, Metadata: "a text"})
	b.commitOffset(t, group, topic, 2, kafka.Commit{Offset: 0})
	b.commitOffset(t, group, other, 0, kafka.Commit{Offset: 9, Metadata: "another"})
	got, err := b.client.Commits(t.Context(), group, map[string][]int32{topic: {0, 1, 2}, other: {0}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[int32]kafka.Commit{
		topic: {0: {Offset: 5, Metadata: "a text"}, 2: {Offset: 0}}, other: {0: {Offset: 9, Metadata: "another"}},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("committed (-got +want): %s", diff)
	}
	// Who asks for the offsets alone does not mind the texts.
	offsets, err := b.client.Committed(group)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(offsets, map[string]map[int32]int64{topic: {0: 5, 2: 0}, other: {0: 9}}); diff != "" {
		t.Errorf("offsets (-got +want): %s", diff)
	}
}

func TestCommitsWaitUntilTheOffsetsAreStable(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]*kerr.Error{"a transaction is open": kerr.UnstableOffsetCommit, "the group is loading": kerr.CoordinatorLoadInProgress, "it has moved": kerr.NotCoordinator} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupFake(t, 1)
			topic := b.topic(t, 1)
			b.commitOffset(t, "g", topic, 0, kafka.Commit{Offset: 5, Metadata: "a text"})
			var asked atomic.Int32
			b.fake.ControlKey(int16(kmsg.OffsetFetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
				b.fake.KeepControl()
				if asked.Add(1) > 3 {
					return nil, nil, false
				}
				response := request.ResponseKind().(*kmsg.OffsetFetchResponse)
				response.ErrorCode = code.Code
				group := kmsg.NewOffsetFetchResponseGroup()
				group.Group, group.ErrorCode = "g", code.Code
				response.Groups = append(response.Groups, group)
				return response, nil, true
			})
			got, err := b.client.Commits(t.Context(), "g", map[string][]int32{topic: {0}})
			if err != nil || got[topic][0].Metadata != "a text" || asked.Load() != 4 {
				t.Errorf("got %v, %v after %d requests", got, err, asked.Load())
			}
		})
	}
}

func TestCommitsEndWithAnErrorThatNamesTheGroup(t *testing.T) {
	t.Parallel()
	b := setupFake(t, 1)
	topic := b.topic(t, 1)
	refusal := kerr.GroupAuthorizationFailed
	var code atomic.Int32
	code.Store(int32(refusal.Code))
	b.fake.ControlKey(int16(kmsg.OffsetFetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		response := request.ResponseKind().(*kmsg.OffsetFetchResponse)
		response.ErrorCode = int16(code.Load())
		group := kmsg.NewOffsetFetchResponseGroup()
		group.Group, group.ErrorCode = "g", int16(code.Load())
		response.Groups = append(response.Groups, group)
		return response, nil, true
	})
	_, err := b.client.Commits(t.Context(), "g", map[string][]int32{topic: {0}})
	if !errors.Is(err, sarama.ErrGroupAuthorizationFailed) || !strings.Contains(err.Error(), `group "g"`) {
		t.Errorf("got %v, want the refusal and the group", err)
	}
	code.Store(int32(kerr.UnstableOffsetCommit.Code))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err = b.client.Commits(ctx, "g", map[string][]int32{topic: {0}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the wait", err)
	}
}
