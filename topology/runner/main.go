package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Exit codes of [Main].
const (
	// ExitOK is the code of a clean end.
	ExitOK = 0
	// ExitFault says that something is wrong with files, topics, schemas or the
	// cluster.
	ExitFault = 1
	// ExitUsage says that the command line is wrong.
	ExitUsage = 2
)

// Main is the main function of a deployable topology. It reads flags,
// environment and config file, runs the topology until SIGINT or SIGTERM, and
// ends the process. A second signal ends it at once.
func Main(build func() *topology.Topology) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from then on a signal has its default effect
	os.Exit(Command(ctx, build, os.Args[1:], os.Stdout, os.Stderr))
}

// Command is [Main] without the process around it: it returns the exit code
// when ctx ends or the topology fails. Errors are one line on stderr.
func Command(ctx context.Context, build func() *topology.Topology, args []string, stdout, stderr io.Writer) int {
	flags := Flags()
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintf(stdout, "Usage of %s:\n%s", filepath.Base(os.Args[0]), flags.FlagUsages())
		return ExitOK
	}
	if err != nil {
		return report(stderr, FlagError(err), ExitUsage)
	}
	if err := checkUsage(flags); err != nil {
		return report(stderr, err, ExitUsage)
	}
	cfg, err := Load(flags)
	if err != nil {
		return report(stderr, err, ExitFault)
	}
	if path, _ := flags.GetString("bundle-out"); path != "" {
		return outcome(stderr, WriteBundle(ctx, build(), cfg, path))
	}
	if path, _ := flags.GetString(planOutFlag); path != "" {
		return outcome(stderr, writePlan(build(), cfg, path, stdout))
	}
	if err := cfg.Validate(); err != nil {
		return report(stderr, err, blame(flags, cfg))
	}
	validate, _ := flags.GetBool("validate")
	plan, _ := flags.GetBool(planFlag)
	apply, _ := flags.GetBool(applyFlag)
	switch {
	case flags.Changed(sideDropFlag):
		err = runSideDrop(ctx, build(), cfg, stdout)
	case plan, apply:
		err = planOrApply(ctx, build(), cfg, planPrinter{apply, stdout})
	case flags.Changed(schemasFlag):
		err = runSchemas(ctx, build(), cfg, printer{flags.Lookup(schemasFlag).Value.String(), stdout})
	case validate:
		err = runCheck(ctx, build(), cfg, stdout)
	default:
		err = runMain(ctx, build(), cfg, stderr)
	}
	return outcome(stderr, err)
}

// outcome returns the exit code for how a command line that is right ended.
func outcome(stderr io.Writer, err error) int {
	if err != nil {
		return report(stderr, err, ExitFault)
	}
	return ExitOK
}

// checkUsage finds what is wrong with the command line itself.
func checkUsage(flags *pflag.FlagSet) error {
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: see --help", flags.Arg(0))
	}
	faults := oneTask(flags)
	flags.Visit(func(f *pflag.Flag) {
		if fault := flagFault(flags, f.Name); fault != "" {
			faults = append(faults, fault)
		}
	})
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	return nil
}

// flagFault says what is wrong with the value of a flag that was given.
func flagFault(flags *pflag.FlagSet, name string) string {
	text := flags.Lookup(name).Value.String()
	switch name {
	case "config", "state", "bundle", "bundle-out", planOutFlag:
		if text == "" {
			return fmt.Sprintf("--%s is empty: give a name, or leave it out", name)
		}
	case "create-topics":
		if n, _ := flags.GetInt(name); n < 1 || n > kafka.MaxPartitions {
			return fmt.Sprintf("--%s %d: give a number of partitions of 1 or more, %d at most", name, n, kafka.MaxPartitions)
		}
	case "replication", "min-insync-replicas":
		if n, _ := flags.GetInt(name); n < 1 {
			return fmt.Sprintf("--%s %d: give a number of 1 or more", name, n)
		}
	case "num-standby":
		if n, _ := flags.GetInt(name); n < 0 || n > maxStandby {
			return fmt.Sprintf("--%s %d: give a number of copies of 0 or more, %d at most", name, n, maxStandby)
		}
	case "dial-timeout", "stop-timeout":
		if d, _ := flags.GetDuration(name); d <= 0 {
			return fmt.Sprintf("--%s %s: give a duration above 0, such as 20s", name, d)
		}
	case "fetch-bytes", "buffer-bytes", "cache-bytes":
		if bytes, ok := parseSize(text); !ok || bytes < minBytes {
			return fmt.Sprintf("--%s %q: give a size of 1MiB or more, such as 64MiB", name, text)
		}
	case "log-level":
		if _, err := logLevel(text); err != nil || text == "" {
			return fmt.Sprintf("--%s %q: use debug, info, warn or error", name, text)
		}
	case "delivery":
		if !Delivery(text).known() {
			return fmt.Sprintf("--%s %q: use %s or %s", name, text, ExactlyOnce, AtLeastOnce)
		}
	case "partitioner":
		if !Partitioner(text).known() {
			return fmt.Sprintf("--%s %q: use %s, %s or %s", name, text, Murmur2, FNV1a, AnyPartitioner)
		}
	case "topic-prefix":
		if !prefixChars.MatchString(text) {
			return fmt.Sprintf("--%s %q: use letters, digits and . _ - only", name, text)
		}
	case "side", "from", "until":
		return sideFault(name, text)
	case schemasFlag:
		return formatFault(text)
	case "brokers", "registry":
		return addressFault(flags, name)
	}
	return ""
}

func addressFault(flags *pflag.FlagSet, name string) string {
	list, err := flags.GetStringSlice(name)
	if err == nil && name == "brokers" {
		err = kafka.Config{Brokers: list}.Validate()
	} else if err == nil {
		_, err = registry.New(registry.Config{URLs: list})
	}
	if err != nil {
		return fmt.Sprintf("--%s: %v", name, err)
	}
	return ""
}

// blame returns the exit code of a faulty configuration: without a config file
// it is the command line that lacks the addresses.
func blame(flags *pflag.FlagSet, cfg Config) int {
	if !flags.Changed("config") && (len(cfg.Brokers) == 0 || len(cfg.Registry) == 0 && cfg.Bundle == "") {
		return ExitUsage
	}
	return ExitFault
}

// report writes an error as one line.
func report(stderr io.Writer, err error, code int) int {
	fmt.Fprintln(stderr, strings.Join(strings.Fields(err.Error()), " "))
	return code
}

func runMain(ctx context.Context, t *topology.Topology, cfg Config, stderr io.Writer) error {
	level, err := logLevel(cfg.LogLevel)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	cfg.Logger = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	r, err := New(t, cfg)
	if err != nil {
		return err
	}
	if err := r.Run(ctx); err != nil {
		return err
	}
	stats := r.Stats()
	cfg.Logger.Info("stopped", "in", stats.In, "out", stats.Out, "dead_letters", stats.DeadLetters)
	return nil
}

func runCheck(ctx context.Context, t *topology.Topology, cfg Config, stdout io.Writer) error {
	r, err := New(t, cfg)
	if err != nil {
		return err
	}
	report, err := r.Examine(ctx)
	if err != nil {
		return err
	}
	if err := report.WriteText(stdout); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := report.err(); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "topology %s is valid: its topics and schemas are there\n", r.graph.Name)
	return nil
}
