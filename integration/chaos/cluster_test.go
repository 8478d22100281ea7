package chaos_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka"
)

// partitions is how many every topic has.
const partitions = 8

// patience bounds every wait for something that makes no progress.
const patience = 3 * time.Minute

// cluster is what a scenario runs on: brokers that may be restarted and a
// registry that may be away.
type cluster struct {
	brokers  []string
	node     *node // nil when the brokers cannot be restarted
	schemas  *stoppableRegistry
	client   *kafka.Client
	registry *registry.Client
}

// onDevstack starts an embedded broker and a registry.
func onDevstack(t *testing.T) *cluster {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Config{NoRegistry: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Errorf("closing devstack: %v", err)
		}
	})
	return connect(t, &cluster{brokers: stack.Brokers()})
}

// onKafka starts a real broker of the test's own and a registry.
func onKafka(t *testing.T) *cluster {
	t.Helper()
	return onNodes(t, 1)
}

// onNodes starts that many real brokers and a registry.
func onNodes(t *testing.T, count int) *cluster {
	t.Helper()
	n := startNodes(t, count)
	return connect(t, &cluster{brokers: n.addresses(), node: n})
}

func connect(t *testing.T, c *cluster) *cluster {
	t.Helper()
	c.schemas = startRegistry(t)
	var err error
	if c.registry, err = registry.New(registry.Config{URLs: []string{c.schemas.url}}); err != nil {
		t.Fatal(err)
	}
	if c.client, err = kafka.Dial(t.Context(), kafka.Config{Brokers: c.brokers}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.client.Close() })
	return c
}

// awaitStable waits until no transaction is open on the topics: one that a
// killed worker left open hides what comes after it until it times out.
func (c *cluster) awaitStable(ctx context.Context, topics ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, topic := range topics {
		for stable := false; !stable; {
			if err := pause(ctx, 50*time.Millisecond); err != nil {
				return fmt.Errorf("topic %s: a transaction stays open: %w", topic, err)
			}
			var err error
			if stable, err = c.isStable(topic); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *cluster) isStable(topic string) (bool, error) {
	all, err := c.ends(topic, kafka.ReadUncommitted)
	if err != nil {
		return false, err
	}
	visible, err := c.ends(topic, kafka.ReadCommitted)
	return visible >= all, err
}

// ends returns the sum of a topic's ends.
func (c *cluster) ends(topic string, iso kafka.Isolation) (sum int64, err error) {
	for partition := range int32(partitions) {
		end, err := c.client.EndOffset(topic, partition, iso)
		if err != nil {
			return 0, err
		}
		sum += end
	}
	return sum, nil
}

// brokerList returns the brokers as a setting.
func (c *cluster) brokerList() string { return strings.Join(c.brokers, ",") }

// stoppableRegistry is a registry that comes back on its address with all that
// it held.
type stoppableRegistry struct {
	dir, url string
	stack    *devstack.Stack
}

func startRegistry(t *testing.T) *stoppableRegistry {
	t.Helper()
	r := &stoppableRegistry{dir: t.TempDir()}
	if err := r.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("stopping the registry: %v", err)
		}
	})
	return r
}

func (r *stoppableRegistry) start(ctx context.Context) error {
	cfg := devstack.Config{NoKafka: true, Dir: r.dir}
	if r.url != "" {
		address, err := url.Parse(r.url)
		if err != nil {
			return err
		}
		cfg.RegistryAddr = address.Host
	}
	stack, err := devstack.Start(ctx, cfg)
	if err != nil {
		return err
	}
	r.stack, r.url = stack, stack.RegistryURL()
	return nil
}

func (r *stoppableRegistry) stop() error { return r.stack.Close() }
