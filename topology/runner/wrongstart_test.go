package runner_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// wrongStart is a cluster that a topology should not start on, or not without a
// word.
type wrongStart struct {
	name     string
	stack    devstack.Config
	topics   []kafka.Topic
	records  []kafka.Record
	config   func(*runner.Config)
	topology func() *topology.Topology // counting by default
	faults   []string                  // of one finding each: check, and parts of the text
	warnings []string
}

func wrongStarts() []wrongStart {
	day := 24 * time.Hour
	hour := func(t *topology.Topology) {
		topology.Process(topology.Input(t, "in", codecs.String()), topology.Store(t, "counts", codecs.Int64(), topology.TTL(time.Hour)),
			func(processors.Record[string], *processors.Row[int64], func(string)) error { return nil }).To("out", codecs.String())
	}
	return []wrongStart{
		{
			name:   "partition counts",
			topics: []kafka.Topic{{Name: "in", Partitions: 4}, {Name: "counts", Partitions: 3, Compact: true}},
			faults: []string{`topics: its inputs and its stores must have the same number of partitions, but "counts": 3; "in": 4`},
		},
		{
			name:   "keys of another partitioner",
			topics: []kafka.Topic{{Name: "in", Partitions: 4}}, records: fnvRecords("in"),
			faults: []string{`partitioner: topic in: * keys of a sample are not where murmur2 puts them, such as "k* in partition * at offset *, which belongs into partition *; fnv1a fits all of them: set partitioner to fnv1a`},
		},
		{
			name:   "keys of no partitioner",
			topics: []kafka.Topic{{Name: "in", Partitions: 4}}, records: roundRobin("in"),
			faults: []string{"partitioner: topic in: *: have all that write the topic place keys with murmur2, or set partitioner to any"},
		},
		{
			name:   "keys of no partitioner, without state",
			topics: []kafka.Topic{{Name: "in", Partitions: 4}}, records: roundRobin("in"), topology: stateless,
			warnings: []string{"partitioner: topic in: *"},
		},
		{
			name: "keys of no partitioner, which is meant", topics: []kafka.Topic{{Name: "in", Partitions: 4}}, records: roundRobin("in"),
			config: func(c *runner.Config) { c.Partitioner = runner.AnyPartitioner },
		},
		{
			name: "keys of the other partitioner, which is set", topics: []kafka.Topic{{Name: "in", Partitions: 4}}, records: fnvRecords("in"),
			config: func(c *runner.Config) { c.Partitioner = runner.FNV1a },
		},
		{
			name: "a broker that is too old", stack: devstack.Config{KafkaVersion: "2.4"},
			faults: []string{"broker version: broker 127.0.0.1:* does not know OffsetFetch version 7, InitProducerId version 3, TxnOffsetCommit version 3: upgrade it to Kafka 2.5 or later, or set delivery to at_least_once"},
		},
		{
			name: "a broker that is old enough for at least once", stack: devstack.Config{KafkaVersion: "2.4"},
			config: func(c *runner.Config) { c.Delivery = runner.AtLeastOnce },
		},
		{
			name: "permissions",
			stack: devstack.Config{Denied: []devstack.Denied{
				{Operation: "READ", Resource: "TOPIC", Name: "in"},
				{Operation: "WRITE", Resource: "TOPIC", Name: "out"},
				{Operation: "ALL", Resource: "TOPIC", Name: "names"},
				{Operation: "READ", Resource: "GROUP", Name: "count"},
				{Operation: "WRITE", Resource: "TRANSACTIONAL_ID", Name: "*"},
			}},
			topics: []kafka.Topic{{Name: "in", Partitions: 4}, {Name: "out", Partitions: 4}},
			faults: []string{
				"permissions: topic in: Read on topic in is not allowed: allow it with kafka-acls --bootstrap-server BROKER --add --allow-principal User:NAME --operation Read --topic in",
				"permissions: topic out: Write on topic out is not allowed: allow it with kafka-acls *--operation Write --topic out",
				"permissions: topic names: Read on topic names is not allowed: *",
				"permissions: Read on group count is not allowed: allow it with kafka-acls *--operation Read --group count",
				"permissions: Write on transactional-id count- is not allowed: allow it with kafka-acls *--operation Write --transactional-id count- --resource-pattern-type prefixed",
			},
		},
		{
			name:   "partition counts, and a topic that is hidden",
			stack:  devstack.Config{Denied: []devstack.Denied{{Operation: "ALL", Resource: "TOPIC", Name: "names"}}},
			topics: []kafka.Topic{{Name: "in", Partitions: 4}, {Name: "counts", Partitions: 3, Compact: true}},
			faults: []string{
				`topics: its inputs and its stores must have the same number of partitions, but "counts": 3; "in": 4`,
				"permissions: topic names: Read on topic names is not allowed: *",
			},
		},
		{
			name: "a topic and a schema that are missing", topology: stateless, topics: []kafka.Topic{{Name: "in", Partitions: 4}, {Name: "out", Partitions: 4}},
			config: func(c *runner.Config) { c.CreateTopics, c.AutoRegister = 0, false },
			faults: []string{
				`topics: topic "count-dead-letters" of the dead letters does not exist: create it, *`,
				"registration: dead letters: avro: the schema of gokavro.DeadLetter is not registered under subject count-dead-letters-value: *",
			},
		},
		{
			name: "topics that may not be created",
			stack: devstack.Config{Denied: []devstack.Denied{
				{Operation: "CREATE", Resource: "CLUSTER", Name: "kafka-cluster"}, {Operation: "CREATE", Resource: "TOPIC", Name: "out"},
			}},
			topics: []kafka.Topic{},
			faults: []string{"creation: topic out: it is missing and could not be created: *authoriz*: allow it with kafka-acls *--operation Create --topic out, or have gokavro topology apply create it"},
		},
		{
			name: "more replicas than brokers", config: func(c *runner.Config) { c.Replication = 3 },
			faults: repeated("creation: topic %s: it is missing and could not be created: *", "counts", "names", "in", "out", "count-dead-letters", "count-retry"),
		},
		{
			name:   "state that is deleted",
			topics: []kafka.Topic{{Name: "counts", Partitions: 4}},
			faults: []string{"cleanup: topic counts: its cleanup.policy delete deletes rows older than 168h0m0s, and state is lost with them: kafka-configs *--entity-name counts --add-config cleanup.policy=compact"},
		},
		{
			name:   "state that is compacted and deleted",
			topics: []kafka.Topic{{Name: "counts", Partitions: 4, Compact: true, Retention: day}},
			faults: []string{"cleanup: topic counts: its cleanup.policy compact,delete deletes rows older than 24h0m0s*"},
		},
		{
			name: "rows that are dead before they are deleted", topology: built(hour),
			topics: []kafka.Topic{{Name: "counts", Partitions: 4, Compact: true, Retention: day}},
		},
		{
			name: "rows that are deleted before they are dead", topology: built(hour),
			topics: []kafka.Topic{{Name: "counts", Partitions: 4, Compact: true, Retention: time.Minute}},
			faults: []string{"cleanup: topic counts: its cleanup.policy compact,delete deletes rows older than 1m0s*"},
		},
		{
			name:     "state that grows for ever",
			topics:   []kafka.Topic{{Name: "counts", Partitions: 4, Retention: -1}},
			warnings: []string{"cleanup: topic counts: its cleanup.policy delete keeps every change of every row: it grows for ever: *"},
		},
		{
			name:   "dead letters that are compacted",
			topics: []kafka.Topic{{Name: "count-dead-letters", Partitions: 4, Compact: true}},
			faults: []string{"cleanup: topic count-dead-letters: its cleanup.policy compact keeps one record of each key, and refuses those without one: *cleanup.policy=delete"},
		},
		{
			name:     "a lookup table that is deleted",
			topics:   []kafka.Topic{{Name: "names", Partitions: 4}},
			warnings: []string{"cleanup: topic names: its cleanup.policy delete deletes records older than 168h0m0s, and rows of the table with them: *"},
		},
		{
			name: "settings that may not be seen", stack: devstack.Config{Denied: []devstack.Denied{{Operation: "DESCRIBE_CONFIGS", Resource: "TOPIC", Name: "counts"}}},
			topics:   []kafka.Topic{{Name: "counts", Partitions: 4}},
			warnings: []string{"cleanup: topic counts: its settings could not be checked: DescribeConfigs on topic counts is not allowed: *"},
		},
		{
			name: "few replicas", stack: devstack.Config{Nodes: 3},
			topics:   []kafka.Topic{{Name: "out", Partitions: 1, Replicas: 1}, {Name: "in", Partitions: 4, Replicas: 1}},
			warnings: []string{"replication: topic out: its replication factor is 1, a cluster of 3 brokers can have 3: a broker that is lost can take data with it: *"},
		},
		{
			name: "fewer replicas than wished", config: func(c *runner.Config) { c.Replication = 2 }, stack: devstack.Config{Nodes: 3},
			topics:   []kafka.Topic{{Name: "out", Partitions: 1, Replicas: 1}},
			warnings: []string{"replication: topic out: its replication factor is 1, replication asks for 2: *"},
		},
		{
			name: "few replicas, strictly", stack: devstack.Config{Nodes: 3}, config: func(c *runner.Config) { c.Strict = true },
			topics: []kafka.Topic{{Name: "out", Partitions: 1, Replicas: 1}},
			faults: []string{"replication: topic out: its replication factor is 1*"},
		},
		{
			name:   "writes that no broker would take",
			topics: []kafka.Topic{{Name: "out", Partitions: 1, MinInSync: 2}},
			faults: []string{"replication: topic out: min.insync.replicas is 2, with 1 replicas: every write would be refused: *"},
		},
		{
			name: "writes that one broker has", stack: devstack.Config{Nodes: 3},
			topics:   []kafka.Topic{{Name: "out", Partitions: 1, Replicas: 3, MinInSync: 1}},
			warnings: []string{"replication: topic out: min.insync.replicas is 1, below 2: a write that only one broker has counts as kept: *--add-config min.insync.replicas=2"},
		},
		{
			name: "several at once",
			topics: []kafka.Topic{
				{Name: "in", Partitions: 4}, {Name: "counts", Partitions: 3}, {Name: "count-dead-letters", Partitions: 4, Compact: true}, {Name: "names", Partitions: 1},
			},
			records: fnvRecords("in"),
			faults:  []string{"topics: *", "cleanup: topic counts: *", "cleanup: topic count-dead-letters: *", "partitioner: topic in: *"},
		},
	}
}

