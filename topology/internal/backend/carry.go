package backend

import (
	"encoding/binary"
	"time"

	"github.com/lovoo/goka"
)

// goka's emits carry headers but neither a time nor a partition, so both
// travel as headers of these names, which the producer takes off again.
const (
	timeHeader      = "\x00gokavro-time"
	partitionHeader = "\x00gokavro-partition"
)

// Carry returns the headers that give an emitted record its time and, unless
// it is negative, its partition.
func Carry(at time.Time, partition int32) goka.Headers {
	headers := goka.Headers{}
	if !at.IsZero() {
		headers[timeHeader] = binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli()))
	}
	if partition >= 0 {
		headers[partitionHeader] = binary.BigEndian.AppendUint32(nil, uint32(partition))
	}
	return headers
}

// carried takes time and partition out of headers; partition is negative when
// the key decides. The headers themselves are not changed, as several emits
// may share them.
func carried(headers goka.Headers) (at time.Time, partition int32) {
	partition = -1
	if v := headers[timeHeader]; len(v) == 8 {
		at = time.UnixMilli(int64(binary.BigEndian.Uint64(v)))
	}
	if v := headers[partitionHeader]; len(v) == 4 {
		partition = int32(binary.BigEndian.Uint32(v))
	}
	return at, partition
}
