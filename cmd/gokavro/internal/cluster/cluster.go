// Package cluster holds the flags by which a command finds Kafka and the schema
// registry, and connects to both.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

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

const defaultDialTimeout = 20 * time.Second

// Flags are the values of the connection flags of one command.
type Flags struct {
	brokers, registry []string
	dialTimeout       time.Duration
}

// Bind adds the connection flags to cmd.
func Bind(cmd *cobra.Command) *Flags {
	f := &Flags{}
	f.bindBrokers(cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&f.registry, "registry", nil,
		"schema registry `URL`s, separated by commas (or $"+RegistryVariable+")")
	flags.DurationVar(&f.dialTimeout, "dial-timeout", defaultDialTimeout,
		"how long an unreachable broker or registry is tried")
	return f
}

// BindKafka adds the flags of a command that needs no registry.
func BindKafka(cmd *cobra.Command) *Flags {
	f := &Flags{}
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
	Registry *registry.Client
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
func (f *Flags) Check() (*Plan, error) {
	cfg, err := f.CheckKafka()
	if err != nil {
		return nil, err
	}
	urls, err := orVariable(f.registry, "registry", RegistryVariable)
	if err != nil {
		return nil, err
	}
	client, err := f.newRegistry(urls)
	if err != nil {
		return nil, err
	}
	return &Plan{config: cfg, registry: client}, nil
}

// CheckRegistry does what Check does for the registry alone; without one it
// returns nil.
func (f *Flags) CheckRegistry() (*registry.Client, error) {
	urls := orEnvironment(f.registry, RegistryVariable)
	if err := f.checkTimeout(); err != nil || len(urls) == 0 {
		return nil, err
	}
	return f.newRegistry(urls)
}

func (f *Flags) newRegistry(urls []string) (*registry.Client, error) {
	client, err := registry.New(registry.Config{URLs: urls, Timeout: f.dialTimeout})
	if err != nil {
		return nil, cli.Usage(fmt.Errorf("--registry: %w", err))
	}
	return client, nil
}

func (f *Flags) checkTimeout() error {
	if f.dialTimeout <= 0 {
		return cli.Usage(fmt.Errorf("--dial-timeout %s: give a duration above 0, such as 20s", f.dialTimeout))
	}
	return nil
}

// CheckKafka does what Check does for the cluster alone.
func (f *Flags) CheckKafka() (kafka.Config, error) {
	brokers, err := orVariable(f.brokers, "brokers", BrokersVariable)
	if err != nil {
		return kafka.Config{}, err
	}
	if err := f.checkTimeout(); err != nil {
		return kafka.Config{}, err
	}
	cfg := kafka.Config{Brokers: brokers, Timeout: f.dialTimeout}
	if err := cfg.Validate(); err != nil {
		return kafka.Config{}, cli.Usage(fmt.Errorf("--brokers: %w", err))
	}
	return cfg, nil
}

func orVariable(given []string, flag, variable string) ([]string, error) {
	list := orEnvironment(given, variable)
	if len(list) == 0 {
		return nil, cli.Usage(fmt.Errorf("no %s: give --%s or set %s", flag, flag, variable))
	}
	return list, nil
}

func orEnvironment(given []string, variable string) (list []string) {
	if len(given) == 0 {
		given = strings.Split(os.Getenv(variable), ",")
	}
	for _, item := range given {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// Connect connects to the cluster and makes sure that the registry is there.
// It gives either of them up after --dial-timeout.
func (p *Plan) Connect(ctx context.Context) (*Site, error) {
	client, err := kafka.Dial(ctx, p.config)
	if err != nil {
		return nil, err
	}
	if err := p.registry.Ping(ctx); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &Site{Config: p.config, Kafka: client, Registry: p.registry}, nil
}
