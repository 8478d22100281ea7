package integration_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// cluster is where an end-to-end test runs. Its prefix keeps the test's topics
// to itself.
type cluster struct {
	brokers  string
	registry string
	prefix   string

	kafka   *kafka.Client
	schemas *registry.Client
}

// onEachCluster runs a test on devstack, and on the brokers that KAFKA_BROKERS
// names if it is set.
func onEachCluster(t *testing.T, test func(*testing.T, *cluster)) {
	t.Helper()
	brokers := os.Getenv("KAFKA_BROKERS")
	if brokers == "" && os.Getenv("REQUIRE_KAFKA") == "1" {
		t.Fatal("REQUIRE_KAFKA=1, but KAFKA_BROKERS names no brokers")
	}
	t.Run("devstack", func(t *testing.T) {
		t.Parallel()
		test(t, newCluster(t, "", ""))
	})
	if brokers != "" {
		t.Run("kafka", func(t *testing.T) {
			t.Parallel()
			test(t, newCluster(t, brokers, os.Getenv("SCHEMA_REGISTRY_URL")))
		})
	}
}

// newCluster connects to what is given and starts the rest.
func newCluster(t *testing.T, brokers, registry string) *cluster {
	t.Helper()
	c := &cluster{brokers: brokers, registry: registry, prefix: "e2e-" + strings.ToLower(rand.Text()[:10]) + "-"}
	if c.brokers == "" || c.registry == "" {
		c.start(t)
	}
	c.connect(t)
	return c
}

// start starts what is not given.
func (c *cluster) start(t *testing.T) {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Config{NoKafka: c.brokers != "", NoRegistry: c.registry != ""})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Errorf("closing devstack: %v", err)
		}
	})
	if c.brokers == "" {
		c.brokers = strings.Join(stack.Brokers(), ",")
	}
	c.registry = cmp.Or(c.registry, stack.RegistryURL())
}

func (c *cluster) connect(t *testing.T) {
	t.Helper()
	var err error
	if c.schemas, err = registry.New(registry.Config{URLs: []string{c.registry}}); err != nil {
		t.Fatal(err)
	}
	c.kafka = kafkatest.Dial(t, kafka.Config{Brokers: strings.Split(c.brokers, ",")})
}

// topic returns a topic's name on the cluster.
func (c *cluster) topic(name string) string { return c.prefix + name }

// args returns a command line with the cluster's addresses.
func (c *cluster) args(args ...string) []string {
	return append(args, "--brokers", c.brokers, "--registry", c.registry)
}

// await waits until a reader of a topic has seen n records.
func (c *cluster) await(t *testing.T, n int, topic string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), kafkatest.Patience)
	defer cancel()
	seen := 0
	err := c.kafka.Read(ctx, kafka.Query{Topic: topic}, func(kafka.Record) error {
		if seen++; seen == n {
			return kafka.ErrStop
		}
		return nil
	})
	if err != nil || seen < n {
		t.Fatalf("got %d records in %s within %s, %v, want %d", seen, topic, kafkatest.Patience, err, n)
	}
}

// held counts offsets: records, and the markers of transactions.
func (c *cluster) held(t *testing.T, topic string) (n int64) {
	t.Helper()
	partitions, err := c.kafka.Partitions(topic)
	if err != nil {
		t.Fatal(err)
	}
	for partition := range partitions {
		end, err := c.kafka.EndOffset(topic, partition, kafka.ReadCommitted)
		if err != nil {
			t.Fatal(err)
		}
		n += end
	}
	return n
}
