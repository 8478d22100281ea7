package runner

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/topology/internal/health"
	"github.com/gokavro/gokavro/topology/internal/lookup"
	"github.com/gokavro/gokavro/topology/kafka"
)

// followed are tables that follow their topics until the last record in hand is
// done.
type followed struct {
	client *kafka.Client
	log    *slog.Logger
	board  *health.Board
	ctx    context.Context //nolint:containedctx // it is the life of the followers
	cancel context.CancelFunc
	group  errgroup.Group
}

func follow(ctx context.Context, client *kafka.Client, w *watch) *followed {
	f := &followed{client: client, log: w.cfg.Logger, board: w.board}
	f.ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return f
}

// load reads a topic up to its end, all partitions unless some are named, and
// follows it from there.
func (f *followed) load(ctx context.Context, topic string, codec codecs.Untyped, partitions ...int32) (*lookup.Table, error) {
	table := lookup.New(topic, codec, f.log, partitions...)
	start := time.Now()
	follower, err := table.Load(ctx, f.client)
	if err != nil {
		return nil, err
	}
	log := f.log
	if len(partitions) > 0 {
		log = log.With("partitions", partitions)
	}
	log.Info("loaded a table", "topic", topic, "keys", table.Len(), "took", time.Since(start))
	follower.Board = f.board
	f.group.Go(func() error { return follower.Run(f.ctx) })
	return table, nil
}

func (f *followed) stop() {
	f.cancel()
	_ = f.group.Wait() // followers end without an error
}
