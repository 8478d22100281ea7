package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// The database's keys begin with a space, so that no row's key can be taken for
// anything else, and in all but the owner's the table's name follows, its length
// before it. The spaces are in the order of these bytes.
//
//	ownerSpace                       whose database it is, as JSON
//	topicSpace table                 the id of the changelog's topic
//	offsetSpace table                next offset of the changelog, 8 bytes
//	confirmSpace table               when the table was last as its changelog, time(8)
//	rowSpace table key               a row
//	timeSpace table time(8) key      nothing: the row was set before that time
const (
	ownerSpace   = 'm'
	topicSpace   = 'i'
	offsetSpace  = 'o'
	confirmSpace = 'c'
	rowSpace     = 'r'
	timeSpace    = 't'
)

const timeBytes = 8

// errShort is a record of the database that is too short to be one of ours.
var errShort = errors.New("a stored record is cut short")

func ownerKey() []byte { return []byte{ownerSpace} }

// prefix returns the beginning of all keys of a table in a space.
func prefix(space byte, table string) []byte {
	key := binary.AppendUvarint([]byte{space}, uint64(len(table)))
	return append(key, table...)
}

// after returns the first key that is behind all keys with this prefix, nil if
// there is none.
func after(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := append([]byte(nil), prefix[:i+1]...)
			end[i]++
			return end
		}
	}
	return nil
}

// appendTimed appends a row of a table with a TTL: the time before the value.
func appendTimed(dst []byte, millis int64, value []byte) []byte {
	return append(appendMillis(dst, millis), value...)
}

// splitTimed reads what appendTimed wrote.
func splitTimed(stored []byte) (millis int64, value []byte, err error) {
	if len(stored) < timeBytes {
		return 0, nil, errShort
	}
	return readMillis(stored), stored[timeBytes:], nil
}

// appendMillis appends a time so that bytes sort as times do.
func appendMillis(dst []byte, millis int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(millis)^1<<63)
}

func readMillis(stored []byte) int64 { return int64(binary.BigEndian.Uint64(stored) ^ 1<<63) }

// splitIndex reads a key of the time index behind its prefix.
func splitIndex(rest []byte) (millis int64, key []byte, err error) {
	return splitTimed(rest)
}

func encodeOffset(offset int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(offset)) }

func decodeOffset(stored []byte) (int64, error) {
	if len(stored) != 8 {
		return 0, errShort
	}
	offset := int64(binary.BigEndian.Uint64(stored))
	if offset < 0 {
		return 0, fmt.Errorf("a stored offset is %d", offset)
	}
	return offset, nil
}

// indexSteps is how many index entries a row that is set all the time has at
// most: its times are rounded up to a step of the TTL.
const indexSteps = 32

// roundUp returns the index time of a row: the end of its step. At that time
// plus the TTL the row has expired, or was set again and has a later entry.
func roundUp(millis int64, ttl time.Duration) int64 {
	step := max(ttl.Milliseconds()/indexSteps, 1)
	down := millis - millis%step
	if millis%step > 0 {
		return down + step
	}
	return down
}
