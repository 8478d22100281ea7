package task_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/internal/store"
	"github.com/gokavro/gokavro/topology/internal/task"
)

// BenchmarkTask takes records through a task that reads and writes a row of
// each and writes an output: what the runtime costs without Kafka and codecs.
// Commits come every 10 ms.
func BenchmarkTask(b *testing.B) {
	const keys = 10_000
	row := []byte("a row of forty bytes or so, as records have")
	graph := goka.DefineGroup("g", goka.Input("in", text, func(ctx goka.Context, _ any) {
		c := ctx.(*task.Context)
		key := ctx.Key()
		if _, _, err := c.Row(table, key); err != nil {
			b.Error(err)
		}
		c.SetRow(table, key, row, nil)
		c.Stage(task.Output{Topic: "out", Partition: -1, Key: key, Value: row, Time: ctx.Timestamp()})
	}))
	dir := b.TempDir()
	t := task.New(task.Config{
		Graph: graph, Topics: []string{"in"}, Tables: []store.Spec{{Name: table, Topic: "changes"}},
		Open: func(context.Context) (task.State, error) {
			db, err := store.Open(store.Config{Dir: dir, Owner: store.Owner{Group: "g", Tables: []store.Spec{{Name: table, Topic: "changes"}}}})
			return task.State{DB: db}, err
		},
	})
	ended := make(chan error, 1)
	go func() { ended <- t.Run() }()
	<-t.Ready()
	names := make([][]byte, keys)
	for i := range names {
		names[i] = []byte("key-" + strconv.Itoa(i))
	}
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for first := 0; first < b.N; first += 256 {
			var batch []*sarama.ConsumerMessage
			for i := first; i < min(first+256, b.N); i++ {
				batch = append(batch, &sarama.ConsumerMessage{Topic: "in", Offset: int64(i), Key: names[i%keys], Value: row, Timestamp: time.UnixMilli(int64(i))})
			}
			if err := t.Put(context.Background(), "in", int64(b.N), batch); err != nil {
				return
			}
		}
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for done := 0; done < b.N; <-tick.C {
		s, err := t.Seal()
		if err != nil {
			b.Fatal(err)
		}
		if s == nil {
			continue
		}
		done += s.Units()
		if err := s.Flush(); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	t.Stop()
	<-ended
	if err := t.Close(); err != nil {
		b.Error(err)
	}
}
