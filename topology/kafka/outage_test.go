package kafka_test

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

func TestWriterGivesUpWhatItHasWhenBrokersAreAway(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		trouble func(*kfake.Cluster)
	}{
		{"down", func(c *kfake.Cluster) { c.Close() }},
		{"silent", silence},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setupFake(t, 1)
			topic := b.topic(t, 3)
			w := b.hastyWriter(t, topic)
			tt.trouble(b.fake)
			checkGivenUp(t, w, topic)
		})
	}
}

// hastyWriter returns a writer that soon gives the cluster up and has written to
// the topic. A busy machine may need several.
func (b *testBundle) hastyWriter(t *testing.T, topic string) (w *kafka.Writer) {
	t.Helper()
	cfg := b.cfg
	cfg.Timeout = time.Second
	kafkatest.Await(t, "a record to be written", func() bool {
		var err error
		if w, err = kafka.NewWriter(cfg); err != nil {
			return false
		}
		written := make(chan error, 1)
		if err = w.Write(t.Context(), kafka.Record{Topic: topic}, func(_ kafka.Record, err error) { written <- err }); err == nil {
			err = <-written
		}
		if err != nil {
			_ = w.Close()
		}
		return err == nil
	})
	return w
}

// silence has a cluster take produce requests and answer none.
func silence(cluster *kfake.Cluster) {
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return nil, nil, true
	})
}

// checkGivenUp writes records, none of which may get through.
func checkGivenUp(t *testing.T, w *kafka.Writer, topic string) {
	t.Helper()
	const records = 2000
	faults := make(chan error, records)
	for range records {
		r := kafka.Record{Topic: topic, Partition: -1, Value: []byte("lost")}
		if err := w.Write(t.Context(), r, func(_ kafka.Record, err error) { faults <- err }); err != nil {
			t.Fatal(err)
		}
	}
	closed := make(chan error, 1)
	go func() { closed <- w.Close() }()
	var err error
	select {
	case err = <-closed:
	case <-time.After(kafkatest.Patience):
		t.Fatalf("Close has not returned after %s", kafkatest.Patience)
	}
	checkFault(t, err, `writing to topic "`+topic+`": kafka: no broker answered at `)
	if len(faults) != records {
		t.Errorf("%d records were settled, want %d", len(faults), records)
	}
	for len(faults) > 0 {
		if fault := <-faults; !isUnreachable(fault) {
			t.Fatalf("a record's error is %v, want an UnreachableError", fault)
		}
	}
}

func isUnreachable(err error) bool {
	_, ok := errors.AsType[*kafka.UnreachableError](err)
	return ok
}
