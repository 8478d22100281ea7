package dlq

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Origin says of a record in a retry topic where it came from first. It is kept
// in headers of the record, beside those that it had there.
type Origin struct {
	Topic     string
	Partition int32
	Offset    int64
	Time      time.Time // of the record, to the millisecond
	Attempts  int       // how often it was tried before
	Step      string    // where it failed
	Letter    string    // the dead letter's place, PARTITION/OFFSET
}

// The headers of an [Origin].
const (
	originPrefix    = "gokavro-origin-"
	originTopic     = originPrefix + "topic"
	originPartition = originPrefix + "partition"
	originOffset    = originPrefix + "offset"
	originTime      = originPrefix + "time"
	originAttempts  = originPrefix + "attempts"
	originStep      = originPrefix + "step"
	originLetter    = originPrefix + "letter"
)

// Headers returns the headers that keep the origin.
func (o Origin) Headers() []Header {
	text := func(key, value string) Header { return Header{Key: key, Value: []byte(value)} }
	number := func(key string, value int64) Header { return text(key, strconv.FormatInt(value, 10)) }
	return []Header{
		text(originTopic, o.Topic), number(originPartition, int64(o.Partition)), number(originOffset, o.Offset),
		number(originTime, o.Time.UnixMilli()), number(originAttempts, int64(o.Attempts)),
		text(originStep, o.Step), text(originLetter, o.Letter),
	}
}

// WithoutOrigin returns headers without those of an [Origin].
func WithoutOrigin(headers []Header) []Header {
	return slices.DeleteFunc(slices.Clone(headers), func(h Header) bool { return strings.HasPrefix(h.Key, originPrefix) })
}

// ParseOrigin reads an origin from the headers of a record. An error says which
// of them is missing or wrong.
func ParseOrigin(headers []Header) (o Origin, err error) {
	values := map[string]string{}
	for _, h := range headers {
		values[h.Key] = string(h.Value)
	}
	number := func(key string, bits int) int64 {
		n, fault := strconv.ParseInt(values[key], 10, bits)
		if err == nil && (fault != nil || n < 0 && key != originTime) {
			err = fmt.Errorf("dlq: reading the origin of a record: the header %s is %q: want a number", key, values[key])
		}
		return n
	}
	if values[originTopic] == "" {
		return Origin{}, fmt.Errorf("dlq: reading the origin of a record: the header %s is missing: only `gokavro dlq replay` writes to a retry topic", originTopic)
	}
	o = Origin{
		Topic: values[originTopic], Partition: int32(number(originPartition, 32)), Offset: number(originOffset, 64),
		Time: time.UnixMilli(number(originTime, 64)), Attempts: int(number(originAttempts, 32)),
		Step: values[originStep], Letter: values[originLetter],
	}
	return o, err
}
