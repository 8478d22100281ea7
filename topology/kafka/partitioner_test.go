package kafka_test

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/kafka"
)

func TestHasherAgreesWithJava(t *testing.T) {
	t.Parallel()
	for key, java := range map[string]int32{
		"21":                         -973932308,
		"foobar":                     -790332482,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		h := kafka.NewHasher()
		// In two pieces, and after something else, to see that it does not matter.
		_, _ = h.Write([]byte("before"))
		h.Reset()
		_, _ = h.Write([]byte(key[:1]))
		_, _ = h.Write([]byte(key[1:]))
		want := uint32(java) & 0x7fffffff
		if got := h.Sum32(); got != want {
			t.Errorf("hash of %q = %d, want %d", key, got, want)
		}
		if got, want := hex.EncodeToString(h.Sum([]byte{0xff})), fmt.Sprintf("ff%08x", want); got != want {
			t.Errorf("Sum of %q = %s, want %s", key, got, want)
		}
	}
	if h := kafka.NewHasher(); h.Size() != 4 || h.BlockSize() < 1 {
		t.Errorf("size %d, block size %d", h.Size(), h.BlockSize())
	}
}

func TestHasherChoosesThePartitionOfSaramasMurmur2(t *testing.T) {
	t.Parallel()
	const partitions = 31
	theirs := sarama.NewMurmur2Partitioner("t")
	for i := range 500 {
		key := fmt.Sprint("key ", i*i*i)
		want, err := theirs.Partition(&sarama.ProducerMessage{Key: sarama.StringEncoder(key)}, partitions)
		if err != nil {
			t.Fatal(err)
		}
		h := kafka.NewHasher()
		_, _ = h.Write([]byte(key))
		if got := int32(h.Sum32() % partitions); got != want {
			t.Errorf("partition of %q: %d, want %d", key, got, want)
		}
	}
}

func BenchmarkHasher(b *testing.B) {
	key := []byte("a-little-bit-longer-string")
	h := kafka.NewHasher()
	b.ReportAllocs()
	b.SetBytes(int64(len(key)))
	for b.Loop() {
		h.Reset()
		_, _ = h.Write(key)
		_ = h.Sum32()
	}
}
