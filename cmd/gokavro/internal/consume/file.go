package consume

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/outfile"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/progress"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology/kafka"
)

// fileSink writes values into a container file of one schema.
type fileSink struct {
	out    *outfile.File
	decode *decoder
	stderr io.Writer

	topics  []string
	schema  *avro.ParsedSchema                 // the file's, nil until it is known
	first   string                             // the topic that gave it
	adopted map[string]bool                    // topics that are known to have the file's schema
	plans   map[avro.SchemaRef]*avro.Converter // by the writer's schema; nil for values of the file's form

	written, tombstones, broken int64
	reason                      string // why the first of the broken did not decode
}

func newFileSink(out *outfile.File, decode *decoder, stderr io.Writer) *fileSink {
	return &fileSink{
		out: out, decode: decode, stderr: stderr,
		adopted: map[string]bool{}, plans: map[avro.SchemaRef]*avro.Converter{},
	}
}

// start takes the newest schema of each topic's subject. A topic whose subject
// is not registered shows its schema by its first record.
func (s *fileSink) start(ctx context.Context, topics []string) error {
	s.topics = topics
	for _, topic := range topics {
		latest, err := s.decode.client.Latest(ctx, subject(topic))
		if _, missing := errors.AsType[*registry.NotFoundError](err); missing {
			continue
		}
		if err != nil {
			return err
		}
		schema, err := s.decode.writer(ctx, topic, avro.SchemaRef{ID: int64(latest.ID)})
		if err != nil {
			return fmt.Errorf("--out %s: the newest schema of subject %s-value: %w", s.out.Given(), topic, err)
		}
		if err := s.adopt(topic, schema); err != nil {
			return err
		}
	}
	return nil
}

// adopt makes a topic's schema the file's, or makes sure that it is.
func (s *fileSink) adopt(topic string, schema *avro.ParsedSchema) error {
	if s.schema != nil {
		if !sameSchema(s.schema, schema) {
			return fmt.Errorf("--out %s: the topics %s and %s have different schemas (%s, %s), and a file has one: write one file a topic",
				s.out.Given(), s.first, topic, s.schema.Name(), schema.Name())
		}
		s.adopted[topic] = true
		return nil
	}
	s.schema, s.first, s.adopted[topic] = schema, topic, true
	return s.out.Begin(schema)
}

// sameSchema compares the texts as JSON. The canonical form would leave out
// logical types and defaults, which are part of what a file says.
func sameSchema(a, b *avro.ParsedSchema) bool {
	var left, right any
	if json.Unmarshal([]byte(a.Standalone()), &left) != nil || json.Unmarshal([]byte(b.Standalone()), &right) != nil {
		return false
	}
	return reflect.DeepEqual(left, right)
}

func (s *fileSink) take(ctx context.Context, r kafka.Record) error {
	if r.Value == nil {
		s.tombstones++
		return nil
	}
	f, err := s.decode.open(ctx, r)
	if err != nil {
		return err
	}
	if f.err == nil && !s.adopted[r.Topic] {
		if err := s.adopt(r.Topic, f.writer); err != nil {
			return err
		}
	}
	datum, err := s.convert(f)
	if err != nil {
		if s.broken++; s.broken == 1 {
			s.reason = fmt.Sprintf("%s/%d at offset %d: %v", r.Topic, r.Partition, r.Offset, err)
		}
		return nil
	}
	s.written++
	return s.out.WriteRaw(datum)
}

// convert returns a value's bytes in the form of the file's schema. What was
// written in that form is checked and stays as it is.
func (s *fileSink) convert(f framed) (datum []byte, err error) {
	if f.err != nil {
		return nil, f.err
	}
	plan, ok := s.plans[f.ref]
	if !ok {
		if plan, err = s.plan(f.writer); err != nil {
			return nil, err
		}
		s.plans[f.ref] = plan
	}
	if plan == nil {
		return f.datum, s.schema.Validate(f.datum)
	}
	return plan.Append(nil, f.datum)
}

// plan returns what resolves the values of a writer's schema, nil where they
// have the form of the file's schema already.
func (s *fileSink) plan(writer *avro.ParsedSchema) (*avro.Converter, error) {
	if writer.Canonical() == s.schema.Canonical() {
		return nil, nil
	}
	return avro.NewConverter(writer, s.schema)
}

func (s *fileSink) flush() error { return nil }

func (s *fileSink) finish(taken int64) error {
	if s.schema == nil {
		return fmt.Errorf("--out %s: no schema is known: %s has no record that decodes (%d read), and the subject %s-value is not registered",
			s.out.Given(), strings.Join(s.topics, ", "), taken, s.topics[0])
	}
	if err := s.out.Commit(); err != nil {
		return err
	}
	if s.broken > 0 {
		return fmt.Errorf("%d of %d records did not decode and are not in %s; the first is %s", s.broken, taken, s.out.Given(), s.reason)
	}
	left := ""
	if s.tombstones > 0 {
		left = fmt.Sprintf(" (%s tombstones left out)", progress.Thousands(s.tombstones))
	}
	fmt.Fprintf(s.stderr, "wrote %s records of %s to %s%s\n",
		progress.Thousands(s.written), strings.Join(s.topics, ", "), s.out.Given(), left)
	return nil
}
