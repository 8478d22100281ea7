package kafka_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// listen serves connections on loopback and returns the address.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// nobody is an address on which nothing listens, for a port that the system
// hands out could be another test's a moment later.
const nobody = "127.0.0.1:1"

// freeAddress returns an address on which nothing listens yet.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func webServer(conn net.Conn) {
	_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
}

func hangUp(net.Conn) {}

func TestDialGivesUpAfterItsTimeout(t *testing.T) {
	t.Parallel()
	const timeout = 600 * time.Millisecond
	for _, tt := range []struct {
		name    string
		address func(t *testing.T) string
		cause   string
	}{
		{"nobody listens", func(*testing.T) string { return nobody }, "connection refused"},
		{"never answers", func(t *testing.T) string { return listen(t, silent) }, "does not answer as a Kafka broker"},
		{"a web server", func(t *testing.T) string { return listen(t, webServer) }, "does not answer as a Kafka broker"},
		{"hangs up", func(t *testing.T) string { return listen(t, hangUp) }, "does not answer as a Kafka broker"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address := tt.address(t)
			cfg := kafka.Config{Brokers: []string{address}, Timeout: timeout}
			for what, connect := range map[string]func() error{
				"Dial":      func() error { _, err := kafka.Dial(t.Context(), cfg); return err },
				"NewWriter": func() error { _, err := kafka.NewWriter(cfg); return err },
			} {
				begun := time.Now()
				err := connect()
				took := time.Since(begun)
				checkFault(t, err, "no broker answered at "+address+" within 600ms: ")
				checkFault(t, err, tt.cause)
				checkFault(t, err, ": start it or correct the address")
				var unreachable *kafka.UnreachableError
				if !errors.As(err, &unreachable) || unreachable.Brokers[0] != address {
					t.Errorf("%s: error %#v, want an UnreachableError for %s", what, err, address)
				}
				if took < timeout || took > timeout+15*time.Second {
					t.Errorf("%s gave up after %s, want %s", what, took, timeout)
				}
			}
		})
	}
}

func TestDialNamesAllBrokersInOneLine(t *testing.T) {
	t.Parallel()
	first, second := nobody, "127.0.0.1:2"
	_, err := kafka.Dial(t.Context(), kafka.Config{Brokers: []string{first, second}, Timeout: 50 * time.Millisecond})
	checkFault(t, err, "no broker answered at "+first+", "+second)
	if strings.Count(err.Error(), "connection refused") != 2 {
		t.Errorf("error %q, want both causes", err)
	}
}

func TestUnreachableErrorKeepsItsCause(t *testing.T) {
	t.Parallel()
	_, err := kafka.Dial(t.Context(), kafka.Config{Brokers: []string{nobody}, Timeout: 50 * time.Millisecond})
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v, want ECONNREFUSED in its chain", err)
	}
}

func TestRequestsGiveUpWhenTheClusterIsGone(t *testing.T) {
	t.Parallel()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	client, err := kafka.Dial(t.Context(), kafka.Config{Brokers: fake.ListenAddrs(), Timeout: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if _, err := client.CreateMissing(t.Context(), kafka.Topic{Name: "t", Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	fake.Close()
	var unreachable *kafka.UnreachableError
	if _, err := client.Partitions("t"); !errors.As(err, &unreachable) {
		t.Errorf("Partitions: error %v, want an UnreachableError", err)
	}
	if _, err := client.LastVisible("t", 0, 0, 1, kafka.ReadCommitted); !errors.As(err, &unreachable) {
		t.Errorf("LastVisible: error %v, want an UnreachableError", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Read(ctx, kafka.Query{Topic: "t"}, nil); err != nil {
		t.Errorf("Read with a context that has ended: %v", err)
	}
	if err := client.Read(ctx, kafka.Query{Topic: "t", UntilEnd: true}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Read until the end: error %v, want context.Canceled", err)
	}
}

func TestDialRejectsABadConfig(t *testing.T) {
	t.Parallel()
	_, err := kafka.Dial(t.Context(), kafka.Config{})
	checkFault(t, err, "no brokers")
	_, err = kafka.NewWriter(kafka.Config{Brokers: []string{"nowhere"}})
	checkFault(t, err, `broker "nowhere"`)
}

func TestDialEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"refused": nobody, "silent": listen(t, silent)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			begun := time.Now()
			_, err := kafka.Dial(ctx, kafka.Config{Brokers: []string{address}, Timeout: time.Minute})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, want context.DeadlineExceeded", err)
			}
			checkFault(t, err, "connecting to "+address)
			if took := time.Since(begun); took > 30*time.Second {
				t.Errorf("Dial ended after %s", took)
			}
		})
	}
}

func TestDialPassesByBrokersThatAreDown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	brokers := append([]string{nobody, listen(t, silent), listen(t, webServer)}, b.cfg.Brokers...)
	begun := time.Now()
	client, err := kafka.Dial(t.Context(), kafka.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("Dial took %s", took)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if err := client.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
	_, err = client.Partitions("any")
	checkFault(t, err, "closed")
}

func TestDialWaitsForABrokerThatStarts(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	tried := make(chan struct{})
	cfg := kafka.Config{Brokers: []string{address}, Timeout: kafkatest.Patience, Logger: firstLog(tried)}
	dialled := make(chan error, 1)
	go func() {
		client, err := kafka.Dial(t.Context(), cfg)
		if err == nil {
			err = client.Close()
		}
		dialled <- err
	}()
	<-tried
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(func(network, _ string) (net.Listener, error) {
		return net.Listen(network, address)
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	if err := <-dialled; err != nil {
		t.Error(err)
	}
}

func TestDialTellsWhenTheAdvertisedAddressIsWrong(t *testing.T) {
	t.Parallel()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	advertise(fake, "127.0.0.1", 1)
	// The context ends after the first try, however long a slow machine takes for it.
	ctx, cancel := context.WithCancel(t.Context())
	tried := make(chan struct{})
	go func() {
		<-tried
		cancel()
	}()
	_, err = kafka.Dial(ctx, kafka.Config{Brokers: fake.ListenAddrs(), Timeout: time.Minute, Logger: firstLog(tried)})
	checkFault(t, err, "its cluster advertises 127.0.0.1:1 (advertised.listeners)")
}

func TestClientConfigHasItsDefaults(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.client.Config()
	if got.ClientID != "gokavro" || got.Logger == nil || got.Brokers[0] != b.cfg.Brokers[0] {
		t.Errorf("config %+v", got)
	}
	if b.client.Sarama().Closed() {
		t.Error("sarama's client is closed")
	}
}
