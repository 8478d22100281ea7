package integration_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// visitors counts the records of each key.
func visitors() *topology.Topology {
	t := topology.New("visitors")
	topology.Process(topology.Input(t, "visits", codecs.String()), topology.Store(t, "counts", codecs.Int64()),
		func(in processors.Record[string], row *processors.Row[int64], emit func(string)) error {
			n, _ := row.Get()
			row.Set(n + 1)
			emit(in.Value)
			return nil
		}).To("seen", codecs.String())
	return t
}

func (c *cluster) visitors(t *testing.T) *runner.Runner {
	t.Helper()
	r, err := runner.New(visitors(), runner.Config{
		Brokers: strings.Split(c.brokers, ","), Registry: []string{c.registry}, TopicPrefix: c.prefix, StateDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (c *cluster) plan(t *testing.T) (*runner.Plan, runner.PlanSite) {
	t.Helper()
	plan, err := runner.NewPlan(visitors(), runner.Config{TopicPrefix: c.prefix, CreateTopics: 3})
	if err != nil {
		t.Fatal(err)
	}
	return plan, runner.PlanSite{Kafka: c.kafka, Registry: c.schemas}
}

func TestAPlanIsAppliedAndThenThereIsNothingToDo(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		plan, at := c.plan(t)
		for _, empty := range []bool{true, false} {
			changes, err := plan.Apply(t.Context(), at)
			if err != nil || empty == (len(changes) == 0) {
				t.Fatalf("got %v, %v; want changes on an empty cluster: %t", changes, err, empty)
			}
		}
		report, err := c.visitors(t).Examine(t.Context())
		if err != nil || len(report.Faults) > 0 || len(report.Warnings) > 0 {
			t.Errorf("got %+v, %v; want a start that nothing is in the way of", report, err)
		}
		drift := map[string]string{"cleanup.policy": "compact,delete", "retention.ms": "60000"}
		if err := c.kafka.AlterTopic(c.prefix+"counts", drift); err != nil {
			t.Fatal(err)
		}
		err = c.visitors(t).Check(t.Context())
		if want := "its cleanup.policy compact,delete deletes rows older than 1m0s"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
		changes, err := plan.Apply(t.Context(), at)
		if want := "cleanup.policy compact,delete -> compact"; err != nil || len(changes) != 1 || changes[0].Detail != want {
			t.Errorf("got %v, %v; want %q", changes, err, want)
		}
		if err := c.visitors(t).Check(t.Context()); err != nil {
			t.Errorf("got %v after apply", err)
		}
	})
}

func TestKeysOfAnotherPartitionerAreFoundOnEachBroker(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		plan, at := c.plan(t)
		if _, err := plan.Apply(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		kafkatest.Fill(t, c.kafka.Config(), func(put func(kafka.Record)) {
			for partition := range int32(3) {
				for _, key := range []string{"a", "b", "c", "d"} {
					put(kafka.Record{Topic: c.prefix + "visits", Partition: partition, Key: []byte(key), Value: []byte("v")})
				}
			}
		})
		err := c.visitors(t).Check(t.Context())
		if want := "8 of 12 keys of a sample are not where murmur2 puts them"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	})
}

// deny keeps everybody from one operation and allows all others, since a broker
// refuses what no ACL of a resource is about.
func deny(admin sarama.ClusterAdmin, kind sarama.AclResourceType, name string, operation sarama.AclOperation) error {
	rule := func(operation sarama.AclOperation, permission sarama.AclPermissionType) *sarama.Acl {
		return &sarama.Acl{Principal: "User:ANONYMOUS", Host: "*", Operation: operation, PermissionType: permission}
	}
	return admin.CreateACLs([]*sarama.ResourceAcls{{
		Resource: sarama.Resource{ResourceType: kind, ResourceName: name, ResourcePatternType: sarama.AclPatternPrefixed},
		Acls:     []*sarama.Acl{rule(sarama.AclOperationAll, sarama.AclPermissionAllow), rule(operation, sarama.AclPermissionDeny)},
	}})
}

