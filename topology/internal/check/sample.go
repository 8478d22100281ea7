package check

import (
	"bytes"
	"fmt"
	"hash"
	"hash/fnv"
	"slices"
	"strings"
	"sync"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"

	"github.com/gokavro/gokavro/topology/kafka"
)

const (
	// sampleRecords is how many of the newest records of a partition are looked at.
	sampleRecords = 100
	// samplePartitions is of how many partitions of a topic.
	samplePartitions = 64
	// sampleBytes bounds what is read of a partition; one batch comes whole.
	sampleBytes = 64 << 10
	// shownKey bounds how much of a key is shown.
	shownKey = 64
)

// Hasher is a way to choose a key's partition.
type Hasher struct {
	Name string // as the setting has it
	New  func() hash.Hash32
}

// Known are the hashers that clients use: goka's, and that of Java's clients.
func Known() []Hasher { return []Hasher{FNV1a(), Murmur2()} }

// FNV1a is the hasher of goka and of sarama.
func FNV1a() Hasher { return Hasher{Name: "fnv1a", New: fnv.New32a} }

// Murmur2 is the hasher of Java's clients.
func Murmur2() Hasher { return Hasher{Name: "murmur2", New: kafka.NewHasher} }

// partition returns the key's partition of count.
func (h Hasher) partition(key []byte, count int32) int32 {
	hasher := h.New()
	_, _ = hasher.Write(key) // a hash takes everything
	partition := int32(hasher.Sum32()) % count
	return max(partition, -partition)
}

// fallback is what keys are placed with when no sample says otherwise.
func (g Group) fallback() Hasher {
	if g.Partitioner != nil {
		return *g.Partitioner
	}
	return FNV1a()
}

// sampled is a record with a key.
type sampled struct {
	topic            string
	partition, count int32
	offset           int64
	key              []byte
}

type sample []sampled

// misplaced returns the records that are elsewhere than where the hasher puts
// their keys.
func (s sample) misplaced(h Hasher) sample {
	var list sample
	for _, one := range s {
		if h.partition(one.key, one.count) != one.partition {
			list = append(list, one)
		}
	}
	return list
}

func (s sample) of(topic string) sample {
	return slices.DeleteFunc(slices.Clone(s), func(one sampled) bool { return one.topic != topic })
}

// fitting returns the known hasher that puts all keys where they are.
func (s sample) fitting() (Hasher, bool) {
	for _, h := range Known() {
		if len(s.misplaced(h)) == 0 {
			return h, true
		}
	}
	return Hasher{}, false
}

// partitioner checks where keys are, and finds out the hasher where that is
// open.
func (r *report) partitioner(g Group, f *facts) {
	r.Partitioner = g.fallback()
	if g.AnyPlace {
		return
	}
	r.check(Partitioner, func() {
		if f.sampleErr != nil {
			r.unknown(Partitioner, "", f.sampleErr)
		}
		if fits, ok := f.sample.fitting(); ok && g.Partitioner == nil {
			r.Partitioner = fits
		}
		for _, t := range g.Topics {
			found := f.sample.of(t.Name)
			if wrong := found.misplaced(r.Partitioner); len(wrong) > 0 && g.Stateful {
				r.fault(r.Partitioner.finding(found, wrong))
			} else if len(wrong) > 0 {
				r.warning(r.Partitioner.finding(found, wrong))
			}
		}
	})
}

func (h Hasher) finding(all, wrong sample) Finding {
	first := wrong[0]
	key := fmt.Sprintf("%q", first.key[:min(len(first.key), shownKey)])
	what := fmt.Sprintf("%d of %d keys of a sample are not where %s puts them, such as %s in partition %d at offset %d, which belongs into partition %d",
		len(wrong), len(all), h.Name, key, first.partition, first.offset, h.partition(first.key, first.count))
	var others []string
	for _, other := range Known() {
		if len(all.misplaced(other)) == 0 {
			others = append(others, other.Name)
		}
	}
	fix := "have all that write the topic place keys with " + h.Name + ", or set partitioner to any if each key stays in one partition wherever that is"
	if len(others) > 0 {
		what += "; " + strings.Join(others, " and ") + " fits all of them"
		fix = "set partitioner to " + others[0] + " if all inputs are written so, or write the topic anew"
	}
	return Finding{Check: Partitioner, Topic: first.topic, What: what, Fix: fix}
}

