package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// requestPatience is how long a request on a [Conn] waits for its answer.
const requestPatience = 15 * time.Second

// Conn is a sarama client on connections of its own, for one who speaks the
// protocol himself. It looks each thing up once: trying again is his part. It
// is safe for concurrent use.
type Conn struct {
	sarama.Client
	cut context.CancelFunc
}

// DialConn connects to the cluster as [Dial] does. Close the connection after
// use.
func DialConn(ctx context.Context, cfg Config) (*Conn, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	life, cut := context.WithCancel(context.Background())
	conf := cfg.Sarama()
	conf.Metadata.Retry.Max = 0
	conf.Net.ReadTimeout, conf.Net.WriteTimeout = requestPatience, requestPatience
	conf.Net.Proxy.Enable = true
	conf.Net.Proxy.Dialer = boundDialer(life, conf.Net.DialTimeout)
	client, err := connect(ctx, cfg, conf)
	if err != nil {
		cut()
		return nil, err
	}
	return &Conn{Client: client, cut: cut}, nil
}

// Cut ends every request that is under way and lets no other one succeed.
func (c *Conn) Cut() { c.cut() }

// Close ends the connections. A second Close does nothing.
func (c *Conn) Close() error {
	c.cut()
	if err := c.Client.Close(); err != nil && !errors.Is(err, sarama.ErrClosedClient) {
		return fmt.Errorf("kafka: closing a connection: %w", err)
	}
	return nil
}