func repeated(text string, topics ...string) (list []string) {
	for _, topic := range topics {
		list = append(list, fmt.Sprintf(text, topic))
	}
	return list
}

func built(fill func(*topology.Topology)) func() *topology.Topology {
	return func() *topology.Topology {
		t := topology.New("count")
		fill(t)
		return t
	}
}

func stateless() *topology.Topology {
	t := topology.New("count")
	topology.Input(t, "in", codecs.String()).To("out", codecs.String())
	return t
}

func fnvRecords(topic string) (list []kafka.Record) {
	for i := range 40 {
		list = append(list, placed(topic, fmt.Sprint("k", i), "v", 4))
	}
	return list
}

func roundRobin(topic string) (list []kafka.Record) {
	for i := range 40 {
		list = append(list, kafka.Record{Topic: topic, Partition: int32(i % 4), Key: fmt.Append(nil, "k", i), Value: []byte("v")})
	}
	return append(list, kafka.Record{Topic: topic, Partition: 1, Value: []byte("without a key")})
}

func TestAWrongStartIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range wrongStarts() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, tt.stack)
			for _, topic := range tt.topics {
				kafkatest.Create(t, b.client, topic)
			}
			b.write(t, tt.records...)
			cfg := b.config(t)
			if tt.config != nil {
				tt.config(&cfg)
			}
			top := counting
			if tt.topology != nil {
				top = tt.topology
			}
			tt.check(t, b, start(t, top(), cfg))
		})
	}
}

