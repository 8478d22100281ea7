package dlq_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors/dlq"
)

// first is the letter of the first version.
type first struct {
	Topic     string    `avro:"topic"`
	Partition int32     `avro:"partition"`
	Offset    int64     `avro:"offset"`
	Time      time.Time `avro:"time,timestamp-millis"`
	Key       []byte    `avro:"key"`
	Value     *[]byte   `avro:"value"`
	Headers   []Header  `avro:"headers"`
	Step      string    `avro:"step"`
	Error     string    `avro:"error"`
}

type Header struct {
	Key   string `avro:"key"`
	Value []byte `avro:"value"`
}

// only is the schemas of a place that knows one.
type only struct{ schema *avro.ParsedSchema }

func (o only) Schema(context.Context, string, avro.SchemaRef) (*avro.ParsedSchema, error) {
	return o.schema, nil
}

func (only) Ref(context.Context, avro.Wire, string, *avro.ParsedSchema) (avro.SchemaRef, error) {
	return avro.SchemaRef{Wire: avro.Confluent, ID: 1}, nil
}

func TestLettersOfTheFirstVersionAreRead(t *testing.T) {
	t.Parallel()
	named := []avro.Option{avro.Namespace(dlq.Namespace), avro.Name(dlq.Name), avro.Subject("s")}
	named = append(named, avro.WithSchemas(only{avro.Typed[first](named...).Schema()}))
	at := time.UnixMilli(5).UTC()
	data, err := avro.Typed[first](named...).Encode(first{
		Topic: "in", Partition: 2, Offset: 7, Time: at, Key: []byte("k"), Headers: []Header{{"h", []byte("v")}}, Step: "in", Error: "why",
	})
	if err != nil {
		t.Fatal(err)
	}
	var got dlq.Letter
	if err := avro.Typed[dlq.Letter](named...).Read(data, &got); err != nil {
		t.Fatal(err)
	}
	want := dlq.Letter{
		Topic: "in", Partition: 2, Offset: 7, Time: at, Key: []byte("k"), Headers: []dlq.Header{{Key: "h", Value: []byte("v")}}, Step: "in", Error: "why",
		Attempts: 1, Position: dlq.Unknown, WriterSchema: dlq.Unknown, ReaderSchema: dlq.Unknown, FailedAt: time.UnixMilli(0).UTC(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAllVersionsReadEachOther(t *testing.T) {
	t.Parallel()
	named := []avro.Option{avro.Namespace(dlq.Namespace), avro.Name(dlq.Name)}
	old, now := avro.Typed[first](named...).Schema(), avro.Typed[dlq.Letter](named...).Schema()
	if faults := append(avro.Compatible(old, now), avro.Compatible(now, old)...); len(faults) > 0 {
		t.Errorf("got %v, want a schema that any level of compatibility takes", faults)
	}
}
