package consume

import (
	"context"
	"io"

	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Lines writes records as the command does without --out: one JSON object each.
type Lines struct {
	sink  *lineSink
	taken int64
}

// NewLines returns one that finds the schemas in a registry.
func NewLines(w io.Writer, client *registry.Client) *Lines {
	return &Lines{sink: newLineSink(w, newDecoder(client))}
}

// Write writes a record's line. What does not decode has the reason in it; an
// error is one of the output or of the registry.
func (l *Lines) Write(ctx context.Context, r kafka.Record) error {
	l.taken++
	return l.sink.take(ctx, r)
}

// Close ends the output, and reports how many values did not decode.
func (l *Lines) Close() error { return l.sink.finish(l.taken) }