// check holds the start against what is wanted of it.
func (tt wrongStart) check(t *testing.T, b *testBundle, r *running) {
	t.Helper()
	if len(tt.faults) == 0 {
		r.awaitReady(t).stop(t)
	} else {
		tt.refused(t, r.end(t))
		if b.log.has("created topics") {
			t.Error("topics were created for a topology that cannot start")
		}
	}
	b.warned(t, tt.warnings)
}

func (tt wrongStart) refused(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range tt.faults {
		_, text, _ := strings.Cut(want, ": ")
		if !matches(err.Error(), "*"+text+"*") {
			t.Errorf("got %v, want %q in it", err, text)
		}
	}
	if n := strings.Count(err.Error(), "; ("); len(tt.faults) != n+1 {
		t.Errorf("got %d faults, want %d: %v", n+1, len(tt.faults), err)
	}
}

// warned checks that the log has these warnings of checks and no others.
func (b *testBundle) warned(t *testing.T, want []string) {
	t.Helper()
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	var lines []string
	for line := range strings.Lines(b.log.text.String()) {
		if strings.Contains(line, "a check before the start") {
			lines = append(lines, line)
		}
	}
	if len(lines) != len(want) {
		t.Errorf("got warnings %q, want %q", lines, want)
		return
	}
	for i, line := range lines {
		check, text, _ := strings.Cut(want[i], ": ")
		topic, text, _ := strings.Cut(strings.TrimPrefix(text, "topic "), ": ")
		what, _, _ := strings.Cut(text, ": ")
		if !matches(line, "*check="+check+" topic="+topic+" err=\""+what+"*") {
			t.Errorf("got %s, want %s", line, want[i])
		}
	}
}

