package kafka

import (
	"encoding/binary"
	"hash"

	"github.com/IBM/sarama"
)

// NewHasher returns the hash that Java's clients choose a key's partition with:
// murmur2, its sign bit cleared. The hash modulo the number of partitions is
// the partition. It is for goka.WithHasher, goka.NewView and goka.NewEmitter,
// which hash otherwise than Java by themselves. A hasher is for one goroutine.
func NewHasher() hash.Hash32 { return &hasher{} }

// hasher keeps what was written, because murmur2 starts from the length.
type hasher struct{ key []byte }

// Write adds to the key. It returns no error.
func (h *hasher) Write(p []byte) (int, error) {
	h.key = append(h.key, p...)
	return len(p), nil
}

// Sum appends the hash to b, its most significant byte first.
func (h *hasher) Sum(b []byte) []byte { return binary.BigEndian.AppendUint32(b, h.Sum32()) }

// Sum32 returns the hash of what was written since Reset, from 0 to 1<<31-1.
func (h *hasher) Sum32() uint32 { return murmur2(h.key) & 0x7fffffff }

// Reset forgets what was written.
func (h *hasher) Reset() { h.key = h.key[:0] }

// Size returns the hash's length in bytes.
func (h *hasher) Size() int { return 4 }

// BlockSize returns the number of bytes that murmur2 mixes in at a time.
func (h *hasher) BlockSize() int { return 4 }

// murmur2 is the hash by Austin Appleby with the seed that Kafka uses.
func murmur2(key []byte) uint32 {
	const (
		seed  = 0x9747b28c
		mixer = 0x5bd1e995
	)
	sum := uint32(seed) ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		word := binary.LittleEndian.Uint32(key) * mixer
		word ^= word >> 24
		sum = sum*mixer ^ word*mixer
	}
	if len(key) > 0 {
		var rest uint32
		for i, b := range key {
			rest |= uint32(b) << (8 * i)
		}
		sum = (sum ^ rest) * mixer
	}
	sum ^= sum >> 13
	sum *= mixer
	return sum ^ sum>>15
}

// chosenPartitioner takes the partition that a record names, and otherwise
// chooses by its key, or in turn when it has none.
type chosenPartitioner struct {
	keyed  sarama.Partitioner
	inTurn sarama.Partitioner
}

func newChosenPartitioner(topic string) sarama.Partitioner {
	return &chosenPartitioner{
		keyed:  sarama.NewMurmur2Partitioner(topic),
		inTurn: sarama.NewRoundRobinPartitioner(topic),
	}
}

// Partition returns the message's partition among count.
func (p *chosenPartitioner) Partition(message *sarama.ProducerMessage, count int32) (int32, error) {
	switch {
	case message.Partition >= 0:
		return message.Partition, nil
	case message.Key != nil:
		return p.keyed.Partition(message, count)
	}
	return p.inTurn.Partition(message, count)
}

// RequiresConsistency returns true: sarama asks per message instead.
func (p *chosenPartitioner) RequiresConsistency() bool { return true }

// MessageRequiresConsistency tells whether the message may go to no other
// partition, even if this one has no leader at the moment.
func (p *chosenPartitioner) MessageRequiresConsistency(message *sarama.ProducerMessage) bool {
	return message.Partition >= 0 || message.Key != nil
}
