// Package letter makes the dead letters of records that could not be processed.
package letter

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/internal/task"
)

// Writer makes the dead letters of one group. It is safe for concurrent use.
type Writer struct {
	// Topic is where they go, on the cluster.
	Topic string
	// Codec is that of the letters.
	Codec codecs.Codec[dlq.Letter]
	// Readers holds the ids in the registry of the schemas that records are read
	// as, by the input's topic on the cluster. Those that are missing are unknown.
	Readers map[string]int64
	// Version is the version of the binary.
	Version string
}

// Failure is a record that could not be processed, and why.
type Failure struct {
	// Message is the record as it was read.
	Message *sarama.ConsumerMessage
	// Step is the input, step, output or store where it failed.
	Step string
	Err  error
	// Attempts is how often it was tried.
	Attempts int
}

// Killed is the failure of a record that is not processed any more, since the
// process has died of it so often.
func Killed(k task.Killed, step string) Failure {
	f := Failure{Message: k.Message, Step: step, Attempts: k.Deaths, Err: fmt.Errorf("processing it killed the process %d times", k.Deaths)}
	if k.Earlier != nil {
		f.Attempts += int(k.Earlier.Attempts)
	}
	return f
}

// Where names the record.
func (f Failure) Where() string {
	return fmt.Sprintf("record %s/%d at offset %d", f.Message.Topic, f.Message.Partition, f.Message.Offset)
}

// Fatal returns the error that ends a run over the failure.
func (f Failure) Fatal() error {
	return fmt.Errorf("%s failed at %s: %w: mend the cause and start again, or let the run go on by another action on errors than fail", f.Where(), f.Step, f.Err)
}

// Letter returns the dead letter of a failure.
func (w *Writer) Letter(f Failure) dlq.Letter {
	m := f.Message
	letter := dlq.Letter{
		Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Time: m.Timestamp,
		Key: m.Key, NoKey: m.Key == nil, Headers: []dlq.Header{},
		Step: f.Step, Error: OneLine(f.Err.Error()), Attempts: int32(max(f.Attempts, 1)),
		Position: dlq.Unknown, WriterSchema: dlq.Unknown, ReaderSchema: dlq.Unknown,
		Version: w.Version, FailedAt: time.Now(),
	}
	for _, h := range m.Headers {
		letter.Headers = append(letter.Headers, dlq.Header{Key: string(h.Key), Value: h.Value, NoValue: h.Value == nil})
	}
	if m.Value != nil {
		letter.Value = &m.Value
	}
	if id, known := w.Readers[m.Topic]; known {
		letter.ReaderSchema = id
	}
	w.place(&letter, f)
	return letter
}

// place fills in what is known of the schema and of where decoding ended.
func (w *Writer) place(letter *dlq.Letter, f Failure) {
	if ref, _, err := avro.SplitRecord(f.Message.Value, schemaHeader(f.Message)); err == nil && ref.ID > 0 {
		letter.WriterSchema = ref.ID
	}
	fault, ok := errors.AsType[*avro.DecodeError](f.Err)
	if !ok {
		return
	}
	if field, position, ok := fault.Place(); ok {
		letter.Field, letter.Position = field, int64(position)
	}
}

func schemaHeader(m *sarama.ConsumerMessage) []byte {
	for _, h := range m.Headers {
		if string(h.Key) == avro.ValueSchemaHeader {
			return h.Value
		}
	}
	return nil
}

// Output returns the record that keeps a failure, under its key. Its time is that
// of the failure: by the record's own, which may be years ago, the broker's
// retention would remove it at once.
func (w *Writer) Output(f Failure) (task.Output, error) {
	letter := w.Letter(f)
	data, err := w.Codec.Append(nil, &letter)
	if err != nil {
		return task.Output{}, fmt.Errorf("%s: keeping it as a dead letter: %w", f.Where(), err)
	}
	return task.Output{Topic: w.Topic, Partition: -1, Key: string(f.Message.Key), Value: data, Time: letter.FailedAt}, nil
}

// OneLine folds a message for a dead letter or a log line.
func OneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// BinaryVersion returns the version of the running binary: its main module's,
// and the revision that it was built from, as far as the build has kept them.
func BinaryVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	version := []string{info.Main.Path, info.Main.Version}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			version = append(version, s.Value)
		case s.Key == "vcs.modified" && s.Value == "true":
			version = append(version, "(modified)")
		}
	}
	return strings.TrimSpace(strings.Join(version, " "))
}
