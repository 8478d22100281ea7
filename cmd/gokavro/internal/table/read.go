package table

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/consume"
	"github.com/gokavro/gokavro/topology/kafka"
)

// keyRange is which keys are asked for.
type keyRange struct {
	prefix, from string
	to           string // "" is no bound
}

func (k keyRange) holds(key string) bool {
	return key >= k.from && (k.to == "" || key < k.to) && strings.HasPrefix(key, k.prefix)
}

// source is where a table's rows are.
type source interface {
	// one returns the rows of a key, and where it was looked for.
	one(ctx context.Context) (rows []kafka.Record, where string, err error)
	// all returns the rows that are asked for, those of a key by partition.
	all(ctx context.Context) ([]kafka.Record, error)
}

// reader prints rows of one table.
type reader struct {
	options
	source source
	lines  *consume.Lines
}

// get prints the row of the key.
func (r *reader) get(ctx context.Context) error {
	rows, where, err := r.source.one(ctx)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("table %s has no row of key %q in %s", r.topic, r.key, where)
	}
	return r.print(ctx, rows)
}

// scan prints the rows that are asked for.
func (r *reader) scan(ctx context.Context) error {
	rows, err := r.source.all(ctx)
	if err != nil {
		return err
	}
	slices.SortStableFunc(rows, func(a, b kafka.Record) int { return bytes.Compare(a.Key, b.Key) })
	if r.limit > 0 {
		rows = rows[:min(r.limit, int64(len(rows)))]
	}
	return r.print(ctx, rows)
}

func (r *reader) print(ctx context.Context, rows []kafka.Record) error {
	for _, row := range rows {
		if err := r.lines.Write(ctx, row); err != nil {
			return err
		}
	}
	return r.lines.Close()
}
