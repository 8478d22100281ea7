package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/check"
	"github.com/gokavro/gokavro/topology/internal/letter"
	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
)

// refused remembers what a broker does not take, so that the record which writes
// it is set aside on the second pass. What no record can be blamed for ends the
// run: a topic of dead letters or of rows that refuses everything.
func (m *member) refused(r *txn.RefusedError) error {
	topic := r.Record.Topic
	if topic == m.letters.Topic {
		return fmt.Errorf("the topic of the dead letters refuses one: raise its max.message.bytes, or give this user the right to write there: %w", r)
	}
	if m.isTable(topic) && errors.Is(r, sarama.ErrTopicAuthorizationFailed) {
		return r
	}
	if !m.refusals.Note(r) {
		return fmt.Errorf("it was to be left out, and was written again: %w", r)
	}
	m.cfg.Logger.Warn("a broker refuses a record: what is not committed is done again without it",
		"topic", topic, "partition", r.Record.Partition, "key", string(r.Record.Key), "err", r.Err)
	return nil
}

// takes returns what tells whether a topic takes a row, as far as that is known.
func (m *member) takes(topic string) func(key string, row []byte) error {
	return func(key string, row []byte) error {
		return m.refusals.Check(&kafka.Record{Topic: topic, Key: []byte(key), Value: row})
	}
}

// lacking adds to an error what has to be allowed, if it is a broker's that forbids
// something.
func (m *member) lacking(err error) error {
	missing, found := check.Group{Name: m.group}.Missing(err)
	if refused, ok := errors.AsType[*txn.RefusedError](err); ok && errors.Is(err, sarama.ErrTopicAuthorizationFailed) {
		missing, found = check.ToWrite(refused.Record.Topic), true
	}
	if !found {
		return err
	}
	return fmt.Errorf("%w: allow it with %s", err, missing.Command())
}

func (m *member) isTable(topic string) bool {
	for _, spec := range m.stores {
		if spec.Topic == topic {
			return true
		}
	}
	return false
}

// readerPatience bounds how long the ids of the inputs' schemas are looked for,
// which the dead letters can do without.
const readerPatience = 5 * time.Second

// letterWriter makes the dead letters of the site's topology.
func (s *site) letterWriter(ctx context.Context) *letter.Writer {
	w := &letter.Writer{
		Topic: s.topic(s.graph.DeadLetters()), Codec: s.letters, Readers: map[string]int64{}, Version: letter.BinaryVersion(),
	}
	ctx, cancel := context.WithTimeout(ctx, readerPatience)
	defer cancel()
	known := avro.RegistrySchemas(s.registry)
	for _, n := range s.graph.Of(graph.Input) {
		cases := schemaCodecs(s.codecs[n.Name])
		if len(cases) != 1 {
			continue
		}
		if ref, err := known.Ref(ctx, avro.Confluent, cases[0].Subject(), cases[0].Schema()); err == nil {
			w.Readers[s.topic(n.Topic)] = ref.ID
		}
	}
	return w
}

// lettersCodec is how dead letters are written, bound to no topic yet.
func lettersCodec(opts ...avro.Option) *avro.TypedCodec[dlq.Letter] {
	return avro.Typed[dlq.Letter](append(opts, avro.Namespace(dlq.Namespace), avro.Name(dlq.Name))...)
}