// place is a partition to take a sample from.
type place struct {
	topic            string
	partition, count int32
}

// places are the partitions to sample, by their leaders.
func (l *looker) places() map[int32][]place {
	byLeader := map[int32][]place{}
	for _, t := range l.group.Topics {
		found := l.facts.topics[t.Name]
		if !t.Role.keyed() || !found.exists() || len(found.allowed.lacks(sarama.AclOperationRead)) > 0 {
			continue
		}
		count := len(found.partitions)
		step := max(1, count/samplePartitions)
		for _, p := range found.partitions {
			if int(p.ID)%step == 0 && p.Leader >= 0 {
				byLeader[p.Leader] = append(byLeader[p.Leader], place{t.Name, p.ID, int32(count)})
			}
		}
	}
	return byLeader
}

// askKeys reads the newest records of the partitions, from all leaders at once.
func (l *looker) askKeys() error {
	if l.group.AnyPlace {
		return nil
	}
	var lock sync.Mutex
	var all errgroup.Group
	for leader, places := range l.places() {
		all.Go(func() error {
			broker, err := l.conn.Broker(leader)
			if err != nil {
				return err
			}
			found, err := l.keysOf(broker, places)
			lock.Lock()
			defer lock.Unlock()
			l.facts.sample = append(l.facts.sample, found...)
			return err
		})
	}
	l.facts.sampleErr = all.Wait()
	slices.SortFunc(l.facts.sample, func(a, b sampled) int {
		return bytes.Compare(a.place(), b.place())
	})
	return nil
}

func (s sampled) place() []byte {
	return fmt.Appendf(nil, "%s/%010d/%020d", s.topic, s.partition, s.offset)
}

func (l *looker) keysOf(broker *sarama.Broker, places []place) (found sample, err error) {
	err = l.conn.Apart(broker, func(broker *sarama.Broker) error {
		newest, err := l.offsets(broker, places, sarama.OffsetNewest)
		if err != nil {
			return err
		}
		oldest, err := l.offsets(broker, places, sarama.OffsetOldest)
		if err != nil {
			return err
		}
		const noSession, anyEpoch = -1, -1
		request := &sarama.FetchRequest{Version: 11, MinBytes: 1, MaxBytes: int32(min(len(places), samplePartitions) * sampleBytes), SessionEpoch: noSession}
		wanted := 0
		for _, p := range places {
			if from := max(oldest[p], newest[p]-sampleRecords); from < newest[p] {
				request.AddBlock(p.topic, p.partition, from, sampleBytes, anyEpoch)
				wanted++
			}
		}
		if wanted == 0 {
			return nil
		}
		response, err := broker.Fetch(request)
		if err != nil {
			return err
		}
		for _, p := range places {
			if block := response.GetBlock(p.topic, p.partition); block != nil && block.Err == sarama.ErrNoError {
				found = append(found, keysIn(block, p, newest[p]-sampleRecords)...)
			}
		}
		return nil
	})
	return found, err
}

// offsets returns the first or the last offset of each place; one that has moved
// to another leader meanwhile is left out.
func (l *looker) offsets(broker *sarama.Broker, places []place, when int64) (map[place]int64, error) {
	request := sarama.NewOffsetRequest(l.conn.Config().Version)
	for _, p := range places {
		request.AddBlock(p.topic, p.partition, when, 1)
	}
	response, err := broker.GetAvailableOffsets(request)
	if err != nil {
		return nil, err
	}
	found := map[place]int64{}
	for _, p := range places {
		if block := response.GetBlock(p.topic, p.partition); block != nil && block.Err == sarama.ErrNoError {
			found[p] = block.Offset
		}
	}
	return found, nil
}

// keysIn returns the keys of a block from an offset on. Those of aborted
// transactions count: it is the producer's way to place them that matters.
func keysIn(block *sarama.FetchResponseBlock, p place, from int64) (found sample) {
	for _, set := range block.RecordsSet {
		batch := set.RecordBatch
		if batch == nil || batch.PartialTrailingRecord || batch.Control {
			continue
		}
		for _, record := range batch.Records {
			if offset := batch.FirstOffset + record.OffsetDelta; record.Key != nil && offset >= from {
				found = append(found, sampled{topic: p.topic, partition: p.partition, count: p.count, offset: offset, key: record.Key})
			}
		}
	}
	return found
}