// matches reports whether text is like a pattern, in which * stands for anything.
func matches(text, pattern string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	for _, part := range parts {
		_, rest, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = rest
	}
	return true
}

// describeConfigs is the API of the topics' settings.
const describeConfigs = 32

func TestAStartGoesOnWhereABrokerDoesNotTellItsSettings(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 4, "in")
	b.stack.CutWhere(func(apiKey int16) bool { return apiKey == describeConfigs })
	start(t, counting(), b.config(t)).awaitReady(t).stop(t)
	b.warned(t, []string{"cleanup: topic in: cleanup could not be checked*"})
	cfg := b.config(t)
	cfg.Strict = true
	if err := start(t, counting(), cfg).end(t); err == nil || !strings.Contains(err.Error(), "cleanup could not be checked") {
		t.Errorf("got %v, want a refusal with strict", err)
	}
}

func TestAGokaGroupTakesThePartitionerOfItsInputs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		records func(topic string) []kafka.Record
		config  runner.Partitioner
		opts    []runner.GroupOption
		want    string
	}{
		{name: "none yet", records: func(string) []kafka.Record { return nil }, want: "partitioner=fnv1a"},
		{name: "goka's", records: fnvRecords, want: "partitioner=fnv1a"},
		{name: "Java's", records: javaRecords, want: "partitioner=murmur2"},
		{name: "Java's, which is set", records: javaRecords, config: runner.Murmur2, want: "partitioner=murmur2"},
		{name: "Java's, which is given", records: javaRecords, opts: []runner.GroupOption{runner.Hasher(kafka.NewHasher)}, want: `partitioner="the given hasher"`},
		{name: "Java's, but goka's is set", records: javaRecords, config: runner.FNV1a, want: "murmur2 fits all of them"},
		{name: "none", records: roundRobin, want: "are not where fnv1a puts them"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, devstack.Config{NoRegistry: true})
			b.topics(t, 4, "orders", "owners", "sums", "prices")
			b.write(t, tt.records("owners")...)
			cfg := b.groupConfig(t)
			cfg.Partitioner = tt.config
			g, err := runner.FromGoka(cfg, words(func(goka.Context) {}), tt.opts...)
			if err != nil {
				t.Fatal(err)
			}
			if r := run(t, g); strings.Contains(tt.want, "=") {
				r.awaitReady(t).stop(t)
				if !b.log.has(tt.want) {
					t.Errorf("the log does not have %q", tt.want)
				}
			} else if err := r.end(t); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func javaRecords(topic string) (list []kafka.Record) {
	for i := range 40 {
		list = append(list, record(topic, fmt.Sprint("k", i), "v"))
	}
	return list
}
