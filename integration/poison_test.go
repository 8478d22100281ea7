package integration_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// poisoned is a word in a partition, with the number that it has there.
type poisoned struct {
	Number int64  `avro:"number"`
	Word   string `avro:"word"`
}

// trapped is a codec that panics at one word.
type trapped struct{ codecs.Codec[poisoned] }

func (t trapped) Bind(b avro.Binding) codecs.Untyped {
	return trapped{t.Codec.(*avro.TypedCodec[poisoned]).Bind(b).(codecs.Codec[poisoned])}
}

func (t trapped) Decode(data []byte) (any, error) {
	if strings.Contains(string(data), "trap") {
		panic("the codec's own")
	}
	return t.Codec.Decode(data)
}

const (
	poisonPartitions = 4
	// poisonLimit is the max.message.bytes of the output, below the producer's.
	poisonLimit = 4096
	// poisonLargest is about what the producer sends and a topic takes by default: a
	// letter that holds it is larger.
	poisonLargest = 1<<20 - 200
	// poisonEach is how many records of a partition are sound.
	poisonEach = 50
)

// poison are the records that cannot be processed, by a part of their reason.
func poison(t *testing.T, framed func(poisoned) []byte) map[string][]byte {
	t.Helper()
	return map[string][]byte{
		"too few for the Confluent wire format": []byte("junk"),
		"schema id 999999 is not known":         avro.AppendConfluent(nil, 999999),
		"the codec panicked: the codec's own":   framed(poisoned{Word: "trap"}),
		"asked to panic":                        framed(poisoned{Word: "panic"}),
		"asked to fail":                         framed(poisoned{Word: "fail"}),
		"raise the topic's max.message.bytes":   framed(poisoned{Word: strings.Repeat("large ", poisonLimit/4)}),
		"the first byte is 0x02":                bytes.Repeat([]byte{2}, poisonLargest),
	}
}

func digest(in poisoned) (string, error) {
	switch in.Word {
	case "panic":
		panic("asked to panic")
	case "fail":
		return "", processors.Permanent(errors.New("asked to fail"))
	}
	return strconv.FormatInt(in.Number, 10) + " " + in.Word, nil
}

// poisonTopology numbers the sound records of each key.
func poisonTopology() *topology.Topology {
	top := topology.New("poison")
	in := topology.Input[poisoned](top, "in", trapped{avro.Typed[poisoned]()})
	topology.Process(in, topology.Store(top, "counts", codecs.Int64()),
		func(in processors.Record[poisoned], row *processors.Row[int64], emit func(string)) error {
			n, _ := row.Get()
			row.Set(n + 1)
			out, err := digest(in.Value)
			emit(fmt.Sprintf("%d %s", n, out))
			return err
		}).To("out", codecs.String())
	return top
}

// poisonGroup is the same, by hand.
func poisonGroup(prefix string, codec goka.Codec) *goka.GroupGraph {
	return goka.DefineGroup(goka.Group(prefix+"poison"),
		goka.Input(goka.Stream(prefix+"in"), codec, func(ctx goka.Context, msg any) {
			n, _ := ctx.Value().(int64)
			out, err := digest(*msg.(*poisoned))
			ctx.SetValue(n + 1)
			ctx.Emit(goka.Stream(prefix+"out"), ctx.Key(), fmt.Sprintf("%d %s", n, out))
			if err != nil {
				ctx.Fail(err)
			}
		}),
		goka.Output(goka.Stream(prefix+"out"), codecs.String()),
		goka.Persist(codecs.Int64()))
}

func TestPoisonIsSetAsideAndAllElseIsProcessedOnce(t *testing.T) {
	t.Parallel()
	type runs interface{ Run(context.Context) error }
	for name, build := range map[string]func(*testing.T, *cluster, runner.Config) (runs, error){
		"topology": func(_ *testing.T, c *cluster, cfg runner.Config) (runs, error) {
			cfg.TopicPrefix = c.prefix
			return runner.New(poisonTopology(), cfg)
		},
		"goka": func(_ *testing.T, c *cluster, cfg runner.Config) (runs, error) {
			codec := trapped{avro.Typed[poisoned](avro.Registry(c.schemas), avro.Topic(c.topic("in")))}
			cfg.CreateTopics = 0
			return runner.FromGoka(cfg, poisonGroup(c.prefix, codec))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEachCluster(t, func(t *testing.T, c *cluster) {
				bad := c.poison(t)
				r, err := build(t, c, runner.Config{
					Brokers: strings.Split(c.brokers, ","), Registry: []string{c.registry},
					StateDir: t.TempDir(), CreateTopics: poisonPartitions, Partitioner: runner.AnyPartitioner,
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- r.Run(ctx) }()
				c.await(t, poisonPartitions*poisonEach, c.topic("out"))
				c.await(t, poisonPartitions*len(bad), c.topic("poison-dead-letters"))
				stop()
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
				c.checkSound(t)
				c.checkLetters(t, bad)
			})
		})
	}
}

