package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

const (
	defaultClientID = "gokavro"
	defaultTimeout  = 20 * time.Second
)

// Config says how to reach a cluster. Its zero value lacks only the brokers.
type Config struct {
	// Brokers are the addresses to start from, each as host:port. The cluster
	// tells the other brokers' addresses.
	Brokers []string
	// ClientID names this program in the brokers' logs and quotas: Kafka's
	// client.id. The default is "gokavro".
	ClientID string
	// Timeout is how long an unreachable cluster is tried before giving up. The
	// default is 20 s.
	Timeout time.Duration
	// Logger takes what the package has to say about retries and lost records.
	// The default discards it.
	Logger *slog.Logger
}

// WithDefaults returns a copy in which every setting left at its zero value has
// its default. The brokers have none.
func (c Config) WithDefaults() Config {
	c.Brokers = slices.Clone(c.Brokers)
	if c.ClientID == "" {
		c.ClientID = defaultClientID
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate reports every fault of the settings in one error of one line: no
// brokers, an address that is not host:port, a negative timeout.
func (c Config) Validate() error {
	var faults []string
	if len(c.Brokers) == 0 {
		faults = append(faults, "no brokers: give at least one address as host:port")
	}
	for _, broker := range c.Brokers {
		if err := checkAddress(broker); err != nil {
			faults = append(faults, fmt.Sprintf("broker %q: %v: write host:port", broker, err))
		}
	}
	if c.Timeout < 0 {
		faults = append(faults, fmt.Sprintf("timeout %s is negative: leave it out for %s", c.Timeout, defaultTimeout))
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("kafka: %s", strings.Join(faults, "; "))
}

func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		if detail, ok := errors.AsType[*net.AddrError](err); ok {
			return errors.New(detail.Err)
		}
		return err
	}
	if host == "" {
		return errors.New("missing host in address")
	}
	if strings.ContainsAny(host, " \t\r\n/@,") {
		return errors.New("not a host name")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	return nil
}

// Sarama returns the settings for sarama, as a fresh copy at each call because
// goka's builders change the one they are given. They are for data that must
// not be lost: acks=all, enable.idempotence=true, retries that outlast the
// election of a leader, isolation.level=read_committed,
// auto.offset.reset=earliest, and no topic created by asking for it. Keys go to
// partitions as with Java's clients ([NewHasher]).
func (c Config) Sarama() *sarama.Config {
	c = c.WithDefaults()
	conf := sarama.NewConfig()
	conf.ClientID = c.ClientID
	conf.Version = sarama.V3_6_0_0

	conf.Net.DialTimeout = min(c.Timeout, 10*time.Second)
	conf.Net.MaxOpenRequests = 1
	conf.Metadata.AllowAutoTopicCreation = false
	conf.Metadata.Retry.Max = 10
	conf.Metadata.Retry.Backoff = 250 * time.Millisecond
	conf.Admin.Timeout = 10 * time.Second

	conf.Producer.RequiredAcks = sarama.WaitForAll
	conf.Producer.Idempotent = true
	conf.Producer.Flush.Frequency = 5 * time.Millisecond
	conf.Producer.Retry.Max = 30
	conf.Producer.Retry.BackoffFunc = sarama.NewExponentialBackoff(50*time.Millisecond, time.Second)
	conf.Producer.Return.Successes = true
	conf.Producer.Return.Errors = true
	conf.Producer.Partitioner = sarama.NewMurmur2Partitioner

	conf.Consumer.IsolationLevel = sarama.ReadCommitted
	conf.Consumer.MaxWaitTime = 100 * time.Millisecond
	conf.Consumer.Retry.Backoff = 250 * time.Millisecond
	conf.Consumer.Return.Errors = true
	conf.Consumer.Offsets.Initial = sarama.OffsetOldest
	conf.Consumer.Offsets.AutoCommit.Interval = 100 * time.Millisecond
	return conf
}
