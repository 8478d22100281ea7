package letter_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/internal/letter"
)

type town struct {
	Name  string `avro:"name"`
	Place place  `avro:"place"`
}

type place struct {
	Lat float64 `avro:"lat"`
}

// short is a town whose bytes end within place.lat, and what its codec says.
func short(t *testing.T) ([]byte, error) {
	t.Helper()
	codec := avro.Typed[town](avro.Format(avro.SingleObject))
	data, err := codec.Encode(town{Name: "Oslo"})
	if err != nil {
		t.Fatal(err)
	}
	data = data[:len(data)-3]
	_, err = codec.Decode(data)
	if err == nil {
		t.Fatal("got no error of a datum that ends too early")
	}
	return data, err
}

func message(value []byte) *sarama.ConsumerMessage {
	return &sarama.ConsumerMessage{
		Topic: "in", Partition: 3, Offset: 42, Timestamp: time.UnixMilli(7), Value: value,
		Headers: []*sarama.RecordHeader{{Key: []byte("b"), Value: []byte("1")}, {Key: []byte("a")}, {Key: []byte("b"), Value: []byte{}}},
	}
}

func TestALetterHoldsTheRecordAsItWas(t *testing.T) {
	t.Parallel()
	w := letter.Writer{Readers: map[string]int64{"in": 8}, Version: "m v1"}
	value := avro.AppendConfluent(nil, 17)
	got := w.Letter(letter.Failure{Message: message(value), Step: "s", Err: errors.New("two\nlines"), Attempts: 4})
	want := dlq.Letter{
		Topic: "in", Partition: 3, Offset: 42, Time: time.UnixMilli(7), NoKey: true, Value: &value, Step: "s", Error: "two lines",
		Headers:  []dlq.Header{{Key: "b", Value: []byte("1")}, {Key: "a", NoValue: true}, {Key: "b", Value: []byte{}}},
		Attempts: 4, Position: dlq.Unknown, WriterSchema: 17, ReaderSchema: 8, Version: "m v1",
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(dlq.Letter{}, "FailedAt")); diff != "" {
		t.Error(diff)
	}
	if since := time.Since(got.FailedAt); since < 0 || since > time.Hour {
		t.Errorf("got %s since the failure, want about now", since)
	}
}

func TestALetterSaysWhereDecodingEnded(t *testing.T) {
	t.Parallel()
	value, fault := short(t)
	got := new(letter.Writer).Letter(letter.Failure{Message: message(value), Err: fmt.Errorf("decoding it: %w", fault)})
	if got.Field != "place.lat" || got.Position != 5 || !strings.Contains(got.Error, "(at byte 5)") {
		t.Errorf("got field %q, position %d (%s), want place.lat at byte 5", got.Field, got.Position, got.Error)
	}
	if got.WriterSchema != dlq.Unknown || got.ReaderSchema != dlq.Unknown || got.Attempts != 1 {
		t.Errorf("got %+v, want no ids and one attempt", got)
	}
}

// broken is a codec of letters that has lost its registry.
type broken struct{ codecs.Codec[dlq.Letter] }

func (broken) Append([]byte, *dlq.Letter) ([]byte, error) { return nil, errors.New("no id") }

func TestALetterGoesUnderTheKeyOfItsRecordWithTheTimeOfTheFailure(t *testing.T) {
	t.Parallel()
	codec := avro.Typed[dlq.Letter](avro.Format(avro.SingleObject))
	m := message([]byte("v"))
	m.Key = []byte("k")
	out, err := (&letter.Writer{Topic: "dead", Codec: codec}).Output(letter.Failure{Message: m, Err: errors.New("x")})
	if err != nil {
		t.Fatal(err)
	}
	var got dlq.Letter
	if err := codec.Read(out.Value, &got); err != nil {
		t.Fatal(err)
	}
	if out.Topic != "dead" || out.Key != "k" || !out.Time.Truncate(time.Millisecond).Equal(got.FailedAt) || time.Since(out.Time) > time.Hour || out.Partition != -1 || string(got.Key) != "k" || got.NoKey {
		t.Errorf("got %+v with %+v", out, got)
	}
	_, err = (&letter.Writer{Codec: broken{}}).Output(letter.Failure{Message: m, Err: errors.New("x")})
	if err == nil || err.Error() != "record in/3 at offset 42: keeping it as a dead letter: no id" {
		t.Errorf("got %v, want the record named", err)
	}
}

func TestTheBinaryKnowsItsVersion(t *testing.T) {
	t.Parallel()
	if got := letter.BinaryVersion(); !strings.Contains(got, "github.com/gokavro/gokavro") {
		t.Errorf("got %q, want the module", got)
	}
}

func TestAFloodOfWarningsIsCutShort(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	var loud letter.Loud
	for range 10_000 {
		loud.Warn(log, "bad", "topic", "in")
	}
	lines := strings.Count(text.String(), "\n")
	if lines < 20 || lines > 1000 {
		t.Errorf("got %d lines of 10,000 warnings, want some", lines)
	}
}
