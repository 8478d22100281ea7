//go:build unix

package restore_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/codec"
	"github.com/lovoo/goka/storage"

	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

const (
	benchKeys       = 1_000_000
	benchValueBytes = 100
)

// BenchmarkRestore restores 1,000,000 keys with values of 100 bytes from one
// partition, once an iteration, into this store and into goka's. The broker is
// in this process and its work counts in both. Seconds of processor time say
// more than those of the clock when the machine does other things too.
func BenchmarkRestore(b *testing.B) {
	bundle := setup(b, 1)
	bundle.fill(b)
	b.Run("store", func(b *testing.B) {
		measure(b, func() { bundle.restore(b) }, func() {
			if err := bundle.dbs[0].Clear("t"); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("goka's LevelDB", func(b *testing.B) {
		measure(b, func() { bundle.restoreWithGoka(b, b.TempDir()) }, func() {})
	})
}

func measure(b *testing.B, run, reset func()) {
	var used time.Duration
	for range b.N {
		before := processorTime(b)
		run()
		used += processorTime(b) - before
		b.StopTimer()
		reset()
		b.StartTimer()
	}
	b.ReportMetric(benchKeys*float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/restore")
	b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/restore")
}

// processorTime returns what this process has used.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func (b *testBundle) fill(t testing.TB) {
	t.Helper()
	kafkatest.Fill(t, b.cfg, func(put func(kafka.Record)) {
		for i := range benchKeys {
			// Keys in no order, as hashes and ids are.
			key := fmt.Appendf(nil, "customer-%08x", uint32(i)*2654435761)
			put(kafka.Record{Topic: b.topic, Key: key, Value: make([]byte, benchValueBytes)})
		}
	})
}

// restoreWithGoka runs a view until it has the whole table.
func (b *testBundle) restoreWithGoka(t testing.TB, dir string) {
	t.Helper()
	conf := b.cfg.Sarama()
	view, err := goka.NewView(b.cfg.Brokers, goka.Table(b.topic), new(codec.Bytes),
		goka.WithViewStorageBuilder(storage.DefaultBuilder(dir)),
		goka.WithViewConsumerSaramaBuilder(goka.SaramaConsumerBuilderWithConfig(conf)),
		goka.WithViewTopicManagerBuilder(goka.TopicManagerBuilderWithConfig(conf, goka.NewTopicManagerConfig())),
	)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- view.Run(ctx) }()
	select {
	case <-view.WaitRunning():
	case err := <-done:
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
