package engine_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/internal/engine"
	"github.com/gokavro/gokavro/topology/internal/task"
	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// A partition that comes while a suspect is in hand begins when that is done:
// a process that dies meanwhile has died of the suspect.
func TestAPartitionThatComesWaitsForASuspect(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := *b
	other.dir = t.TempDir()
	guest := other.mortal()
	edit := guest.edit
	var begun atomic.Int32
	guest.edit = func(cfg *engine.Config) {
		edit(cfg)
		cfg.Committer = func(ctx context.Context) (txn.Committer, error) {
			return txn.NewExactlyOnce(ctx, b.client.Config(), txn.Config{TransactionalID: "other"})
		}
		whole := cfg.Task
		cfg.Task = func(partition int32) task.Config {
			begun.Add(1)
			return whole(partition)
		}
	}
	g := guest.run(t)
	b.until(t, "the guest has the partitions", func() bool { return begun.Load() == partitions })
	host := b.suspicious()
	r := host.run(t)
	suspect := <-host.asked
	b.writeOne(t, suspect, "the suspect")
	if value := <-host.seen; value != "the suspect" {
		t.Fatalf("got %q, want the suspect", value)
	}
	g.stop(t)
	b.write(t, 0, 5)
	b.until(t, "the other partitions have come, and their first records may begin", func() bool {
		return len(b.metadata(t)) == partitions || len(host.seen) > 0
	})
	select {
	case value := <-host.seen:
		t.Errorf("%s is processed together with the suspect", value)
	case <-time.After(200 * time.Millisecond):
	}
	close(host.release)
	b.await(t, 5*partitions+1)
	r.stop(t)
	if got := b.outputs(t); len(got) != 5*partitions+1 {
		t.Errorf("got %d outputs, want each once: %v", len(got), got)
	}
}

// suspicious is an engine that takes the first record of one of its first
// partitions for a suspect, and has it in hand until it is released.
type suspicious struct {
	*mortal
	asked   chan int32  // the partition of the suspect
	seen    chan string // each record that is processed
	release chan struct{}
}

func (b *testBundle) suspicious() *suspicious {
	s := &suspicious{mortal: b.mortal(), asked: make(chan int32, 1), seen: make(chan string, 10*partitions), release: make(chan struct{})}
	s.call = func(_ goka.Context, value string) {
		s.seen <- value
		if value == "the suspect" {
			<-s.release
		}
	}
	edit := s.edit
	var once sync.Once
	s.edit = func(cfg *engine.Config) {
		edit(cfg)
		commits := cfg.Commits
		cfg.Commits = func(ctx context.Context, of map[string][]int32) (map[string]map[int32]kafka.Commit, error) {
			found, err := commits(ctx, of)
			once.Do(func() {
				if found["in"] == nil {
					found = map[string]map[int32]kafka.Commit{"in": {}}
				}
				first := of["in"][0]
				found["in"][first] = kafka.Commit{Metadata: "gokavro/1 by= starts=2 record=0 deaths=1 live=false"}
				s.asked <- first
			})
			return found, err
		}
	}
	return s
}

// writeOne writes a record to a partition.
func (b *testBundle) writeOne(t *testing.T, partition int32, value string) {
	t.Helper()
	kafkatest.Write(t, b.client.Config(), kafka.Record{Topic: "in", Partition: partition, Key: []byte("k"), Value: []byte(value)})
}
