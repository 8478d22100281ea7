package integration_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka"
)

// nobody is an address that refuses connections.
func nobody(t *testing.T) string {
	t.Helper()
	listener := listenLoopback(t)
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

// silent is an address that accepts connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	listener := listenLoopback(t)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	return listener.Addr().String()
}

func listenLoopback(t *testing.T) net.Listener {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", devstack.DefaultAddr)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func TestTheUnreachableIsGivenUp(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "", "")
	tests := []struct {
		name             string
		brokers, address string
		want             []string
	}{
		{name: "nobody at the broker's address", brokers: nobody(t), address: c.registry, want: []string{"no broker answered at", "connection refused"}},
		{name: "silence at the broker's address", brokers: silent(t), address: c.registry, want: []string{"no broker answered at"}},
		{name: "nobody at the registry's address", brokers: c.brokers, address: "http://" + nobody(t), want: []string{"registry", "connection refused"}},
		{name: "silence at the registry's address", brokers: c.brokers, address: "http://" + silent(t), want: []string{"registry"}},
		{name: "a broker at the registry's address", brokers: c.brokers, address: "http://" + strings.Split(c.brokers, ",")[0], want: []string{"registry"}},
		{name: "a registry at the broker's address", brokers: strings.TrimPrefix(c.registry, "http://"), address: c.registry, want: []string{"no broker answered at"}},
	}
	var all []refusal
	for _, tt := range tests {
		wrong := tt.brokers
		if wrong == c.brokers {
			wrong = tt.address
		}
		for _, validate := range []string{"--validate=false", "--validate"} {
			all = append(all, refusal{
				program: "flights", code: 1, want: append(tt.want, wrong),
				args: []string{"--brokers", tt.brokers, "--registry", tt.address, "--dial-timeout", "2s", validate},
			})
		}
	}
	checkTogether(t, 2*time.Second, all)
}

// checkTogether runs programs side by side that give up after that time.
func checkTogether(t *testing.T, after time.Duration, all []refusal) {
	t.Helper()
	var running sync.WaitGroup
	defer running.Wait()
	for _, r := range all {
		cmd := r.command(t)
		running.Go(func() {
			begin := time.Now()
			r.verify(t, cmd)
			if took := time.Since(begin); took < after*9/10 || took > after+15*time.Second {
				t.Errorf("%s %v: it took %s, want it to be given up after %s", r.program, r.args, took, after)
			}
		})
	}
}

func TestTheUnreachableIsGivenUpAfterTwentySeconds(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "", "")
	dead, quiet := nobody(t), silent(t)
	checkTogether(t, 20*time.Second, []refusal{
		{program: "flights", args: []string{"--brokers", dead, "--registry", c.registry}, code: 1, want: []string{dead}},
		{program: "flights", args: []string{"--brokers", quiet, "--registry", c.registry}, code: 1, want: []string{quiet}},
		{program: "flights", args: []string{"--brokers", c.brokers, "--registry", "http://" + quiet}, code: 1, want: []string{quiet}},
		{program: "gokavro", args: []string{"demo", "--brokers", dead, "--registry", c.registry}, code: 1, want: []string{dead}},
		{program: "gokavro", args: []string{"demo", "--brokers", c.brokers, "--registry", "http://" + dead}, code: 1, want: []string{dead}},
		{program: "gokavro", args: []string{"demo", "--brokers", c.brokers, "--registry", "http://" + quiet}, code: 1, want: []string{quiet}},
		{program: "gokavro", args: []string{"demo", "--registry", "http://" + dead}, code: 1, want: []string{dead}},
		{program: "gokavro", args: []string{"demo", "--brokers", dead}, code: 1, want: []string{dead}},
	})
}

func TestDevRefusesAPortInUse(t *testing.T) {
	t.Parallel()
	taken := silent(t)
	refusal{program: "gokavro", args: []string{"dev", "--kafka", taken, "--registry", "127.0.0.1:0"}, code: 1, want: []string{taken, "in use", "--kafka"}}.check(t)
	refusal{program: "gokavro", args: []string{"dev", "--registry", taken, "--kafka", "127.0.0.1:0"}, code: 1, want: []string{taken, "in use", "--registry"}}.check(t)
}

