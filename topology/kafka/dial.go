package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

const (
	// dialPause lies between two rounds of asking all brokers.
	dialPause = 100 * time.Millisecond
	// dialPatience is how long one broker has to answer within one round.
	dialPatience = 5 * time.Second
)

// UnreachableError tells that no broker of the cluster answered in time.
type UnreachableError struct {
	// Brokers are the addresses that were tried.
	Brokers []string
	// Timeout is how long they were tried.
	Timeout time.Duration
	// Err is what the last try met.
	Err error
}

// Error returns one line that names the addresses, the cause and what to do.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("kafka: no broker answered at %s within %s: %v: start it or correct the address",
		strings.Join(e.Brokers, ", "), e.Timeout, e.Err)
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// connect makes a sarama client once a broker has answered, and gives up after
// the timeout of cfg, which has its defaults.
func connect(ctx context.Context, cfg Config, conf *sarama.Config) (sarama.Client, error) {
	within, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	var cause error
	for {
		client, err := connectOnce(within, cfg, conf)
		if err == nil {
			return client, nil
		}
		// A try that the timeout cut off says less than the one before it. The
		// network's timers may be ahead of the context's own.
		if deadline, _ := within.Deadline(); cause == nil || time.Now().Before(deadline) {
			cause = err
		}
		cfg.Logger.Debug("no broker answered", "brokers", cfg.Brokers, "err", err)
		if pause(within, dialPause) {
			continue
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("kafka: connecting to %s: %w (the last try: %w)", strings.Join(cfg.Brokers, ", "), ctx.Err(), cause)
		}
		return nil, &UnreachableError{Brokers: cfg.Brokers, Timeout: cfg.Timeout, Err: cause}
	}
}

// connectOnce asks all brokers for a sign of life first, because sarama would
// ask them one after the other and give each half a minute.
func connectOnce(ctx context.Context, cfg Config, conf *sarama.Config) (sarama.Client, error) {
	alive, err := firstAlive(ctx, cfg, cfg.Brokers)
	if err != nil {
		return nil, err
	}
	client, err := newClient(ctx, alive, conf)
	if err != nil {
		return nil, err
	}
	advertised := addresses(client)
	if _, err := firstAlive(ctx, cfg, advertised); err != nil {
		_ = client.Close()
		return nil, fmt.Errorf("%s answers, but its cluster advertises %s (advertised.listeners): %w",
			alive, strings.Join(advertised, ", "), err)
	}
	return client, nil
}

// newClient makes the client in a goroutine of its own, because sarama takes no
// context. One that comes too late is closed there.
func newClient(ctx context.Context, address string, conf *sarama.Config) (sarama.Client, error) {
	type result struct {
		client sarama.Client
		err    error
	}
	made := make(chan result)
	go func() {
		client, err := sarama.NewClient([]string{address}, conf)
		select {
		case made <- result{client, err}:
		case <-ctx.Done():
			if client != nil {
				_ = client.Close()
			}
		}
	}()
	select {
	case r := <-made:
		return r.client, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("asking %s for the cluster's metadata: %w", address, ctx.Err())
	}
}

// firstAlive returns the address that answers first. If none does, the error
// has every address's cause in one line.
func firstAlive(ctx context.Context, cfg Config, brokers []string) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		broker string
		err    error
	}
	results := make(chan result, len(brokers))
	for _, broker := range brokers {
		go func() { results <- result{broker, greet(ctx, cfg, broker)} }()
	}
	alive := ""
	var causes []error
	for range brokers {
		r := <-results
		if r.err != nil {
			causes = append(causes, r.err)
			continue
		}
		if alive == "" {
			alive = r.broker
			cancel()
		}
	}
	if alive != "" {
		return alive, nil
	}
	return "", oneLine(causes)
}

// greet finds out whether a Kafka broker answers at the address.
func greet(ctx context.Context, cfg Config, address string) error {
	patience := min(dialPatience, cfg.Timeout)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conf := cfg.Sarama()
	conf.ApiVersionsRequest = false
	conf.Net.ReadTimeout = patience
	conf.Net.WriteTimeout = patience
	conf.Net.Proxy.Enable = true
	conf.Net.Proxy.Dialer = boundDialer(ctx, patience)
	broker := sarama.NewBroker(address)
	if err := broker.Open(conf); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	if connected, err := broker.Connected(); !connected {
		return err
	}
	defer func() { _ = broker.Close() }()
	request := &sarama.ApiVersionsRequest{Version: 3, ClientSoftwareName: defaultClientID, ClientSoftwareVersion: "1"}
	if _, err := broker.ApiVersions(request); err != nil {
		return fmt.Errorf("something listens at %s but does not answer as a Kafka broker: %w", address, err)
	}
	return nil
}

// dialFunc is a proxy.Dialer as sarama wants it.
type dialFunc func(network, address string) (net.Conn, error)

// Dial connects to the address.
func (f dialFunc) Dial(network, address string) (net.Conn, error) { return f(network, address) }

// boundDialer makes connections that live no longer than ctx, so that whoever
// waits for their answer is set free when it ends. Making one takes no longer
// than the timeout.
func boundDialer(ctx context.Context, timeout time.Duration) dialFunc {
	return func(network, address string) (net.Conn, error) {
		dialer := net.Dialer{Timeout: timeout}
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &boundConn{Conn: conn, forget: context.AfterFunc(ctx, func() { _ = conn.Close() })}, nil
	}
}

// boundConn is a connection that is closed at the end of a context, or before.
type boundConn struct {
	net.Conn
	forget func() bool
}

// Close closes the connection.
func (c *boundConn) Close() error {
	c.forget()
	return c.Conn.Close()
}

// addresses lists the brokers that the cluster has told of.
func addresses(client sarama.Client) []string {
	var list []string
	for _, broker := range client.Brokers() {
		list = append(list, broker.Addr())
	}
	return list
}

// pause waits for d and reports whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// oneLine joins errors with semicolons.
func oneLine(errs []error) error {
	switch len(errs) {
	case 0:
		return errors.New("no addresses")
	case 1:
		return errs[0]
	}
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}
