package integration_test

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/integration/devstack"
)

// startSchemas starts a registry alone, which comes back with what it held when
// it is started on the same folder.
func startSchemas(t *testing.T, cfg devstack.Config) *devstack.Stack {
	t.Helper()
	cfg.NoKafka = true
	stack, err := devstack.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	return stack
}

func TestFlightsRunFromABundleWhileTheRegistryIsDown(t *testing.T) {
	t.Parallel()
	cfg := devstack.Config{Dir: t.TempDir()}
	schemas := startSchemas(t, cfg)
	c := newCluster(t, "", schemas.RegistryURL())
	c.produce(t, flights.AirportsTopic, "iata")
	c.produce(t, flights.FlightsTopic, "origin")
	bundle := filepath.Join(t.TempDir(), "schemas.json")
	// Kafka is not needed, and the schemas of what is written are registered.
	mustRun(t, "flights", "--registry", c.registry, "--topic-prefix", c.prefix, "--auto-register", "--bundle-out", bundle)
	if err := schemas.Close(); err != nil {
		t.Fatal(err)
	}

	p := start(t, "flights", c.args("--topic-prefix", c.prefix, "--state", t.TempDir(), "--create-topics", strconv.Itoa(partitions), "--bundle", bundle)...)
	p.awaitLog(t, "msg=running")
	p.awaitLog(t, "working from the bundle")
	c.await(t, 20000, c.topic(flights.EnrichedTopic))
	p.stop(t)

	cfg.RegistryAddr = strings.TrimPrefix(c.registry, "http://")
	startSchemas(t, cfg)
	enriched, stats := c.results(t)
	checkResults(t, enriched, stats)
}

func TestABundleOfATopologyNamesEverySubjectThatIsMissing(t *testing.T) {
	t.Parallel()
	schemas := startSchemas(t, devstack.Config{})
	out := filepath.Join(t.TempDir(), "schemas.json")
	_, stderr, code := run(t, "flights", "--registry", schemas.RegistryURL(), "--bundle-out", out)
	if code != 1 || strings.Count(stderr, "\n") != 1 {
		t.Errorf("got exit code %d and %q, want 1 and one line", code, stderr)
	}
	for _, topic := range []string{flights.AirportsTopic, flights.FlightsTopic, flights.EnrichedTopic, flights.StatsTopic, "flights-dead-letters"} {
		if !strings.Contains(stderr, topic+"-value") {
			t.Errorf("got %q, want the subject of %s in it", stderr, topic)
		}
	}
	if _, err := registry.New(registry.Config{Bundle: out}); err == nil {
		t.Error("a bundle was written all the same")
	}
}