// poison writes sound records to each partition, and each kind of bad one once
// among them.
func (c *cluster) poison(t *testing.T) map[string][]byte {
	t.Helper()
	limit := strconv.Itoa(poisonLimit)
	admin, err := sarama.NewClusterAdmin(strings.Split(c.brokers, ","), c.kafka.Config().Sarama())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if err := admin.CreateTopic(c.topic("out"), &sarama.TopicDetail{
		NumPartitions: poisonPartitions, ReplicationFactor: 1, ConfigEntries: map[string]*string{"max.message.bytes": &limit},
	}, false); err != nil {
		t.Fatal(err)
	}
	kafkatest.Create(t, c.kafka, kafka.Topic{Name: c.topic("in"), Partitions: poisonPartitions})
	codec := avro.Typed[poisoned](avro.Registry(c.schemas), avro.Topic(c.topic("in")), avro.AutoRegister())
	framed := func(p poisoned) []byte {
		data, err := codec.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	bad := poison(t, framed)
	reasons := slices.Sorted(maps.Keys(bad))
	var records []kafka.Record
	write := func(partition int32, value []byte) {
		records = append(records, kafka.Record{
			Topic: c.topic("in"), Partition: partition, Key: fmt.Appendf(nil, "key-%d", partition), Value: value,
			Headers: []kafka.Header{{Key: "h", Value: []byte("1")}, {Key: "h", Value: []byte("2")}},
		})
	}
	for partition := range int32(poisonPartitions) {
		for i := range poisonEach {
			write(partition, framed(poisoned{Number: int64(i), Word: "sound"}))
			if i%7 == 3 && i/7 < len(reasons) {
				write(partition, bad[reasons[i/7]])
			}
		}
	}
	kafkatest.Write(t, c.kafka.Config(), records...)
	return bad
}

// checkSound checks that the sound records of each partition are there once, in
// their order, and that the bad ones have changed no row.
func (c *cluster) checkSound(t *testing.T) {
	t.Helper()
	got := map[string][]string{}
	for _, r := range kafkatest.Read(t, c.kafka, kafka.Query{Topic: c.topic("out")}) {
		got[string(r.Key)] = append(got[string(r.Key)], string(r.Value))
	}
	want := map[string][]string{}
	for partition := range poisonPartitions {
		key := fmt.Sprintf("key-%d", partition)
		for i := range poisonEach {
			want[key] = append(want[key], fmt.Sprintf("%d %d sound", i, i))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the sound records (-want +got): %s", diff)
	}
}

// checkLetters checks that each bad record of each partition is kept as it was.
func (c *cluster) checkLetters(t *testing.T, bad map[string][]byte) {
	t.Helper()
	codec := avro.Typed[dlq.Letter](avro.Namespace(dlq.Namespace), avro.Name(dlq.Name), avro.Registry(c.schemas))
	kept := map[string]int{}
	for _, r := range kafkatest.Read(t, c.kafka, kafka.Query{Topic: c.topic("poison-dead-letters")}) {
		var letter dlq.Letter
		if err := codec.Read(r.Value, &letter); err != nil {
			t.Fatal(err)
		}
		for reason, value := range bad {
			if strings.Contains(letter.Error, reason) && letter.Value != nil && string(*letter.Value) == string(value) {
				kept[fmt.Sprintf("%d %s", letter.Partition, reason)]++
			}
		}
		headers := []dlq.Header{{Key: "h", Value: []byte("1")}, {Key: "h", Value: []byte("2")}}
		if diff := cmp.Diff(headers, letter.Headers); diff != "" || letter.Topic != c.topic("in") || letter.Attempts != 1 || letter.Version == "" {
			t.Errorf("got letter %+v; its headers: %s", letter, diff)
		}
	}
	want := map[string]int{}
	for partition := range poisonPartitions {
		for reason := range bad {
			want[fmt.Sprintf("%d %s", partition, reason)] = 1
		}
	}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("the dead letters (-want +got): %s", diff)
	}
}
