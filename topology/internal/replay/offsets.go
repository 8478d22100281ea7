package replay

import (
	"context"
	"errors"
	"fmt"

	"github.com/gokavro/gokavro/topology/kafka"
)

// Offsets holds an offset for partitions by their topics.
type Offsets map[string]map[int32]int64

func (o Offsets) set(topic string, partition int32, offset int64) {
	if o[topic] == nil {
		o[topic] = map[int32]int64{}
	}
	o[topic][partition] = offset
}

// each calls do for every partition until that fails.
func (o Offsets) each(do func(topic string, partition int32, offset int64) error) error {
	for topic, partitions := range o {
		for partition, offset := range partitions {
			if err := do(topic, partition, offset); err != nil {
				return err
			}
		}
	}
	return nil
}

// visibleEnds returns the ends of all partitions, as far as they are visible.
func visibleEnds(client *kafka.Client, topics []string) (Offsets, error) {
	ends := Offsets{}
	for _, topic := range topics {
		count, err := client.Partitions(topic)
		if err != nil {
			return nil, err
		}
		for partition := range count {
			end, err := client.EndOffset(topic, partition, kafka.ReadCommitted)
			if err != nil {
				return nil, err
			}
			ends.set(topic, partition, end)
		}
	}
	return ends, nil
}

// starts resolves where the partitions are read from. Nothing is read of one that
// ends before an offset which is not for it alone, unless all do.
func starts(client *kafka.Client, from Positions, visible Offsets) (Offsets, error) {
	found, some := Offsets{}, false
	var short error
	err := visible.each(func(topic string, partition int32, end int64) error {
		offset, err := client.Offset(topic, partition, from.in(topic, partition))
		if e, ok := errors.AsType[*kafka.OffsetError](err); ok && e.Offset > e.End && !from.names(topic, partition) {
			offset, short, err = end, err, nil
		} else {
			some = true
		}
		found.set(topic, partition, offset)
		return err
	})
	if err == nil && !some {
		err = short
	}
	return found, err
}

// ends resolves where the work on each partition is done: behind the last visible
// record of the range, at its start when there is none.
func ends(ctx context.Context, client *kafka.Client, until Positions, from, visible Offsets) (Offsets, error) {
	found := Offsets{}
	err := visible.each(func(topic string, partition int32, end int64) error {
		offset, err := client.Offset(topic, partition, until.in(topic, partition))
		if e, ok := errors.AsType[*kafka.OffsetError](err); ok {
			offset, err = min(max(e.Offset, e.First), e.End), nil
		}
		if err != nil {
			return err
		}
		start := from[topic][partition]
		last, err := client.LastVisible(topic, partition, start, min(offset, end), kafka.ReadCommitted)
		found.set(topic, partition, max(last+1, start))
		return err
	})
	if err != nil || until.count == 0 {
		return found, err
	}
	return firstOf(ctx, client, until.count, from, found)
}

// firstOf returns ends such that count records lie before them, as many of each
// partition as it has and the others leave to it: those that are left are shared
// out evenly again and again.
func firstOf(ctx context.Context, client *kafka.Client, count int64, from, ends Offsets) (Offsets, error) {
	found, open := Offsets{}, 0
	_ = from.each(func(topic string, partition int32, start int64) error {
		found.set(topic, partition, start)
		open++
		return nil
	})
	for open > 0 && count > 0 {
		share := max(count/int64(open), 1)
		open = 0
		for _, at := range sorted(found) {
			part := kafka.Range{Topic: at.topic, Partition: at.partition, From: found[at.topic][at.partition], To: ends[at.topic][at.partition]}
			if part.From >= part.To || count == 0 {
				continue
			}
			taken, next, err := pass(ctx, client, part, min(share, count))
			if err != nil {
				return nil, err
			}
			found.set(at.topic, at.partition, next)
			count -= taken
			if next < part.To {
				open++
			}
		}
	}
	return found, nil
}

var errEnough = errors.New("enough records")

// pass reads up to so many records and returns their number and the offset behind
// the last one, the range's end when there are no more.
func pass(ctx context.Context, client *kafka.Client, part kafka.Range, most int64) (taken, next int64, err error) {
	next = part.To
	err = client.ReadBulk(ctx, part, func(piece kafka.Bulk) error {
		if left := most - taken; int64(len(piece.Records)) >= left {
			taken, next = most, piece.Records[left-1].Offset+1
			return errEnough
		}
		taken += int64(len(piece.Records))
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("counting the records of %s/%d: %w", part.Topic, part.Partition, err)
	}
	return taken, next, nil
}
