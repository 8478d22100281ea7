package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology/runner"
)

// workerEnv makes this test binary a worker of that kind.
const workerEnv = "CHAOS_WORKER"

// What a worker runs the logic with.
const (
	onRunner    = "runner"
	onPlainGoka = "goka"
)

func TestMain(m *testing.M) {
	kind := os.Getenv(workerEnv)
	if kind == "" {
		os.Exit(m.Run())
	}
	go endWithParent()
	if kind == onRunner {
		runner.Main(counting)
	}
	if err := plainGoka(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(runner.ExitFault)
	}
}

// endWithParent ends a worker whose parent is gone and has closed its standard
// input with that.
func endWithParent() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(runner.ExitFault)
}

// plainGoka runs the same logic as it would be without this project: goka's
// defaults throughout, but a state folder for each process, since the default
// is one for all of a machine.
func plainGoka(args []string) error {
	flags := runner.Flags()
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg, err := runner.Load(flags)
	if err != nil {
		return err
	}
	group, err := gokaGroup(cfg)
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

func gokaGroup(cfg runner.Config) (*goka.GroupGraph, error) {
	schemas, err := registry.New(registry.Config{URLs: cfg.Registry})
	if err != nil {
		return nil, err
	}
	topic := func(name string) goka.Stream { return goka.Stream(cfg.TopicPrefix + name) }
	options := func(name string) []avro.Option {
		return []avro.Option{namespace(), avro.Registry(schemas), avro.Subject(cfg.TopicPrefix + name + "-value"), avro.AutoRegister()}
	}
	count := func(ctx goka.Context, msg any) {
		increment, ok := msg.(*Increment)
		if !ok {
			ctx.Fail(errors.New("not an increment"))
		}
		counter, err := codecs.Value[Counter](ctx.Value())
		if err != nil && ctx.Value() != nil {
			ctx.Fail(err)
		}
		counter, out := counter.add(increment.ID)
		ctx.SetValue(&counter)
		ctx.Emit(topic(outputTopic), ctx.Key(), &out)
	}
	return goka.DefineGroup(goka.Group(cfg.TopicPrefix+groupName),
		goka.Input(topic(inputTopic), avro.Typed[Increment](options(inputTopic)...), count),
		goka.Output(topic(outputTopic), avro.Typed[Counted](options(outputTopic)...)),
		goka.Persist(avro.Typed[Counter](options(storeTopic)...)),
	), nil
}
