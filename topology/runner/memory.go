package runner

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/internal/task"
)

// Defaults and bounds of the memory that a process takes.
const (
	// DefaultFetchBytes is for records on their way from the brokers.
	DefaultFetchBytes = 64 << 20
	// DefaultBufferBytes is for records in hand and what they did.
	DefaultBufferBytes = 256 << 20
	// DefaultCacheBytes is for rows and files of the tables.
	DefaultCacheBytes = 128 << 20

	// minBytes is the least that each of them may be.
	minBytes = 1 << 20
	// leastFetch and mostFetch bound what one partition is asked for at a time.
	leastFetch, mostFetch = 64 << 10, 1 << 20
	// leastStore and mostStore bound a buffer of a partition's database.
	leastStore, mostStore = 1 << 20, 8 << 20
	// claimAhead is how many records of a partition sarama keeps ready.
	claimAhead = 16
)

// withMemory fills in what is left out.
func (c Config) withMemory() Config {
	for bytes, def := range map[*int]int{&c.FetchBytes: DefaultFetchBytes, &c.BufferBytes: DefaultBufferBytes, &c.CacheBytes: DefaultCacheBytes} {
		if *bytes == 0 {
			*bytes = def
		}
	}
	return c
}

// memoryFaults says what is wrong with the bounds.
func (c Config) memoryFaults() (faults []string) {
	for _, s := range []struct {
		name  string
		bytes int
	}{{"fetch_bytes", c.FetchBytes}, {"buffer_bytes", c.BufferBytes}, {"cache_bytes", c.CacheBytes}} {
		if s.bytes != 0 && s.bytes < minBytes {
			faults = append(faults, fmt.Sprintf("%s is %d: give %s or more, such as 64MiB", s.name, s.bytes, sizeText(minBytes)))
		}
	}
	return faults
}

// units are the endings of a size.
func units() []struct {
	name  string
	bytes int
} {
	return []struct {
		name  string
		bytes int
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
}

// parseSize reads a number of bytes, or one of KiB, MiB or GiB.
func parseSize(text string) (bytes int, ok bool) {
	unit := 1
	for _, u := range units() {
		if number, cut := strings.CutSuffix(text, u.name); cut {
			text, unit = strings.TrimSpace(number), u.bytes
			break
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > math.MaxInt/unit {
		return 0, false
	}
	return n * unit, true
}

// sizeText writes a size as parseSize reads it.
func sizeText(bytes int) string {
	for _, u := range units() {
		if bytes >= u.bytes && bytes%u.bytes == 0 {
			return strconv.Itoa(bytes/u.bytes) + u.name
		}
	}
	return strconv.Itoa(bytes)
}

// bounds says how much memory the process may take.
func (c Config) bounds() string {
	return fmt.Sprintf("wait=%t fetch_bytes=%s buffer_bytes=%s cache_bytes=%s", c.Wait, sizeText(c.FetchBytes), sizeText(c.BufferBytes), sizeText(c.CacheBytes))
}

// blockBytes is the part of the cache for the tables' files.
func (c Config) blockBytes() int { return c.CacheBytes / 2 }

// share is what all tasks may take together.
func (c Config) share() task.Share {
	return task.Share{Buffer: c.BufferBytes, Cache: c.CacheBytes - c.blockBytes()}
}

// storeBuffer returns what one buffer of a partition's database may take, if the
// process comes to have all partitions: each has two.
func (m *member) storeBuffer() int {
	each := m.cfg.blockBytes() / 2 / int(max(m.partitions.Load(), 1))
	return min(max(each, leastStore), mostStore)
}

// countPartitions returns how many partitions the topics have together.
func (m *member) countPartitions() (total int, err error) {
	for _, topic := range m.topics {
		partitions, err := m.client.Partitions(topic)
		if err != nil {
			return 0, err
		}
		total += int(partitions)
		m.partitions.Store(max(m.partitions.Load(), partitions))
	}
	return total, nil
}

// boundFetches bounds what a consumer of topics has at a time: for each
// partition one answer is on its way while another is handed over.
func (m *member) boundFetches(conf *sarama.Config) error {
	total, err := m.countPartitions()
	if err != nil {
		return err
	}
	each := m.cfg.FetchBytes / 2 / max(total, 1)
	conf.Consumer.Fetch.Default = int32(min(max(each, leastFetch), mostFetch))
	conf.ChannelBufferSize = claimAhead
	return nil
}