// On devstack it is tested beside the runner.
func TestMissingPermissionsAreNamedOnARealBroker(t *testing.T) {
	t.Parallel()
	brokers := os.Getenv("KAFKA_BROKERS")
	if brokers == "" {
		t.Skip("KAFKA_BROKERS names no brokers")
	}
	c := newCluster(t, brokers, os.Getenv("SCHEMA_REGISTRY_URL"))
	plan, at := c.plan(t)
	if _, err := plan.Apply(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if err := c.visitors(t).Check(t.Context()); err != nil {
		t.Fatalf("got %v where everything is allowed", err)
	}
	admin, err := sarama.NewClusterAdminFromClient(c.kafka.Sarama())
	if err != nil {
		t.Fatal(err)
	}
	group := c.prefix + "visitors"
	err = errors.Join(
		deny(admin, sarama.AclResourceTopic, c.prefix+"visits", sarama.AclOperationRead),
		deny(admin, sarama.AclResourceTopic, c.prefix+"counts", sarama.AclOperationWrite),
		deny(admin, sarama.AclResourceTopic, c.prefix+"seen", sarama.AclOperationDescribe),
		deny(admin, sarama.AclResourceGroup, group, sarama.AclOperationRead),
		deny(admin, sarama.AclResourceTransactionalID, group, sarama.AclOperationWrite),
	)
	if errors.Is(err, sarama.ErrSecurityDisabled) {
		t.Skip("the broker has no authorizer")
	}
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"topic " + c.prefix + "visits: Read on topic " + c.prefix + "visits is not allowed: allow it with kafka-acls",
		"topic " + c.prefix + "counts: Write on topic " + c.prefix + "counts is not allowed",
		"topic " + c.prefix + "seen: Write on topic " + c.prefix + "seen is not allowed",
		"Read on group " + group + " is not allowed",
		"Write on transactional-id " + group + "- is not allowed",
	}
	// The broker takes the rules up a moment later.
	deadline, cancel := context.WithTimeout(t.Context(), kafkatest.Patience)
	defer cancel()
	for err = errors.New("nothing was checked"); !containsAll(err, want) && deadline.Err() == nil; {
		err = c.visitors(t).Check(deadline)
	}
	if !containsAll(err, want) {
		t.Fatalf("got %v, want each of %q in it", err, want)
	}
}

func containsAll(err error, parts []string) bool {
	return err != nil && !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(err.Error(), part) })
}

// It needs integration/kafka.sh start --nodes 3, as `.ci/run nodes` has it; the
// embedded broker shows the same beside the runner.
func TestFewReplicasAreWarnedOfOnThreeNodes(t *testing.T) {
	t.Parallel()
	brokers := os.Getenv("KAFKA_BROKERS")
	if strings.Count(brokers, ",") < 2 {
		t.Skip("KAFKA_BROKERS names less than three brokers")
	}
	c := newCluster(t, brokers, os.Getenv("SCHEMA_REGISTRY_URL"))
	few := []kafka.Topic{{Name: c.prefix + "seen", Partitions: 3, Replicas: 1, MinInSync: 1}, {Name: c.prefix + "counts", Partitions: 3, Compact: true, MinInSync: 1}}
	kafkatest.Create(t, c.kafka, few...)
	plan, at := c.plan(t)
	if _, err := plan.Apply(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	report, err := c.visitors(t).Examine(t.Context())
	if err != nil || len(report.Faults) > 0 {
		t.Fatalf("got %v, %v; want warnings only", report, err)
	}
	var said []string
	for _, w := range report.Warnings {
		said = append(said, w.String())
	}
	want := []string{"seen: its replication factor is 1, a cluster of 3 brokers can have 3", "counts: min.insync.replicas is 1, below 2"}
	for _, part := range want {
		if !strings.Contains(strings.Join(said, "; "), c.prefix+part) {
			t.Errorf("got the warnings %q, want %q in them", said, part)
		}
	}
	if len(said) != len(want) {
		t.Errorf("got the warnings %q, want %d", said, len(want))
	}
}
