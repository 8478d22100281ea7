package worker

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"github.com/gokavro/gokavro/topology/runner"
)

// PlainGoka runs a group as it would be without this project, and returns when
// a signal has ended it: goka's defaults throughout, but a state folder for each
// process, since the default is one for all of a machine. The arguments are
// those of the runner.
func PlainGoka(args []string, build func(runner.Config) (*goka.GroupGraph, error)) error {
	flags := runner.Flags()
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg, err := runner.Load(flags)
	if err != nil {
		return err
	}
	group, err := build(cfg)
	if err != nil {
		return err
	}
	processor, err := goka.NewProcessor(cfg.Brokers, group, goka.WithStorageBuilder(storage.DefaultBuilder(cfg.StateDir)))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		if processor.WaitForReadyContext(ctx) == nil {
			fmt.Fprintln(os.Stderr, runningLine)
		}
	}()
	return processor.Run(ctx)
}
