package pause_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/integration/worker"
	"github.com/gokavro/gokavro/topology/runner"
)

// What a worker runs the group with.
const (
	onRunner    = "runner"
	onPlainGoka = "goka"
	// With a big table, each partition's with a standby and without one.
	onStandby = "standby"
	onTable   = "table"
)

// nameEnv and prefixEnv are what a worker puts before each output, and before
// the names of the group and its topics.
const (
	nameEnv   = "PAUSE_NAME"
	prefixEnv = "PAUSE_PREFIX"
)

func TestMain(m *testing.M) {
	kind := worker.Kind()
	if kind == "" {
		os.Exit(m.Run())
	}
	if err := work(kind, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(runner.ExitFault)
	}
}

func work(kind string, args []string) error {
	if kind == onPlainGoka {
		return worker.PlainGoka(args, func(runner.Config) (*goka.GroupGraph, error) { return group(), nil })
	}
	flags := runner.Flags()
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg, err := runner.Load(flags)
	if err != nil {
		return err
	}
	if hasTable(kind) {
		return worker.Group(cfg, tableGroup())
	}
	return worker.Group(cfg, group())
}

// group passes records on, with the name of the process that did.
func group() *goka.GroupGraph {
	prefix, name := os.Getenv(prefixEnv), os.Getenv(nameEnv)
	out := goka.Stream(prefix + outTopic)
	return goka.DefineGroup(goka.Group(prefix+"pass"),
		goka.Input(goka.Stream(prefix+inTopic), codecs.String(), func(ctx goka.Context, msg any) {
			ctx.Emit(out, ctx.Key(), fmt.Sprintf("%s %s", name, msg))
		}),
		goka.Output(out, codecs.String()),
	)
}
