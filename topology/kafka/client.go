package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/IBM/sarama"
)

// Client is a connection to a cluster. It is safe for concurrent use.
type Client struct {
	cfg    Config
	sarama sarama.Client
}

// Dial connects to the cluster. It tries until Config.Timeout has passed, then
// returns an [*UnreachableError]; when ctx ends it returns at once with ctx's
// error. Close the client after use.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	client, err := connect(ctx, cfg, cfg.Sarama())
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, sarama: client}, nil
}

// Close ends the connections. A second Close does nothing.
func (c *Client) Close() error {
	if err := c.sarama.Close(); err != nil && !errors.Is(err, sarama.ErrClosedClient) {
		return fmt.Errorf("kafka: closing the client: %w", err)
	}
	return nil
}

// Config returns the settings with their defaults filled in.
func (c *Client) Config() Config { return c.cfg.WithDefaults() }

// Sarama returns the sarama client beneath, for what this package does not
// offer. Its connections are shared and take one request at a time: a long poll
// on them delays everything else, and Close closes it.
func (c *Client) Sarama() sarama.Client { return c.sarama }

// metadata asks the brokers about topics, never creating one. It tries all of
// them until the timeout has passed.
func (c *Client) metadata(ctx context.Context, topics ...string) ([]*sarama.TopicMetadata, error) {
	within, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	for {
		response, err := c.metadataOnce(topics)
		if err == nil {
			return response.Topics, nil
		}
		if errors.Is(err, sarama.ErrClosedClient) {
			return nil, fmt.Errorf("kafka: asking for metadata: %w", err)
		}
		if !pause(within, retryPause) {
			return nil, c.gaveUp(ctx, err)
		}
		_ = c.sarama.RefreshMetadata()
	}
}

// metadataOfAll asks all brokers that can be asked, and returns what each of them
// knows: one of several may not have heard of a new topic yet.
func (c *Client) metadataOfAll(topics []string) (known []*sarama.TopicMetadata) {
	for _, broker := range c.sarama.Brokers() {
		if err := broker.Open(c.sarama.Config()); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
			continue
		}
		response, err := broker.GetMetadata(sarama.NewMetadataRequest(c.sarama.Config().Version, topics))
		if err != nil {
			_ = broker.Close()
			continue
		}
		known = append(known, response.Topics...)
	}
	return known
}

func (c *Client) metadataOnce(topics []string) (*sarama.MetadataResponse, error) {
	if c.sarama.Closed() {
		return nil, sarama.ErrClosedClient
	}
	var causes []error
	for _, broker := range c.sarama.Brokers() {
		if err := broker.Open(c.sarama.Config()); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
			causes = append(causes, err)
			continue
		}
		response, err := broker.GetMetadata(sarama.NewMetadataRequest(c.sarama.Config().Version, topics))
		if err == nil {
			return response, nil
		}
		_ = broker.Close()
		causes = append(causes, err)
	}
	if len(causes) == 0 {
		return nil, sarama.ErrOutOfBrokers
	}
	return nil, oneLine(causes)
}

// gaveUp words the error of a request that was retried until ctx or the timeout
// ended.
func (c *Client) gaveUp(ctx context.Context, cause error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	if isNetwork(cause) || errors.Is(cause, sarama.ErrOutOfBrokers) {
		return &UnreachableError{Brokers: c.cfg.Brokers, Timeout: c.cfg.Timeout, Err: cause}
	}
	return fmt.Errorf("kafka: gave up after %s: %w", c.cfg.Timeout, cause)
}

// isNetwork tells whether the connection is at fault, not the request.
func isNetwork(err error) bool {
	var fault net.Error
	return errors.As(err, &fault) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, sarama.ErrNotConnected)
}
