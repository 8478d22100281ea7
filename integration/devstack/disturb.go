package devstack

import (
	"bytes"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Trouble is what befalls requests to the broker. One of Code, Hold and Cut is
// to be given.
type Trouble struct {
	// APIKey is the kind of the requests.
	APIKey int16
	// Times is how many of them are befallen, from the next one on.
	Times int
	// Code is Kafka's error that is answered, with nothing done.
	Code int16
	// Hold is called before a request is served. It may block; other connections
	// go on meanwhile.
	Hold func()
	// Cut closes the connection in place of serving the request.
	Cut bool
}

// Disturb brings trouble on requests, for tests of what clients make of it. hits
// returns how many it has befallen so far.
func (s *Stack) Disturb(t Trouble) (hits func() int) {
	cluster := s.kafka.cluster
	if t.Code != 0 {
		handle := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Key(t.APIKey)}, Err: kerr.TypedErrorForCode(t.Code), Count: t.Times})
		return func() int { return int(handle.Hits()) }
	}
	var seen atomic.Int64
	cluster.ControlKey(t.APIKey, func(kmsg.Request) (kmsg.Response, error, bool) {
		if int(seen.Add(1)) > t.Times {
			seen.Add(-1)
			return nil, nil, false
		}
		cluster.KeepControl()
		if t.Cut {
			return nil, errCut, true
		}
		cluster.SleepControl(t.Hold)
		return nil, nil, false
	})
	return func() int { return int(seen.Load()) }
}

// RefuseWhere has the broker refuse batches of a topic whose bytes have a part in
// them, with Kafka's error, and not say which record of the batch it means. It is
// for partitions below that number, and for batches that are not compressed.
func (s *Stack) RefuseWhere(topic string, partitions int32, part []byte, code int16) {
	for partition := range partitions {
		s.kafka.cluster.Fault(kfake.Fault{
			Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Partitions: []int32{partition}, Err: kerr.TypedErrorForCode(code), Count: -1,
			When: func(request kmsg.Request) bool {
				return hasPart(request.(*kmsg.ProduceRequest), topic, partition, part)
			},
		})
	}
}

// hasPart reports whether a request's batch for a partition has a part in it.
func hasPart(request *kmsg.ProduceRequest, topic string, partition int32, part []byte) bool {
	for _, t := range request.Topics {
		for _, p := range t.Partitions {
			if t.Topic == topic && p.Partition == partition && bytes.Contains(p.Records, part) {
				return true
			}
		}
	}
	return false
}
