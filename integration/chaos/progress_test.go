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

	done       atomic.Int64  // records so far
	standstill time.Duration // the longest time without another output
}

// watch measures the longest standstill until ctx ends.
func (p *progress) watch(ctx context.Context) {
	var last sample
	moved := time.Now()
	for pause(ctx, sampleEvery) == nil {
		now, err := p.sample()
		if err == nil {
			// What is committed counts too, since outputs may be lost.
			p.done.Store(max(now.outputs, now.inputs-now.left))
		}
		if err == nil && (now.outputs != last.outputs || now.left == 0) {
			last, moved = now, time.Now()
		}
		p.standstill = max(p.standstill, time.Since(moved))
	}
}

// awaitDone waits until no record is left, and returns how many are left when
// there is no progress any more.
func (p *progress) awaitDone(ctx context.Context) (int64, error) {
	last := sample{left: -1}
	moved, done := time.Now(), 0
	for done < sampleTries && time.Since(moved) < patience {
		if err := pause(ctx, sampleEvery); err != nil {
			return last.left, err
		}
		now, err := p.sample()
		if err != nil {
			continue // the broker may be away
		}
		if now != last {
			last, moved, done = now, time.Now(), 0
		}
		if now.left == 0 {
			done++
		}
	}
	return last.left, nil
}

// sample is where a group is.
type sample struct {
	inputs, outputs int64
	left            int64 // records of the input that it has yet to commit
}

func (p *progress) sample() (sample, error) {
	committed, err := p.committed()
	if err != nil {
		return sample{}, err
	}
	inputs, err := p.cluster.ends(p.input, kafka.ReadCommitted)
	if err != nil {
		return sample{}, err
	}
	outputs, err := p.cluster.ends(p.output, kafka.ReadCommitted)
	return sample{inputs: inputs, outputs: outputs, left: inputs - committed}, err
}

// committed returns the sum of the group's offsets.
func (p *progress) committed() (sum int64, err error) {
	admin, err := sarama.NewClusterAdminFromClient(p.cluster.client.Sarama())
	if err != nil {
		return 0, err
	}
	all := make([]int32, partitions)
	for i := range all {
		all[i] = int32(i)
	}
	offsets, err := admin.ListConsumerGroupOffsets(p.group, map[string][]int32{p.input: all})
	if err != nil {
		return 0, err
	}
	if offsets.Err != sarama.ErrNoError {
		return 0, offsets.Err
	}
	for _, partition := range all {
		if block := offsets.GetBlock(p.input, partition); block != nil {
			sum += max(block.Offset, 0)
		}
	}
	return sum, nil
}
