package txn_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// trouble befalls the next request of a kind. seen becomes true when it does.
type trouble struct {
	name  string
	cause func(t *testing.T, fake *kfake.Cluster, key kmsg.Key) (seen func() bool)
}

var errCut = errors.New("the connection is cut")

// refusing answers with an error, and does nothing else unless that error says
// that the work is done.
func refusing(err *kerr.Error, times int) trouble {
	return trouble{name: err.Message, cause: func(_ *testing.T, fake *kfake.Cluster, key kmsg.Key) func() bool {
		handle := fake.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: err, Count: times})
		return func() bool { return handle.Hits() == times }
	}}
}

// control runs a function at the next request of the kind.
func control(fake *kfake.Cluster, key kmsg.Key, fn func(kmsg.Request) (kmsg.Response, error, bool)) (seen func() bool) {
	var once atomic.Bool
	fake.ControlKey(int16(key), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if once.Swap(true) {
			return nil, nil, false
		}
		return fn(request)
	})
	return once.Load
}

// cutting closes the connection in place of an answer.
func cutting() trouble {
	return trouble{name: "cut off", cause: func(_ *testing.T, fake *kfake.Cluster, key kmsg.Key) func() bool {
		return control(fake, key, func(kmsg.Request) (kmsg.Response, error, bool) { return nil, errCut, true })
	}}
}

// delaying lets others go first.
func delaying() trouble {
	return trouble{name: "delayed", cause: func(_ *testing.T, fake *kfake.Cluster, key kmsg.Key) func() bool {
		return control(fake, key, func(kmsg.Request) (kmsg.Response, error, bool) {
			fake.SleepControl(func() { <-time.After(100 * time.Millisecond) })
			return nil, nil, false
		})
	}}
}

// losing does what was asked, and then closes the connection in place of an
// answer.
func losing() trouble {
	return trouble{name: "answer lost", cause: func(t *testing.T, fake *kfake.Cluster, key kmsg.Key) func() bool {
		return control(fake, key, func(request kmsg.Request) (kmsg.Response, error, bool) {
			address := fake.ListenAddrs()[fake.CurrentNode()]
			fake.SleepControl(func() {
				if err := relay(address, request); err != nil {
					t.Errorf("relaying a request of kind %d: %v", request.Key(), err)
				}
			})
			return nil, errCut, true
		})
	}}
}

// doubt loses the next end of a transaction, or what is answered to it when it
// is done, and answers the next try with an error.
func doubt(t *testing.T, fake *kfake.Cluster, done bool) {
	if !done {
		cutting().cause(t, fake, kmsg.EndTxn)
	} else {
		losing().cause(t, fake, kmsg.EndTxn)
	}
	var tries atomic.Int32
	fail := int32(1)
	if done {
		fail = 2 // the first is what the relay sends
	}
	fake.ControlKey(int16(kmsg.EndTxn), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if tries.Add(1) != fail {
			return nil, nil, false
		}
		response := request.ResponseKind().(*kmsg.EndTxnResponse)
		response.ErrorCode = kerr.UnknownServerError.Code
		return response, nil, true
	})
}

// relay sends a request on a connection of its own, and waits for the answer.
func relay(address string, request kmsg.Request) error {
	conn, err := net.DialTimeout("tcp", address, kafkatest.Patience)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(kafkatest.Patience)); err != nil {
		return err
	}
	if _, err := conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, request, 1)); err != nil {
		return err
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	_, err = io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(size[:])))
	return err
}
