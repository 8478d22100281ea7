package check

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// settings checks the client's own settings, on which it rests that nothing is
// lost. They are not for users to change.
func (r *report) settings(conf *sarama.Config) {
	r.check(Settings, func() {
		wrong := func(name, want string) {
			r.fault(Finding{Check: Settings, What: "the client does not have " + name, Fix: "it must be " + want})
		}
		if conf.Producer.RequiredAcks != sarama.WaitForAll {
			wrong("acks=all", "all")
		}
		if !conf.Producer.Idempotent {
			wrong("enable.idempotence", "true")
		}
		if conf.Consumer.Offsets.Initial != sarama.OffsetOldest {
			wrong("auto.offset.reset=earliest", "earliest")
		}
		if conf.Consumer.IsolationLevel != sarama.ReadCommitted {
			wrong("isolation.level=read_committed", "read_committed")
		}
	})
}

// api is a request that a broker has to know in a version.
type api struct {
	name         string
	key, version int16
	since        string // the release that has it
}

// apis are what the runner cannot do without.
func (g Group) apis() []api {
	list := []api{{"Produce", 0, 7, "2.1"}, {"Fetch", 1, 11, "2.3"}, {"OffsetCommit", 8, 7, "2.3"}, {"JoinGroup", 11, 5, "2.3"}}
	if g.TransactionalID != "" {
		list = append(list, api{"OffsetFetch", 9, 7, "2.5"}, api{"InitProducerId", 22, 3, "2.5"}, api{"TxnOffsetCommit", 28, 3, "2.5"})
	}
	return list
}

// versions checks that each broker is new enough.
func (r *report) versions(g Group, f *facts) {
	r.check(Brokers, func() {
		if f.versionsErr != nil {
			r.unknown(Brokers, "", f.versionsErr)
		}
		for _, broker := range slices.Sorted(maps.Keys(f.versions)) {
			var missing []string
			since := ""
			for _, need := range g.apis() {
				if have, ok := f.versions[broker][need.key]; !ok || have < need.version {
					missing, since = append(missing, fmt.Sprintf("%s version %d", need.name, need.version)), max(since, need.since)
				}
			}
			if len(missing) == 0 {
				continue
			}
			fix := "upgrade it to Kafka " + since + " or later"
			if g.TransactionalID != "" && since >= "2.5" {
				fix += ", or set delivery to at_least_once"
			}
			r.fault(Finding{Check: Brokers, What: fmt.Sprintf("broker %s does not know %s", broker, strings.Join(missing, ", ")), Fix: fix})
		}
	})
}

// creation tells why missing topics could not be created.
func (r *report) creation(f *facts) {
	r.check(Creation, func() {
		if f.createErr != nil {
			r.unknown(Creation, "", f.createErr)
		}
		for _, topic := range slices.Sorted(maps.Keys(f.refused)) {
			err := f.refused[topic]
			found := Finding{Check: Creation, Topic: topic, What: fmt.Sprintf("it is missing and could not be created: %v", err), Fix: "correct the settings, or create it by hand"}
			if errors.Is(err, sarama.ErrTopicAuthorizationFailed) || errors.Is(err, sarama.ErrClusterAuthorizationFailed) {
				found.Fix = "allow it with " + topicGrant(topic, []sarama.AclOperation{sarama.AclOperationCreate}).Command() + ", or have gokavro topology apply create it"
			}
			r.fault(found)
		}
	})
}

const (
	fewReplicas = 3 // that a cluster of so many brokers should use
	fewInSync   = 2
)

// replication checks how many copies there are of what the group writes.
func (r *report) replication(g Group, f *facts) {
	r.check(Replication, func() {
		for _, t := range g.Topics {
			found := f.topics[t.Name]
			if !t.Role.written() || !found.exists() {
				continue
			}
			if finding, ok := g.fewCopies(t.Name, found.replicas(), f.brokers); ok {
				r.warning(finding)
			}
			r.inSync(g, t.Name, found.replicas(), f.configs[t.Name][minInSync])
		}
	})
}

func (g Group) fewCopies(topic string, have, brokers int) (Finding, bool) {
	wish, why := g.Replicas, "replication asks for"
	if wish == 0 {
		wish, why = fewReplicas, fmt.Sprintf("a cluster of %d brokers can have", brokers)
		if brokers < fewReplicas {
			return Finding{}, false
		}
	}
	return Finding{
		Check: Replication, Topic: topic,
		What: fmt.Sprintf("its replication factor is %d, %s %d: a broker that is lost can take data with it", have, why, wish),
		Fix:  fmt.Sprintf("raise it with kafka-reassign-partitions, or set replication to %d if that is meant", have),
	}, have < wish
}

