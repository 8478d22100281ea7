package chaos_test

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/kafka"
)

const (
	sampleEvery = 100 * time.Millisecond
	// sampleTries is how many samples in a row have to say that all is done.
	sampleTries = 10
)

// progress follows what a group has done of its input.
type progress struct {
	cluster              *cluster
	group, input, output string

	outputs    atomic.Int64  // so far
	standstill time.Duration // the longest time without another output
}

// watch measures the longest standstill until ctx ends.
func (p *progress) watch(ctx context.Context) {
	var last int64
	moved := time.Now()
	for pause(ctx, sampleEvery) == nil {
		ends, err := p.ends(p.output)
		if err == nil {
			p.outputs.Store(ends)
		}
		left, lagErr := p.lag()
		if err == nil && lagErr == nil && (ends != last || left == 0) {
			last, moved = ends, time.Now()
		}
		p.standstill = max(p.standstill, time.Since(moved))
	}
}

// awaitDone waits until no record is left, and returns how many are left when
// there is no progress any more.
func (p *progress) awaitDone(ctx context.Context) (int64, error) {
	var last [2]int64
	moved := time.Now()
	left, done := int64(-1), 0
	for done < sampleTries && time.Since(moved) < patience {
		if err := pause(ctx, sampleEvery); err != nil {
			return left, err
		}
		now, err := p.lag()
		ends, endsErr := p.ends(p.output)
		if err != nil || endsErr != nil {
			continue // the broker may be away
		}
		left = now
		if sample := [2]int64{left, ends}; sample != last {
			last, moved, done = sample, time.Now(), 0
		}
		if left == 0 {
			done++
		}
	}
	return left, nil
}

// lag returns how many records of the input the group has yet to commit.
func (p *progress) lag() (int64, error) {
	admin, err := sarama.NewClusterAdminFromClient(p.cluster.client.Sarama())
	if err != nil {
		return 0, err
	}
	all := make([]int32, partitions)
	for i := range all {
		all[i] = int32(i)
	}
	committed, err := admin.ListConsumerGroupOffsets(p.group, map[string][]int32{p.input: all})
	if err != nil {
		return 0, err
	}
	if committed.Err != sarama.ErrNoError {
		return 0, committed.Err
	}
	left, err := p.ends(p.input)
	for _, partition := range all {
		if block := committed.GetBlock(p.input, partition); block != nil {
			left -= max(block.Offset, 0)
		}
	}
	return left, err
}

// ends returns the sum of a topic's ends.
func (p *progress) ends(topic string) (sum int64, err error) {
	for partition := range int32(partitions) {
		end, err := p.cluster.client.EndOffset(topic, partition, kafka.ReadCommitted)
		if err != nil {
			return 0, err
		}
		sum += end
	}
	return sum, nil
}
