package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// Commit is what a consumer group has committed in a partition.
type Commit struct {
	// Offset is the next one to read.
	Offset int64
	// Metadata is the text that was committed with it.
	Metadata string
}

// stablePause is the pause before a group is asked again whose last offsets are
// still in a transaction.
const stablePause = 100 * time.Millisecond

// Commits returns what a consumer group has committed in partitions of topics.
// Those without a commit are not in it. It waits until transactions that have
// committed offsets there are ended, and tries again until ctx ends what the
// brokers cannot answer yet.
func (c *Client) Commits(ctx context.Context, group string, of map[string][]int32) (map[string]map[int32]Commit, error) {
	for {
		commits, err := c.commits(group, of)
		code, answered := errors.AsType[sarama.KError](err)
		switch {
		case err == nil:
			return commits, nil
		case answered && !isPassing(code), errors.Is(err, sarama.ErrClosedClient):
			return nil, fmt.Errorf("kafka: asking for the offsets of group %q: %w", group, err)
		case !errors.Is(err, sarama.ErrUnstableOffsetCommit):
			_ = c.sarama.RefreshCoordinator(group) // the next try meets what this has met
		}
		if !pause(ctx, stablePause) {
			return nil, fmt.Errorf("kafka: asking for the offsets of group %q: %w (%w)", group, context.Cause(ctx), err)
		}
	}
}

// isPassing reports whether a group may be asked again after such an answer.
func isPassing(code sarama.KError) bool {
	switch code {
	case sarama.ErrUnstableOffsetCommit, sarama.ErrOffsetsLoadInProgress, sarama.ErrNotCoordinatorForConsumer,
		sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrRequestTimedOut, sarama.ErrNetworkException:
		return true
	}
	return false
}

func (c *Client) commits(group string, of map[string][]int32) (map[string]map[int32]Commit, error) {
	broker, err := c.sarama.Coordinator(group)
	if err != nil {
		return nil, err
	}
	request := sarama.NewOffsetFetchRequest(c.sarama.Config().Version, group, of)
	request.RequireStable = true
	response, err := broker.FetchOffset(request)
	if err != nil {
		_ = broker.Close()
		return nil, err
	}
	switch code := response.GroupError(); code {
	case sarama.ErrNoError:
	case sarama.ErrGroupIDNotFound:
		return nil, nil
	default:
		return nil, code
	}
	commits := map[string]map[int32]Commit{}
	for topic, partitions := range of {
		commits[topic] = map[int32]Commit{}
		for _, partition := range partitions {
			block := response.GetGroupBlock(group, topic, partition)
			switch {
			case block == nil:
				return nil, fmt.Errorf("the answer lacks %s", place{topic, partition})
			case block.Err != sarama.ErrNoError:
				return nil, fmt.Errorf("%s: %w", place{topic, partition}, block.Err)
			case block.Offset >= 0:
				commits[topic][partition] = Commit{Offset: block.Offset, Metadata: block.Metadata}
			}
		}
	}
	return commits, nil
}
