// Package backend is what a goka processor stands on here in place of goka's
// defaults: a consumer group that commits in order and rejoins at once, a
// producer that keeps times and partitions, topics that exist already, and
// state that is restored from its changelog.
package backend

import (
	"fmt"
	"hash"
	"log/slog"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/kafka"
)

// Config says what a processor stands on.
type Config struct {
	Client *kafka.Client
	// StateDir is the folder that holds the state's files.
	StateDir string
	// Names maps the topic names that goka makes up to the cluster's.
	Names Names
	Log   *slog.Logger
	// Assigned is called whenever the process has got its share of the
	// partitions, none included, and their state is restored.
	Assigned func()
}

// Options returns the options that put a goka.Processor on cfg.
func Options(cfg Config) []goka.ProcessorOption {
	settings := cfg.Client.Config()
	return []goka.ProcessorOption{
		goka.WithLogger(debugLog{cfg.Log}),
		goka.WithHasher(kafka.NewHasher),
		// A record without a value is not dropped but comes to the callback.
		goka.WithNilHandling(goka.NilDecode),
		goka.WithStorageBuilder(storageBuilder(cfg.StateDir, cfg.Names)),
		goka.WithTopicManagerBuilder(func([]string) (goka.TopicManager, error) {
			return &topicManager{client: cfg.Client, names: cfg.Names}, nil
		}),
		goka.WithProducerBuilder(func([]string, string, func() hash.Hash32) (goka.Producer, error) {
			writer, err := kafka.NewWriter(settings)
			return &producer{writer: writer, names: cfg.Names}, err
		}),
		goka.WithConsumerSaramaBuilder(func(brokers []string, _ string) (sarama.Consumer, error) {
			inner, err := sarama.NewConsumer(brokers, settings.Sarama())
			return &consumer{Consumer: inner, names: cfg.Names}, err
		}),
		goka.WithConsumerGroupBuilder(func(brokers []string, name, _ string) (sarama.ConsumerGroup, error) {
			conf := settings.Sarama()
			conf.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{goka.CopartitioningStrategy}
			inner, err := sarama.NewConsumerGroup(brokers, name, conf)
			return &group{ConsumerGroup: inner, log: cfg.Log, assigned: cfg.Assigned}, err
		}),
	}
}

// debugLog hands goka's own log lines to slog.
type debugLog struct{ log *slog.Logger }

// Print logs a line of goka's.
func (l debugLog) Print(args ...any) { l.log.Debug("goka", "line", fmt.Sprint(args...)) }

// Println logs a line of goka's.
func (l debugLog) Println(args ...any) { l.log.Debug("goka", "line", fmt.Sprint(args...)) }

// Printf logs a line of goka's.
func (l debugLog) Printf(format string, args ...any) {
	l.log.Debug("goka", "line", fmt.Sprintf(format, args...))
}
