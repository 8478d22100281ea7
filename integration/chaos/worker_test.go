package chaos_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/integration/worker"
	"github.com/gokavro/gokavro/topology/runner"
)

// What a worker runs the logic with.
const (
	onRunner    = "runner"
	onPlainGoka = "goka"
)

func TestMain(m *testing.M) {
	switch worker.Kind() {
	case onRunner:
		if slices.Contains(os.Environ(), usageEnv) {
			go printUsage(os.Stdout)
		}
		runner.Main(counting)
	case onPlainGoka:
		if err := worker.PlainGoka(os.Args[1:], gokaGroup); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(runner.ExitFault)
		}
	default:
		os.Exit(m.Run())
	}
}

// gokaGroup is the same logic, written for goka.
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
		if increment.passedOver() {
			return
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
