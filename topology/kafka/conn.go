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
	cut func()
}

// DialConn connects to the cluster as [Dial] does. Close the connection after
// use.
func DialConn(ctx context.Context, cfg Config) (*Conn, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	conf, cut := cfg.Cuttable()
	conf.Metadata.Retry.Max = 0
	conf.Net.ReadTimeout, conf.Net.WriteTimeout = requestPatience, requestPatience
	client, err := connect(ctx, cfg, conf)
	if err != nil {
		cut()
		return nil, err
	}
	return &Conn{Client: client, cut: cut}, nil
}

// Cuttable is [Config.Sarama] for one whose requests may have to end at once: cut
// ends all connections that are made with it, lets no more be made, and has what
// sarama tries again be tried without pauses. It is to be called at the end in any
// case.
func (c Config) Cuttable() (conf *sarama.Config, cut func()) {
	life, cut := context.WithCancel(context.Background())
	conf = c.Sarama()
	conf.Net.Proxy.Enable = true
	conf.Net.Proxy.Dialer = boundDialer(life, conf.Net.DialTimeout)
	conf.Metadata.Retry.BackoffFunc = func(int, int) time.Duration {
		if life.Err() != nil {
			return 0
		}
		return conf.Metadata.Retry.Backoff
	}
	return conf, cut
}

// Cut ends every request that is under way and lets no other one succeed.
func (c *Conn) Cut() { c.cut() }

// Apart sends a request to a broker on a connection for this one question, so
// that no question waits for the answer to another one, or falls with it; sarama's
// brokers say that they are not connected to one who asks while another connects.
func (c *Conn) Apart(broker *sarama.Broker, send func(*sarama.Broker) error) error {
	own := sarama.NewBroker(broker.Addr())
	if err := own.Open(c.Config()); err != nil {
		return err
	}
	defer func() { _ = own.Close() }()
	return send(own)
}

// CouldCreate asks whether topics that are missing could be created, and creates
// none. It returns why those that could not are refused.
func (c *Conn) CouldCreate(topics ...Topic) (refused map[string]error, err error) {
	details := map[string]*sarama.TopicDetail{}
	for _, topic := range topics {
		details[topic.Name] = topic.detail()
	}
	controller, err := c.Controller()
	if err != nil {
		return nil, fmt.Errorf("kafka: finding the cluster's controller: %w", err)
	}
	const dry = true
	var response *sarama.CreateTopicsResponse
	err = c.Apart(controller, func(own *sarama.Broker) (err error) {
		response, err = own.CreateTopics(sarama.NewCreateTopicsRequest(c.Config().Version, details, requestPatience, dry))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("kafka: asking the cluster's controller: %w", err)
	}
	refused = map[string]error{}
	for name, fault := range response.TopicErrors {
		if fault.Err != sarama.ErrNoError && fault.Err != sarama.ErrTopicAlreadyExists {
			refused[name] = fault
		}
	}
	return refused, nil
}

// Close ends the connections. A second Close does nothing.
func (c *Conn) Close() error {
	c.cut()
	if err := c.Client.Close(); err != nil && !errors.Is(err, sarama.ErrClosedClient) {
		return fmt.Errorf("kafka: closing a connection: %w", err)
	}
	return nil
}
