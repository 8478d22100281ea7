package devstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"sync"
)

// DefaultAddr lets the system choose a free loopback port.
const DefaultAddr = "127.0.0.1:0"

// DefaultPartitions is how many partitions a topic gets that is created
// without a number.
const DefaultPartitions = 1

// Config says what to start and where.
type Config struct {
	// KafkaAddr and RegistryAddr are host:port to listen on. Default
	// [DefaultAddr]. Clients are told the host that is given here; for a host
	// that means all of the machine's addresses (empty, 0.0.0.0 or ::) they
	// are told the machine's first address that is not loopback, so that
	// other machines and containers reach it too.
	KafkaAddr, RegistryAddr string

	// Dir keeps data; it is made when missing and belongs to one Stack at a
	// time. Default: memory only.
	Dir string

	// NoKafka and NoRegistry leave one of the two out, not both.
	NoKafka, NoRegistry bool

	// Partitions is for topics that are created without a number. Default
	// [DefaultPartitions].
	Partitions int

	// Nodes is how many brokers there are. All but the first listen on loopback
	// addresses that the system chooses. Default 1.
	Nodes int

	// KafkaVersion is the release that the broker speaks like, such as 2.4.
	// Default: the newest that it knows.
	KafkaVersion string

	// Denied is what nobody may do. Everything else is allowed.
	Denied []Denied
}

// Denied is an operation that a broker refuses.
type Denied struct {
	// Operation is Kafka's name, such as WRITE.
	Operation string
	// Resource is TOPIC, GROUP, TRANSACTIONAL_ID or CLUSTER.
	Resource string
	// Name is the resource's, or * for all. A cluster's is kafka-cluster.
	Name string
}

// Stack is a broker and a registry that run. It is safe for concurrent use.
type Stack struct {
	kafka    *kafka
	registry *registry
	done     chan struct{}
	close    func() error
}

// Start starts what cfg says and returns when it can be used. Ending ctx later
// does not stop the Stack, so that clients can finish before [Stack.Close].
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("devstack: starting: %w", err)
	}
	s := &Stack{done: make(chan struct{})}
	s.close = sync.OnceValue(s.stop)
	var err error
	if !cfg.NoKafka {
		s.kafka, err = startKafka(ctx, cfg)
	}
	if err == nil && !cfg.NoRegistry {
		s.registry, err = startRegistry(ctx, cfg)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Brokers are the addresses to give to a Kafka client, empty without Kafka.
func (s *Stack) Brokers() []string {
	if s.kafka == nil {
		return nil
	}
	return []string{s.kafka.addr}
}

// RegistryURL is the address to give to a registry client, empty without a
// registry.
func (s *Stack) RegistryURL() string {
	if s.registry == nil {
		return ""
	}
	return "http://" + s.registry.addr
}

// CutWhere lets ask see the API key of each request to the broker, one at a time.
// Where it returns true, the broker does not get the request and the connection
// is closed, as if the network had failed. It is for tests of what gets lost.
func (s *Stack) CutWhere(ask func(apiKey int16) bool) { s.kafka.cut(ask) }

// Done is closed when the Stack has stopped.
func (s *Stack) Done() <-chan struct{} { return s.done }

// Close stops both and writes out what a folder keeps. A second call returns
// the first one's error.
func (s *Stack) Close() error { return s.close() }

func (s *Stack) stop() error {
	defer close(s.done)
	var faults []error
	if s.registry != nil {
		faults = append(faults, s.registry.stop())
	}
	if s.kafka != nil {
		faults = append(faults, s.kafka.stop())
	}
	return errors.Join(faults...)
}

func (cfg Config) check() error {
	var faults []error
	if cfg.NoKafka && cfg.NoRegistry {
		faults = append(faults, errors.New("devstack: neither Kafka nor the registry is wanted: leave one of them in"))
	}
	if cfg.Partitions < 0 {
		faults = append(faults, fmt.Errorf("devstack: %d partitions: use 1 or more", cfg.Partitions))
	}
	if cfg.Nodes < 0 {
		faults = append(faults, fmt.Errorf("devstack: %d nodes: use 1 or more", cfg.Nodes))
	}
	if !cfg.NoKafka {
		faults = append(faults, checkAddr("kafka", cfg.KafkaAddr))
	}
	if !cfg.NoRegistry {
		faults = append(faults, checkAddr("registry", cfg.RegistryAddr))
	}
	return errors.Join(faults...)
}

func checkAddr(what, addr string) error {
	_, port, err := net.SplitHostPort(cmp.Or(addr, DefaultAddr))
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("devstack: %s address %q is not host:port: write one such as 127.0.0.1:9092", what, addr)
	}
	return nil
}

// folder is the part of Dir that what keeps its data in, empty for memory.
func (cfg Config) folder(what string) string {
	if cfg.Dir == "" {
		return ""
	}
	return filepath.Join(cfg.Dir, what)
}
