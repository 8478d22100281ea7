// Package cluster holds the flags by which a command finds Kafka and the schema
// registry, and connects to both.
package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Environment variables that stand in for the flags --brokers and --registry.
const (
	BrokersVariable  = "GOKAVRO_BROKERS"
	RegistryVariable = "GOKAVRO_REGISTRY"
)

// Flags are the values of the connection flags of one command.
type Flags struct {
	*RegistryFlags
	brokers []string
}

// Bind adds the connection flags to cmd.
func Bind(cmd *cobra.Command) *Flags {
	f := &Flags{}
	f.bindBrokers(cmd)
	f.RegistryFlags = BindRegistry(cmd)
	return f
}

// BindKafka adds the flags of a command that needs no registry.
func BindKafka(cmd *cobra.Command) *Flags {
	f := &Flags{RegistryFlags: &RegistryFlags{}}
	f.bindBrokers(cmd)
	cmd.Flags().DurationVar(&f.dialTimeout, "dial-timeout", defaultDialTimeout, "how long an unreachable broker is tried")
	return f
}

func (f *Flags) bindBrokers(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.brokers, "brokers", nil,
		"Kafka brokers, `HOST:PORT`, separated by commas (or $"+BrokersVariable+")")
}

// Site is a cluster and its schema registry. Close it after use.
type Site struct {
	Config   kafka.Config
	Kafka    *kafka.Client
	Registry *registry.Client // nil if there may be none and none is given
}

// Close ends the connections to Kafka.
func (s *Site) Close() error { return s.Kafka.Close() }

// Plan is a checked set of connection settings. Nothing is connected yet.
type Plan struct {
	config   kafka.Config
	registry *registry.Client
}

// Check reads the environment for flags that were not given and returns a
// usage error for what is missing or wrong.
func (f *Flags) Check() (*Plan, error) { return f.check(f.Client) }

// CheckOptional is Check for a command that does without a registry.
func (f *Flags) CheckOptional() (*Plan, error) { return f.check(f.OptionalClient) }

func (f *Flags) check(client func() (*registry.Client, error)) (*Plan, error) {
	cfg, err := f.CheckKafka()
	if err != nil {
		return nil, err
	}
	found, err := client()
	if err != nil {
		return nil, err
	}
	return &Plan{config: cfg, registry: found}, nil
}

// CheckKafka does what Check does for the cluster alone.
func (f *Flags) CheckKafka() (kafka.Config, error) {
	brokers, err := orVariable(f.brokers, "brokers", BrokersVariable)
	if err != nil {
		return kafka.Config{}, err
	}
	if err := checkTimeout(f.dialTimeout); err != nil {
		return kafka.Config{}, err
	}
	cfg := kafka.Config{Brokers: brokers, Timeout: f.dialTimeout}
	if err := cfg.Validate(); err != nil {
		return kafka.Config{}, cli.Usage(fmt.Errorf("--brokers: %w", err))
	}
	return cfg, nil
}

// Connect connects to the cluster and makes sure that the registry is there, if
// there is one. It gives either of them up after --dial-timeout.
func (p *Plan) Connect(ctx context.Context) (*Site, error) {
	client, err := kafka.Dial(ctx, p.config)
	if err != nil {
		return nil, err
	}
	if p.registry != nil {
		if err := p.registry.Ping(ctx); err != nil {
			return nil, errors.Join(err, client.Close())
		}
	}
	return &Site{Config: p.config, Kafka: client, Registry: p.registry}, nil
}
