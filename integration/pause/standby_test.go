package pause_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

var rowsFlag = flag.Int("pause.rows", 200_000, "how many rows the table has whose standbys take over; a tenth of it on devstack")

// warmMove bounds the time without outputs of partitions that move to a warm
// standby.
func warmMove() time.Duration {
	if *strictFlag {
		return time.Second
	}
	return limits().move
}

func hasTable(kind string) bool { return kind == onStandby || kind == onTable }

// tableGroup is group with a row for each key, which counts its records.
func tableGroup() *goka.GroupGraph {
	prefix, name := os.Getenv(prefixEnv), os.Getenv(nameEnv)
	out := goka.Stream(prefix + outTopic)
	return goka.DefineGroup(goka.Group(prefix+"pass"),
		goka.Input(goka.Stream(prefix+inTopic), codecs.String(), func(ctx goka.Context, msg any) {
			ctx.SetValue(fmt.Sprint(msg))
			ctx.Emit(out, ctx.Key(), fmt.Sprintf("%s %s", name, msg))
		}),
		goka.Output(out, codecs.String()),
		goka.Persist(codecs.String()),
	)
}

// fillTable writes the rows that the table has from the start.
func (b *bench) fillTable(t *testing.T, client *kafka.Client) {
	t.Helper()
	topic := b.prefix + "pass-table"
	kafkatest.Create(t, client, kafka.Topic{Name: topic, Partitions: partitions, Compact: true})
	rows := *rowsFlag
	if strings.HasSuffix(t.Name(), "Devstack") {
		rows /= 10
	}
	value := []byte(strings.Repeat("x", 100))
	kafkatest.Fill(t, client.Config(), func(put func(kafka.Record)) {
		for i := range rows {
			put(kafka.Record{Topic: topic, Partition: int32(i % partitions), Key: fmt.Appendf(nil, "row%09d", i), Value: value})
		}
	})
}

// logged counts the lines of a worker's log that have a part.
func (b *bench) logged(t *testing.T, name, part string) int {
	t.Helper()
	text, err := os.ReadFile(b.logs[name])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), part)
}

// promotions checks that half of the partitions came to a worker by copies that
// were warm, and tells how long it took to take these over.
func (b *bench) promotions(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(b.logs[name])
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`promoted a standby.* took=(\S+)`).FindAllSubmatch(text, -1)
	var longest time.Duration
	for _, match := range found {
		took, err := time.ParseDuration(string(match[1]))
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, took)
	}
	t.Logf("%-7s %d copies became their partitions', in %s at most", b.kind, len(found), longest.Round(time.Millisecond))
	if len(found) < partitions/2 {
		t.Errorf("%s: %d standbys were promoted, want %d", name, len(found), partitions/2)
	}
}

// awaitCopies waits until a worker has loaded so many copies since its start.
func (b *bench) awaitCopies(t *testing.T, name string, n int) {
	t.Helper()
	if b.kind != onStandby {
		return
	}
	const line = "a standby is up to date"
	for deadline := time.Now().Add(patience); b.logged(t, name, line) < n; pause(t, 50*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: %d copies were brought up to date, want %d", name, b.logged(t, name, line), n)
		}
	}
}

// TestAWarmStandbyTakesOverOnDevstack lets one of two instances with a big table
// leave.
func TestAWarmStandbyTakesOverOnDevstack(t *testing.T) {
	t.Parallel()
	b := begin(t, onStandby, embedded(t))
	b.takeOver(t)
	b.finish(t)
}

// TestAWarmStandbyTakesOverOnKafka does so on Kafka, lets one join, which gets
// partitions when it has copies of their tables, and kills it. It measures the
// same without standbys beside it.
func TestAWarmStandbyTakesOverOnKafka(t *testing.T) {
	t.Parallel()
	brokers := given(t)
	for _, kind := range []string{onStandby, onTable} {
		b := begin(t, kind, brokers)
		b.takeOver(t)
		b.step(t, "an instance joins", 2, warmMove(), func() { b.start(t, "two") })
		b.promotions(t, "two")
		b.awaitCopies(t, "one", partitions)
		b.step(t, "kill -9 of an instance", 1, limits().kill, func() { _ = b.workers["two"].Signal(syscall.SIGKILL) })
		b.finish(t)
	}
}

// takeOver stops one of two instances.
func (b *bench) takeOver(t *testing.T) {
	t.Helper()
	b.awaitCopies(t, "one", partitions/2)
	most := limits().move
	if b.kind == onStandby {
		most = warmMove()
	}
	b.step(t, "an instance leaves", 1, most, func() { b.stop(t, "two") })
	if b.kind == onStandby {
		b.promotions(t, "one")
	}
}