// inSync checks the number of copies that a write waits for.
func (r *report) inSync(g Group, topic string, replicas int, value string) {
	have, err := strconv.Atoi(value)
	if err != nil {
		return // unknown, which is said of all settings at once
	}
	if have > replicas {
		r.fault(Finding{
			Check: Replication, Topic: topic, What: fmt.Sprintf("min.insync.replicas is %d, with %d replicas: every write would be refused", have, replicas),
			Fix: setConfig(topic, minInSync, strconv.Itoa(max(1, replicas-1))),
		})
		return
	}
	wish := g.InSync
	if wish == 0 && replicas >= fewReplicas {
		wish = fewInSync
	}
	if have < wish {
		r.warning(Finding{
			Check: Replication, Topic: topic, What: fmt.Sprintf("min.insync.replicas is %d, below %d: a write that only one broker has counts as kept", have, wish),
			Fix: setConfig(topic, minInSync, strconv.Itoa(wish)),
		})
	}
}

func setConfig(topic, name, value string) string {
	return fmt.Sprintf("kafka-configs --bootstrap-server BROKER --alter --entity-type topics --entity-name %s --add-config %s=%s", topic, name, value)
}

// cleanup checks that no topic loses what the group still needs.
func (r *report) cleanup(g Group, f *facts) {
	r.check(Cleanup, func() {
		for _, t := range g.Topics {
			if err := f.configsErr[t.Name]; errors.Is(err, sarama.ErrTopicAuthorizationFailed) {
				grant := topicGrant(t.Name, []sarama.AclOperation{sarama.AclOperationDescribeConfigs})
				r.warning(Finding{Check: Cleanup, Topic: t.Name, What: "its settings could not be checked: " + grant.what(), Fix: "allow it with " + grant.Command()})
			} else if err != nil {
				r.unknown(Cleanup, t.Name, err)
			}
			if configs, ok := f.configs[t.Name]; ok {
				r.policy(t, retention{configs})
			}
		}
	})
}

// policy checks one topic's cleanup policy by its role.
func (r *report) policy(t Topic, have retention) {
	found, fatal := have.judge(t)
	if found.What == "" {
		return
	}
	found.Check, found.Topic = Cleanup, t.Name
	if fatal {
		r.fault(found)
		return
	}
	r.warning(found)
}

// retention is how long a topic keeps its records, by its settings.
type retention struct{ configs map[string]string }

func (h retention) compacts() bool { return strings.Contains(h.configs[cleanupPolicy], "compact") }

// limits says what is deleted, nothing when all is kept.
func (h retention) limits() string {
	if !strings.Contains(h.configs[cleanupPolicy], "delete") {
		return ""
	}
	if age, ok := h.age(); ok {
		return "older than " + age.String()
	}
	if n, err := strconv.ParseInt(h.configs[retentionBytes], 10, 64); err == nil && n >= 0 {
		return fmt.Sprintf("beyond %d bytes", n)
	}
	return ""
}

// age returns how old a record may get.
func (h retention) age() (time.Duration, bool) {
	millis, err := strconv.ParseInt(h.configs[retentionTime], 10, 64)
	if err != nil || millis < 0 {
		return 0, false
	}
	return time.Duration(millis) * time.Millisecond, true
}

// outlives tells whether rows are dead before they are deleted.
func (h retention) outlives(ttl time.Duration) bool {
	age, ok := h.age()
	n, err := strconv.ParseInt(h.configs[retentionBytes], 10, 64)
	return ttl > 0 && ok && age >= ttl && (err != nil || n < 0)
}

// judge returns what is wrong with it for a topic's role, and whether that is a
// fault.
func (h retention) judge(t Topic) (found Finding, fatal bool) {
	policy, limits := h.configs[cleanupPolicy], h.limits()
	compact := setConfig(t.Name, cleanupPolicy, "compact")
	switch t.Role {
	case Store:
		switch {
		case limits != "" && (!h.compacts() || !h.outlives(t.TTL)):
			return Finding{What: fmt.Sprintf("its cleanup.policy %s deletes rows %s, and state is lost with them", policy, limits), Fix: compact}, true
		case !h.compacts():
			return Finding{What: fmt.Sprintf("its cleanup.policy %s keeps every change of every row: it grows for ever", policy), Fix: compact}, false
		}
	case Lookup, Join:
		if limits != "" {
			return Finding{What: fmt.Sprintf("its cleanup.policy %s deletes records %s, and rows of the table with them", policy, limits), Fix: compact}, false
		}
	case DeadLetters, Retry, Loop:
		switch {
		case h.compacts():
			return Finding{
				What: fmt.Sprintf("its cleanup.policy %s keeps one record of each key, and refuses those without one", policy),
				Fix:  setConfig(t.Name, cleanupPolicy, "delete"),
			}, true
		case t.Role == Loop && limits != "":
			return Finding{What: fmt.Sprintf("records %s are deleted, also those that are still to be processed", limits), Fix: setConfig(t.Name, retentionTime, "-1")}, false
		}
	}
	return Finding{}, false
}
