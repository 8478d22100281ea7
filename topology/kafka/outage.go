package kafka

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// silentTimes is how many times the time-out brokers may take to acknowledge any
// record. With the default that is Kafka's delivery.timeout.ms of two minutes.
const silentTimes = 6

var errSilent = errors.New("no record was acknowledged")

// outage ends a writer's work when the cluster is away for the time-out. sarama
// would wait as long again for each record that it has.
type outage struct {
	cfg    Config
	client sarama.Client
	begun  atomic.Bool
	// end closes the client, once, and returns what came of it.
	end func() error
	// first is what the first record that was given up met. Only the goroutine
	// that settles records uses it.
	first error

	inFlight atomic.Int64
	moved    atomic.Int64 // when a record was last settled, or the first handed over, in Unix nanoseconds
}

func newOutage(cfg Config) *outage {
	o := &outage{cfg: cfg}
	o.end = sync.OnceValue(func() error { return o.client.Close() })
	return o
}

// watch has sarama give a record up when one look for the partition's leader took
// the time-out, so that it outlasts the restart of a broker, and not pause any
// more once that has happened.
func (o *outage) watch(conf *sarama.Config) {
	pause, backoff := conf.Metadata.Retry.Backoff, conf.Producer.Retry.BackoffFunc
	conf.Metadata.Retry.Max = int(o.cfg.Timeout/pause) + 1
	conf.Metadata.Timeout = 2 * o.cfg.Timeout // a broker that accepts and is silent takes longer a try
	conf.Metadata.Retry.BackoffFunc = o.untilBegun(func(int, int) time.Duration { return pause })
	conf.Producer.Retry.BackoffFunc = o.untilBegun(backoff)
}

func (o *outage) untilBegun(backoff func(retries, most int) time.Duration) func(retries, most int) time.Duration {
	return func(retries, most int) time.Duration {
		if o.begun.Load() {
			return 0
		}
		return backoff(retries, most)
	}
}

// sent counts a record that sarama is about to have.
func (o *outage) sent() {
	if o.inFlight.Load() == 0 {
		o.moved.Store(time.Now().UnixNano())
	}
	o.inFlight.Add(1)
}

// settled counts a record that sarama has no more.
func (o *outage) settled() {
	o.moved.Store(time.Now().UnixNano())
	o.inFlight.Add(-1)
}

// look gives up brokers that take what they are sent and are silent.
func (o *outage) look() {
	most := silentTimes * o.cfg.Timeout
	if o.first == nil && o.inFlight.Load() > 0 && time.Since(time.Unix(0, o.moved.Load())) > most {
		o.begin(&UnreachableError{Brokers: o.cfg.Brokers, Timeout: most, Err: errSilent})
	}
}

// explain returns what a record's error means. When it is about an outage, the
// rest is given up too.
func (o *outage) explain(err error) error {
	// A network's error comes when sarama has looked for the leader in vain.
	away := isNetwork(err) || errors.Is(err, sarama.ErrOutOfBrokers)
	switch {
	case o.first != nil:
		return o.first
	case away:
		o.begin(&UnreachableError{Brokers: o.cfg.Brokers, Timeout: o.cfg.Timeout, Err: err})
	case errors.Is(err, sarama.ErrLeaderNotAvailable):
		o.begin(fmt.Errorf("a partition has no leader after %s: look at the brokers' logs: %w", o.cfg.Timeout, err))
	default:
		return err
	}
	return o.first
}

// begin has sarama fail at once what it still has, as it does without its client.
func (o *outage) begin(err error) {
	o.first = err
	o.begun.Store(true)
	go o.end() //nolint:errcheck // deliver waits for it and looks at the error
}
