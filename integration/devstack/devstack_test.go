package devstack_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/codecs/registry/dirlock"
	"github.com/gokavro/gokavro/integration/devstack"
)

func start(t *testing.T, cfg devstack.Config) *devstack.Stack {
	t.Helper()
	stack, err := devstack.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	return stack
}

func connect(t *testing.T, stack *devstack.Stack, cfg *sarama.Config) sarama.Client {
	t.Helper()
	client, err := sarama.NewClient(stack.Brokers(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil && !errors.Is(err, sarama.ErrClosedClient) {
			t.Error(err)
		}
	})
	return client
}

func register(t *testing.T, stack *devstack.Stack, subject string) registry.Schema {
	t.Helper()
	client, err := registry.New(registry.Config{URLs: []string{stack.RegistryURL()}})
	if err != nil {
		t.Fatal(err)
	}
	schema, err := client.Register(t.Context(), subject, `"string"`)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestStartGivesABrokerAndARegistry(t *testing.T) {
	t.Parallel()
	stack := start(t, devstack.Config{})
	if got := connect(t, stack, config()).Brokers(); len(got) != 1 {
		t.Errorf("got %d brokers, want 1", len(got))
	}
	if got := register(t, stack, "s"); got.ID != 1 {
		t.Errorf("got schema id %d, want 1", got.ID)
	}
}

func TestOneOfThemCanBeLeftOut(t *testing.T) {
	t.Parallel()
	onlyKafka := start(t, devstack.Config{NoRegistry: true, RegistryAddr: "not an address"})
	if len(onlyKafka.Brokers()) != 1 || onlyKafka.RegistryURL() != "" {
		t.Errorf("got %v and %q, want a broker only", onlyKafka.Brokers(), onlyKafka.RegistryURL())
	}
	onlyRegistry := start(t, devstack.Config{NoKafka: true, KafkaAddr: "not an address"})
	if len(onlyRegistry.Brokers()) != 0 || onlyRegistry.RegistryURL() == "" {
		t.Errorf("got %v and %q, want a registry only", onlyRegistry.Brokers(), onlyRegistry.RegistryURL())
	}
}

func TestTopicsAreNotMadeByAsking(t *testing.T) {
	t.Parallel()
	stack := start(t, devstack.Config{NoRegistry: true, Partitions: 3})
	cfg := config()
	cfg.Metadata.Retry.Max = 0
	client := connect(t, stack, cfg)
	if _, err := client.Partitions("missing"); !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		t.Errorf("got %v, want an unknown topic", err)
	}
	createTopic(t, client, "made", -1)
	if got, err := client.Partitions("made"); err != nil || len(got) != 3 {
		t.Errorf("got partitions %v %v, want 3", got, err)
	}
}

func TestTheGivenHostIsWhatClientsAreTold(t *testing.T) {
	t.Parallel()
	stack := start(t, devstack.Config{KafkaAddr: "localhost:0", RegistryAddr: "localhost:0"})
	if got := stack.Brokers()[0]; !strings.HasPrefix(got, "localhost:") {
		t.Errorf("got %s, want the host localhost", got)
	}
	if got := connect(t, stack, config()).Brokers()[0].Addr(); got != stack.Brokers()[0] {
		t.Errorf("the broker says %s, want %s", got, stack.Brokers()[0])
	}
	if got := stack.RegistryURL(); !strings.HasPrefix(got, "http://localhost:") {
		t.Errorf("got %s, want the host localhost", got)
	}
	register(t, stack, "s")
}

func TestAPortInUseIsNamed(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	addr := taken.Addr().String()
	for _, tc := range []struct {
		what string
		cfg  devstack.Config
	}{
		{"kafka", devstack.Config{KafkaAddr: addr, Dir: t.TempDir()}},
		{"registry", devstack.Config{RegistryAddr: addr, Dir: t.TempDir()}},
	} {
		t.Run(tc.what, func(t *testing.T) {
			t.Parallel()
			_, err := devstack.Start(t.Context(), tc.cfg)
			want := "devstack: " + tc.what + " address " + addr + " is in use: stop what listens there or choose another address with --" + tc.what
			if err == nil || err.Error() != want {
				t.Fatalf("got %v, want %s", err, want)
			}
			// What was started before it is stopped: the folder is free again.
			start(t, devstack.Config{Dir: tc.cfg.Dir})
		})
	}
}

func TestStartRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		name string
		ctx  context.Context
		cfg  devstack.Config
		says string
	}{
		{"nothing to start", t.Context(), devstack.Config{NoKafka: true, NoRegistry: true}, "leave one of them in"},
		{"no port", t.Context(), devstack.Config{KafkaAddr: "localhost"}, `kafka address "localhost" is not host:port`},
		{"no number", t.Context(), devstack.Config{RegistryAddr: "localhost:much"}, `registry address "localhost:much" is not host:port`},
		{"port too high", t.Context(), devstack.Config{RegistryAddr: "localhost:70000"}, "is not host:port"},
		{"another machine's address", t.Context(), devstack.Config{KafkaAddr: "192.0.2.1:0"}, "choose an address of this machine with --kafka"},
		{"partitions", t.Context(), devstack.Config{Partitions: -1}, "use 1 or more"},
		{"folder", t.Context(), devstack.Config{Dir: file}, file},
		{"ended context", ended, devstack.Config{}, "context canceled"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			stack, err := devstack.Start(tc.ctx, tc.cfg)
			if err == nil {
				t.Fatalf("got no error but brokers %v, %v", stack.Brokers(), stack.Close())
			}
			if !strings.HasPrefix(err.Error(), "devstack: ") || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line that says %q", err, tc.says)
			}
		})
	}
}

func TestAFolderBelongsToOneStack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, devstack.Config{Dir: dir})
	for name, cfg := range map[string]devstack.Config{
		"both": {Dir: dir}, "kafka": {Dir: dir, NoRegistry: true}, "registry": {Dir: dir, NoKafka: true},
	} {
		_, err := devstack.Start(t.Context(), cfg)
		if !errors.Is(err, dirlock.ErrTaken) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "--data") {
			t.Errorf("%s: got %v, want one line that says what to do", name, err)
		}
	}
}

func TestADamagedFolderIsNamed(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"kafka/meta.json", "registry/registry.json"} {
		dir := t.TempDir()
		path := filepath.Join(dir, filepath.FromSlash(part))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("{"), 0o600)); err != nil {
			t.Fatal(err)
		}
		_, err := devstack.Start(t.Context(), devstack.Config{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line that names the folder", part, err)
		}
	}
}

func TestCloseIsDoneOnceAndFreesThePorts(t *testing.T) {
	t.Parallel()
	stack, err := devstack.Start(t.Context(), devstack.Config{})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-stack.Done():
		t.Fatal("done before Close")
	default:
	}
	for range 2 {
		if err := stack.Close(); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-stack.Done():
	case <-time.After(patience):
		t.Fatal("not done after Close")
	}
	again := start(t, devstack.Config{
		KafkaAddr:    stack.Brokers()[0],
		RegistryAddr: strings.TrimPrefix(stack.RegistryURL(), "http://"),
	})
	if got, want := again.Brokers()[0], stack.Brokers()[0]; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
