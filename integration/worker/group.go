package worker

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/runner"
)

// Group runs a group with the runner, and returns when a signal has ended it. It
// logs to the standard error.
func Group(cfg runner.Config, group *goka.GroupGraph) error {
	cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	g, err := runner.FromGoka(cfg, group)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return g.Run(ctx)
}
