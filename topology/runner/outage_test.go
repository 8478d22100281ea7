package runner_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// faultyRegistry stands before a registry and answers in its place while it is
// told to.
type faultyRegistry struct {
	*httptest.Server
	fault atomic.Pointer[http.HandlerFunc]
}

func newFaultyRegistry(t *testing.T, at string) *faultyRegistry {
	t.Helper()
	target, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	f := &faultyRegistry{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault := f.fault.Load(); fault != nil {
			(*fault)(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

// TestARegistryThatFailsIsWaitedFor has records of new schemas come while the
// registry answers nothing of use.
func TestARegistryThatFailsIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	schemas := newFaultyRegistry(t, b.stack.RegistryURL())
	cfg := b.config(t)
	cfg.Registry, cfg.DialTimeout = []string{schemas.URL}, time.Second // how long one try takes
	r := start(t, points(), cfg).awaitReady(t)
	client, err := registry.New(registry.Config{URLs: []string{b.stack.RegistryURL()}})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i, tt := range []struct {
		name  string
		fault http.HandlerFunc
	}{
		{"status 500", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) }},
		{"status 429", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "later", http.StatusTooManyRequests) }},
		{"garbage", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>welcome</html>")) }},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
	} {
		schemas.fault.Store(&tt.fault)
		schema := fmt.Sprintf(`{"type":"record","name":"point","namespace":"test","fields":[{"name":"x","type":"long"},{"name":"f%d","type":"int"}]}`, i)
		id, err := client.Register(t.Context(), fmt.Sprintf("new-%d", i), schema)
		if err != nil {
			t.Fatal(err)
		}
		value := append(binary.AppendVarint(avro.AppendConfluent(nil, id.ID), int64(i)), 0)
		b.write(t, kafka.Record{Topic: "in", Partition: int32(i), Key: []byte("k"), Value: value})
		r.awaitState(t, runner.Degraded, "waiting for the schema registry")
		schemas.fault.Store(nil)
		want = append(want, strconv.Itoa(i))
		if diff := cmp.Diff(b.awaitValues(t, "out", i+1), want); diff != "" {
			t.Errorf("%s: outputs (-got +want): %s", tt.name, diff)
		}
		r.awaitState(t, runner.Running, "")
	}
	r.stop(t)
	if n := r.Stats().DeadLetters; n > 0 {
		t.Errorf("got %d dead letters, want none", n)
	}
}

// TestBrokersThatGoAwayAreWaitedFor takes the broker's name away at the start,
// and while the runner works the name and the broker.
func TestBrokersThatGoAwayAreWaitedFor(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{NoKafka: true})
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	stackCfg := devstack.Config{NoRegistry: true, Dir: t.TempDir(), KafkaAddr: net.JoinHostPort(testHost, port)}
	cfg := b.config(t)
	cfg.Brokers, cfg.Registry = []string{stackCfg.KafkaAddr}, []string{b.stack.RegistryURL()}
	cfg.DialTimeout, cfg.Wait = time.Second, true
	testNames.away.Store(true)
	r := start(t, counting(), cfg)
	r.awaitState(t, runner.Degraded, "lookup "+testHost)
	testNames.away.Store(false)
	b.restart(t, stackCfg)
	r.awaitState(t, runner.Running, "")
	b.round(t, 0)
	b.awaitRounds(t, 1, runner.ExactlyOnce)
	if err := b.stack.Close(); err != nil {
		t.Fatal(err)
	}
	r.awaitState(t, runner.Degraded, "")
	b.restart(t, stackCfg)
	testNames.away.Store(true)
	r.awaitState(t, runner.Degraded, "")
	testNames.away.Store(false)
	b.round(t, 1)
	b.awaitRounds(t, 2, runner.ExactlyOnce)
	r.awaitState(t, runner.Running, "")
	r.stop(t)
	b.checkCounts(t, 2)
}

// restart starts the broker, and the test's own client to it.
func (b *testBundle) restart(t *testing.T, cfg devstack.Config) {
	t.Helper()
	b.start(t, cfg)
	b.client = kafkatest.Dial(t, kafka.Config{Brokers: b.stack.Brokers()})
}

// freeAddress returns an address on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func TestAStartThatWaitsIsStopped(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{NoKafka: true})
	cfg := b.config(t)
	cfg.Brokers, cfg.Registry = []string{freeAddress(t)}, []string{b.stack.RegistryURL()}
	cfg.DialTimeout, cfg.Wait = 100*time.Millisecond, true
	r := start(t, counting(), cfg)
	r.awaitState(t, runner.Degraded, "no broker answered")
	r.stop(t)
	if state, why := r.State(); state != runner.Stopping || strings.Contains(why, "broker") {
		t.Errorf("got %s because of %q, want %s", state, why, runner.Stopping)
	}
}
