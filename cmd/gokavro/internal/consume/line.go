package consume

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/topology/kafka"
)

const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// line is one record as JSON. A member that does not apply is left out.
type line struct {
	Topic       string          `json:"topic"`
	Partition   int32           `json:"partition"`
	Offset      int64           `json:"offset"`
	Time        string          `json:"time,omitempty"`
	Key         any             `json:"key,omitempty"` // text, or null of its own
	KeyBase64   []byte          `json:"key_base64,omitempty"`
	Headers     []header        `json:"headers,omitempty"`
	SchemaID    *int64          `json:"schema_id,omitempty"`
	Schema      string          `json:"schema,omitempty"` // of formats without ids
	Value       json.RawMessage `json:"value,omitempty"`
	ValueBase64 *string         `json:"value_base64,omitempty"`
	Error       string          `json:"error,omitempty"`
}

type header struct {
	Key         string `json:"key"`
	Value       any    `json:"value,omitempty"`
	ValueBase64 []byte `json:"value_base64,omitempty"`
}

// lineSink writes JSON lines.
type lineSink struct {
	decode *decoder
	buffer *bufio.Writer
	lines  *json.Encoder
	broken int64
}

func newLineSink(w io.Writer, decode *decoder) *lineSink {
	s := &lineSink{decode: decode, buffer: bufio.NewWriterSize(w, 64<<10)}
	s.lines = json.NewEncoder(s.buffer)
	s.lines.SetEscapeHTML(false)
	return s
}

func (s *lineSink) start(context.Context, []string) error { return nil }

func (s *lineSink) take(ctx context.Context, r kafka.Record) error {
	l := line{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
	if !r.Time.IsZero() {
		l.Time = r.Time.UTC().Format(timeFormat)
	}
	l.Key, l.KeyBase64 = textOrBytes(r.Key)
	for _, h := range r.Headers {
		value, bytes := textOrBytes(h.Value)
		l.Headers = append(l.Headers, header{Key: h.Key, Value: value, ValueBase64: bytes})
	}
	if err := s.fillValue(ctx, &l, r); err != nil {
		return err
	}
	if err := s.lines.Encode(l); err != nil {
		return outputFault(err)
	}
	return nil
}

// fillValue sets the members of the value. What does not decode is kept as
// bytes.
func (s *lineSink) fillValue(ctx context.Context, l *line, r kafka.Record) error {
	if r.Value == nil {
		l.Value = json.RawMessage("null")
		return nil
	}
	f, err := s.decode.open(ctx, r)
	if err != nil {
		return err
	}
	if f.split {
		l.name(f.ref)
	}
	var text []byte
	if f.err == nil {
		text, f.err = f.writer.JSON(f.datum)
	}
	if f.err == nil {
		l.Value = text
		return nil
	}
	s.broken++
	original := base64.StdEncoding.EncodeToString(r.Value)
	l.ValueBase64, l.Error = &original, f.err.Error()
	return nil
}

// name tells which schema the value was written with.
func (l *line) name(ref avro.SchemaRef) {
	switch ref.Wire {
	case avro.SingleObject, avro.Glue, avro.ConfluentGUID:
		l.Schema = ref.String()
	default:
		l.SchemaID = &ref.ID
	}
}

// textOrBytes returns b as a member for text, or as bytes when it is not UTF-8.
func textOrBytes(b []byte) (text any, raw []byte) {
	switch {
	case b == nil:
		return json.RawMessage("null"), nil
	case utf8.Valid(b):
		return string(b), nil
	}
	return nil, b
}

func (s *lineSink) flush() error {
	if err := s.buffer.Flush(); err != nil {
		return outputFault(err)
	}
	return nil
}

func (s *lineSink) finish(taken int64) error {
	if err := s.flush(); err != nil {
		return err
	}
	if s.broken > 0 {
		return fmt.Errorf("%d of %d records did not decode: their lines have the reason in the member error", s.broken, taken)
	}
	return nil
}

func outputFault(err error) error {
	return fmt.Errorf("writing to standard output: %w", err)
}
