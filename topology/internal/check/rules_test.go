package check

import (
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/kafka"
)

func TestSettingsThatLoseDataAreFaults(t *testing.T) {
	t.Parallel()
	ours := kafka.Config{Brokers: []string{"a:1"}}.Sarama()
	r := &report{}
	if r.settings(ours); len(r.Faults) > 0 || len(r.Passed) != 1 {
		t.Errorf("got %v for the settings that we use", r.Faults)
	}
	for want, spoil := range map[string]func(*sarama.Config){
		"acks=all":                       func(c *sarama.Config) { c.Producer.RequiredAcks = sarama.WaitForLocal },
		"enable.idempotence":             func(c *sarama.Config) { c.Producer.Idempotent = false },
		"auto.offset.reset=earliest":     func(c *sarama.Config) { c.Consumer.Offsets.Initial = sarama.OffsetNewest },
		"isolation.level=read_committed": func(c *sarama.Config) { c.Consumer.IsolationLevel = sarama.ReadUncommitted },
	} {
		conf := kafka.Config{Brokers: []string{"a:1"}}.Sarama()
		spoil(conf)
		r := &report{}
		if r.settings(conf); len(r.Faults) != 1 || !strings.Contains(r.Faults[0].What, want) {
			t.Errorf("%s: got %v, want one fault", want, r.Faults)
		}
	}
}

func TestRetentionIsJudgedByTheRoleOfATopic(t *testing.T) {
	t.Parallel()
	const good, doubt, fault = "good", "a warning", "a fault"
	for _, tt := range []struct {
		name                string
		topic               Topic
		policy, time, bytes string
		want                string
	}{
		{name: "store", topic: Topic{Role: Store}, policy: "compact", time: "1000", bytes: "5", want: good},
		{name: "store without limits", topic: Topic{Role: Store}, policy: "compact,delete", time: "-1", bytes: "-1", want: good},
		{name: "store bounded by size", topic: Topic{Role: Store}, policy: "delete,compact", time: "-1", bytes: "5", want: fault},
		{name: "store that grows", topic: Topic{Role: Store}, policy: "delete", time: "-1", bytes: "-1", want: doubt},
		{name: "rows that live as long", topic: Topic{Role: Store, TTL: time.Second}, policy: "compact,delete", time: "1000", bytes: "-1", want: good},
		{name: "rows that live longer", topic: Topic{Role: Store, TTL: 2 * time.Second}, policy: "compact,delete", time: "1000", bytes: "-1", want: fault},
		{name: "rows bounded by size", topic: Topic{Role: Store, TTL: time.Second}, policy: "compact,delete", time: "1000", bytes: "5", want: fault},
		{name: "lookup", topic: Topic{Role: Lookup}, policy: "delete", time: "-1", bytes: "-1", want: good},
		{name: "join with a limit", topic: Topic{Role: Join}, policy: "delete", time: "5", bytes: "-1", want: doubt},
		{name: "input with a limit", topic: Topic{Role: Input}, policy: "delete", time: "5", bytes: "5", want: good},
		{name: "retry", topic: Topic{Role: Retry}, policy: "delete", time: "5", bytes: "5", want: good},
		{name: "retry that is compacted", topic: Topic{Role: Retry}, policy: "compact", want: fault},
		{name: "loop with a limit", topic: Topic{Role: Loop}, policy: "delete", time: "3600000", bytes: "-1", want: doubt},
		{name: "loop that is compacted", topic: Topic{Role: Loop}, policy: "compact,delete", time: "-1", want: fault},
	} {
		found, fatal := retention{map[string]string{cleanupPolicy: tt.policy, retentionTime: tt.time, retentionBytes: tt.bytes}}.judge(tt.topic)
		got := good
		if fatal {
			got = fault
		} else if found.What != "" {
			got = doubt
		}
		if got != tt.want {
			t.Errorf("%s: got %s (%s), want %s", tt.name, got, found.What, tt.want)
		}
	}
}

func TestOperationsThatABrokerDoesNotTellAreNotMissing(t *testing.T) {
	t.Parallel()
	read := operations{bits: 1 << sarama.AclOperationRead, known: true}
	for name, tt := range map[string]struct {
		have operations
		want int
	}{"one": {read, 1}, "none": {operations{known: true}, 2}, "not asked": {operations{}, 0}, "not told": {operations{bits: unsaid, known: true}, 0}} {
		if got := tt.have.lacks(sarama.AclOperationRead, sarama.AclOperationWrite); len(got) != tt.want {
			t.Errorf("%s: got %v missing, want %d", name, got, tt.want)
		}
	}
}

// The partitions of murmur2 are those of Java's clients: murmur2("21") is
// -973932308 (org.apache.kafka.common.utils.UtilsTest).
func TestHashersPlaceKeysAsClientsDo(t *testing.T) {
	t.Parallel()
	const java = (-973932308 & 0x7fffffff) % 10
	if got := Murmur2().partition([]byte("21"), 10); got != java {
		t.Errorf("got partition %d by murmur2, want %d", got, java)
	}
	conf := sarama.NewHashPartitioner("t")
	for _, key := range []string{"", "a", "flights", "21"} {
		want, err := conf.Partition(&sarama.ProducerMessage{Key: sarama.StringEncoder(key)}, 10)
		if got := FNV1a().partition([]byte(key), 10); err != nil || got != want {
			t.Errorf("key %q: got partition %d by FNV-1a, want %d (%v)", key, got, want, err)
		}
	}
}
