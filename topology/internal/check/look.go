package check

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"

	"github.com/gokavro/gokavro/topology/kafka"
)

// facts are what is known of the cluster. Errors say what is not.
type facts struct {
	brokers     int
	versions    map[string]map[int16]int16 // the highest version of each API, by broker
	versionsErr error
	topics      map[string]topic
	topicsErr   error
	configs     map[string]map[string]string // by topic and name
	configsErr  map[string]error             // by topic
	group       operations
	groupErr    error
	transactErr error
	refused     map[string]error // topics that could not be created
	createErr   error
	sample      sample
	sampleErr   error
}

// topic is one that exists, unless err says otherwise.
type topic struct {
	err        sarama.KError
	partitions []*sarama.PartitionMetadata
	allowed    operations
}

func (t topic) exists() bool {
	return t.err == sarama.ErrNoError || t.err == sarama.ErrLeaderNotAvailable
}

// replicas returns the smallest replication factor of its partitions.
func (t topic) replicas() int {
	least := 0
	for _, p := range t.partitions {
		if least == 0 || len(p.Replicas) < least {
			least = len(p.Replicas)
		}
	}
	return least
}

// looker asks the brokers on connections of its own, which end with ctx.
type looker struct {
	conn  *kafka.Conn
	group Group
	facts *facts
}

// look asks for everything at once. An error is that of a cluster that cannot
// be asked at all.
func look(ctx context.Context, client *kafka.Client, g Group) (*facts, error) {
	conn, err := kafka.DialConn(ctx, client.Config())
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, conn.Cut)
	defer stop()
	l := &looker{conn: conn, group: g, facts: &facts{brokers: len(conn.Brokers())}}
	var all errgroup.Group
	all.Go(l.askVersions)
	all.Go(l.askGroup(ctx))
	all.Go(l.askTransactions)
	if l.facts.topicsErr = l.askTopics(); l.facts.topicsErr == nil {
		all.Go(l.askConfigs)
		all.Go(l.askKeys)
		all.Go(l.askCreation)
	}
	return l.facts, all.Wait()
}

// any sends a request to one broker after the other until one answers.
func (l *looker) any(send func(*sarama.Broker) error) error {
	err := error(sarama.ErrOutOfBrokers)
	for _, broker := range l.conn.Brokers() {
		if err = l.conn.Apart(broker, send); err == nil {
			return nil
		}
	}
	return err
}

// askVersions asks each broker, since the oldest one counts.
func (l *looker) askVersions() error {
	found := map[string]map[int16]int16{}
	var lock sync.Mutex
	var all errgroup.Group
	for _, broker := range l.conn.Brokers() {
		all.Go(func() error {
			return l.conn.Apart(broker, func(broker *sarama.Broker) error {
				response, err := broker.ApiVersions(&sarama.ApiVersionsRequest{Version: 3, ClientSoftwareName: "gokavro", ClientSoftwareVersion: "1"})
				if err != nil {
					return fmt.Errorf("broker %s: %w", broker.Addr(), err)
				}
				highest := map[int16]int16{}
				for _, api := range response.ApiKeys {
					highest[api.ApiKey] = api.MaxVersion
				}
				lock.Lock()
				defer lock.Unlock()
				found[broker.Addr()] = highest
				return nil
			})
		})
	}
	l.facts.versionsErr = all.Wait()
	l.facts.versions = found
	return nil
}

func (l *looker) names() []string {
	var names []string
	for _, t := range l.group.Topics {
		names = append(names, t.Name)
	}
	return names
}

func (l *looker) askTopics() error {
	l.facts.topics = map[string]topic{}
	return l.any(func(broker *sarama.Broker) error {
		response, err := broker.GetMetadata(&sarama.MetadataRequest{Version: 9, Topics: l.names(), IncludeTopicAuthorizedOperations: true})
		if err != nil {
			return err
		}
		for _, found := range response.Topics {
			t := topic{err: found.Err, partitions: found.Partitions}
			if response.Version >= 8 {
				t.allowed = operations{bits: found.TopicAuthorizedOperations, known: true}
			}
			l.facts.topics[found.Name] = t
		}
		return nil
	})
}

// askCreation asks for what is missing.
func (l *looker) askCreation() error {
	missing := slices.DeleteFunc(slices.Clone(l.group.Create), func(t kafka.Topic) bool {
		return l.facts.topics[t.Name].err != sarama.ErrUnknownTopicOrPartition
	})
	if len(missing) > 0 {
		l.facts.refused, l.facts.createErr = l.conn.CouldCreate(missing...)
	}
	return nil
}

// configNames are the settings of topics that are looked at.
var configNames = []string{cleanupPolicy, retentionTime, retentionBytes, minInSync, maxBytes}

const (
	cleanupPolicy  = "cleanup.policy"
	retentionTime  = "retention.ms"
	retentionBytes = "retention.bytes"
	minInSync      = "min.insync.replicas"
	maxBytes       = "max.message.bytes"
)

func (l *looker) askConfigs() error {
	request := &sarama.DescribeConfigsRequest{Version: 2}
	for _, name := range l.names() {
		if l.facts.topics[name].exists() {
			request.Resources = append(request.Resources, &sarama.ConfigResource{Type: sarama.TopicResource, Name: name, ConfigNames: configNames})
		}
	}
	l.facts.configs, l.facts.configsErr = map[string]map[string]string{}, map[string]error{}
	if len(request.Resources) == 0 {
		return nil
	}
	err := l.any(func(broker *sarama.Broker) error {
		response, err := broker.DescribeConfigs(request)
		if err != nil {
			return err
		}
		for _, resource := range response.Resources {
			l.keepConfigs(resource)
		}
		return nil
	})
	if err != nil {
		for _, resource := range request.Resources {
			l.facts.configsErr[resource.Name] = err
		}
	}
	return nil
}

func (l *looker) keepConfigs(resource *sarama.ResourceResponse) {
	if resource.ErrorCode != 0 {
		l.facts.configsErr[resource.Name] = sarama.KError(resource.ErrorCode)
		return
	}
	values := map[string]string{}
	for _, entry := range resource.Configs {
		values[entry.Name] = entry.Value
	}
	l.facts.configs[resource.Name] = values
}