func TestAStateFolderIsForOneProcess(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		state := t.TempDir()
		p := c.startFlights(t, state)
		p.awaitLog(t, "msg=running")
		refusal{program: "flights", args: c.args("--state", state, "--topic-prefix", c.prefix), code: 1, want: []string{state, "in use by another process", "--state"}}.check(t)
		p.stop(t)
		p = c.startFlights(t, state)
		p.awaitLog(t, "msg=running")
		p.stop(t)
	})
}

func TestMissingTopicsAreListedInOneError(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		want := []string{"--create-topics"}
		for _, topic := range topics {
			want = append(want, topic)
		}
		refusal{program: "flights", args: c.args("--topic-prefix", c.prefix), code: 1, want: want}.check(t)
	})
}

// topics are all of the reference topology.
var topics = [...]string{flights.AirportsTopic, flights.FlightsTopic, flights.EnrichedTopic, flights.StatsTopic, flights.DeadLetters}

func TestTopicsOfDifferentSizesAreListedInOneErrorAndNoneIsCreated(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		_, err := c.kafka.CreateMissing(t.Context(), kafka.Topic{Name: c.topic(flights.FlightsTopic), Partitions: 3})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{`"` + flights.FlightsTopic + `": 3`, `"` + flights.StatsTopic + `": 5`}
		refusal{program: "flights", args: c.args("--topic-prefix", c.prefix, "--create-topics", "5"), code: 1, want: want}.check(t)
		if got := c.own(t); len(got) != 1 {
			t.Errorf("got topics %v, want none created beside the one that was there", got)
		}
		_, err = c.kafka.CreateMissing(t.Context(), kafka.Topic{Name: c.topic(flights.StatsTopic), Partitions: 5})
		if err != nil {
			t.Fatal(err)
		}
		refusal{program: "flights", args: c.args("--topic-prefix", c.prefix), code: 1, want: append(want, flights.AirportsTopic, flights.EnrichedTopic)}.check(t)
	})
}

// own lists the test's topics and subjects on the cluster.
func (c *cluster) own(t *testing.T) (names []string) {
	t.Helper()
	for _, topic := range topics {
		if count, err := c.kafka.Partitions(c.topic(topic)); err == nil && count > 0 {
			names = append(names, topic)
		}
	}
	subjects, err := c.schemas.Subjects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range subjects {
		if strings.HasPrefix(subject, c.prefix) {
			names = append(names, subject)
		}
	}
	return names
}

func TestValidateListsEveryFaultAndChangesNothing(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		want := []string{"--create-topics", "airport-stats-value", "flights-enriched-value", "flights-dead-letters-value"}
		for _, topic := range topics {
			want = append(want, `topic "`+topic+`"`)
		}
		for _, extra := range [][]string{nil, {"--create-topics", "4"}, {"--auto-register"}} {
			args := c.args(append([]string{"--validate", "--topic-prefix", c.prefix, "--state", "never-made"}, extra...)...)
			r := refusal{program: "flights", args: args, code: 1, want: want}
			cmd := r.command(t)
			r.report(t, cmd)
			if _, err := os.Stat(filepath.Join(cmd.Dir, "never-made")); !os.IsNotExist(err) {
				t.Errorf("got %v for the state folder, want it not made", err)
			}
		}
		if got := c.own(t); len(got) > 0 {
			t.Errorf("got %v on the cluster, want nothing created", got)
		}
	})
}

func TestValidateSaysThatAllIsThere(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		p := c.startFlights(t, t.TempDir())
		p.awaitLog(t, "msg=running")
		p.stop(t)
		stdout, stderr, code := run(t, "flights", c.args("--validate", "--topic-prefix", c.prefix)...)
		last := "topology flights is valid: its topics and schemas are there\n"
		if code != 0 || stderr != "" || strings.Contains(stdout, "fault:") || !strings.HasSuffix(stdout, last) {
			t.Errorf("got exit code %d, standard output %q, standard error %q; want 0, the checks and %q, nothing", code, stdout, stderr, last)
		}
	})
}
