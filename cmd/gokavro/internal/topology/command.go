// Package topology is the command that shows what a topology needs on a cluster
// and in a registry, and makes it.
package topology

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/cluster"
	"github.com/gokavro/gokavro/examples/flights"
	"github.com/gokavro/gokavro/topology/runner"
)

// Command returns `gokavro topology`.
func Command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "topology",
		Short: "Show and make what a topology needs: topics, settings, schemas",
		Long: "A topology is Go code in a binary of its own. That binary writes what it needs into a\n" +
			"plan (--plan-out), and these commands compare the plan with a cluster and a registry,\n" +
			"for whoever may create topics there when the processor may not.",
	}
	cmd.AddCommand(planCommand(), applyCommand())
	return cmd
}

func planCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "plan [PLAN.json | -] [-- BINARY-FLAG...]",
		Short: "Show what is missing or differs",
		Long: "Lists the topics that would be created (+), those whose settings would be set (~), the\n" +
			"schemas that would be registered (+), settings of others' topics that a start warns of (?),\n" +
			"and what differs and cannot be mended (!), which makes the exit code 1; then the permissions\n" +
			"that the group needs. It changes nothing.\n\n" + sources,
		Example: "  gokavro topology plan --binary ./flights --create-topics 6\n" +
			"  ./flights --plan-out plan.json && gokavro topology plan plan.json",
	}
	return o.bind(cmd, func(ctx context.Context, p *runner.Plan, at runner.PlanSite) error {
		changes, err := p.Compare(ctx, at)
		if err != nil {
			return err
		}
		return p.WriteCompared(cmd.OutOrStdout(), changes)
	})
}

func applyCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "apply [PLAN.json | -] [-- BINARY-FLAG...]",
		Short: "Make what `gokavro topology plan` shows",
		Long: "Creates the topics, sets the settings and registers the schemas that plan shows, and\n" +
			"lists what it did. When plan shows something that cannot be mended, it does nothing.\n\n" + sources,
		Example: "  gokavro topology apply --binary ./flights -- --config flights.yaml\n" +
			"  ./flights --plan-out - | gokavro topology apply -",
	}
	return o.bind(cmd, func(ctx context.Context, p *runner.Plan, at runner.PlanSite) error {
		changes, err := p.Apply(ctx, at)
		if err != nil {
			return err
		}
		return p.WriteApplied(cmd.OutOrStdout(), changes)
	})
}

const sources = "The plan is a file of --plan-out, - for the input, or with --binary what that binary writes;\n" +
	"flags behind -- go to the binary. Without any of these it is that of the reference topology, flights."

type options struct {
	binary     string
	partitions int
}

// bind adds the flags, and what runs the command.
func (o *options) bind(cmd *cobra.Command, run func(context.Context, *runner.Plan, runner.PlanSite) error) *cobra.Command {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.binary, "binary", "", "`FILE` of the topology's binary")
	flags.IntVar(&o.partitions, "create-topics", 0, "partitions `N` of missing topics (those of the inputs that are there)")
	connection := cluster.Bind(cmd)
	_ = cmd.MarkFlagFilename("binary")
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		own, passed := split(cmd, args)
		if err := o.check(cmd, own, passed); err != nil {
			return cli.Usage(err)
		}
		if _, err := connection.Check(); err != nil {
			return err
		}
		plan, err := o.plan(cmd, own, passed)
		if err != nil {
			return err
		}
		site, err := connect(cmd.Context(), connection, plan)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, site.Close()) }()
		return run(cmd.Context(), plan, runner.PlanSite{Kafka: site.Kafka, Registry: site.Registry})
	}
	return cmd
}

func connect(ctx context.Context, connection *cluster.Flags, plan *runner.Plan) (*cluster.Site, error) {
	if plan.Normalize {
		connection.Normalize()
	}
	checked, err := connection.Check()
	if err != nil {
		return nil, err
	}
	return checked.Connect(ctx)
}

// split parts the arguments at --.
func split(cmd *cobra.Command, args []string) (own, passed []string) {
	if at := cmd.ArgsLenAtDash(); at >= 0 {
		return args[:at], args[at:]
	}
	return args, nil
}

func (o *options) check(cmd *cobra.Command, own, passed []string) error {
	switch {
	case len(own) > 1:
		return fmt.Errorf("unexpected argument %q: see --help", own[1])
	case len(own) == 1 && o.binary != "":
		return errors.New("--binary together with a plan: give one of them")
	case len(passed) > 0 && o.binary == "":
		return fmt.Errorf("%s behind -- is for --binary: give one", strings.Join(passed, " "))
	case cmd.Flags().Changed("create-topics") && o.partitions < 1:
		return fmt.Errorf("--create-topics %d: give a number of partitions of 1 or more", o.partitions)
	}
	return nil
}

// plan reads the plan from where the arguments say.
func (o *options) plan(cmd *cobra.Command, own, passed []string) (*runner.Plan, error) {
	plan, err := o.read(cmd, own, passed)
	if err == nil && o.partitions > 0 {
		plan.Partitions = o.partitions
	}
	return plan, err
}

func (o *options) read(cmd *cobra.Command, own, passed []string) (*runner.Plan, error) {
	switch {
	case o.binary != "":
		return fromBinary(cmd.Context(), o.binary, passed)
	case len(own) == 0:
		return runner.NewPlan(flights.Topology(), runner.Config{})
	case own[0] == "-":
		return runner.ReadPlan(cmd.InOrStdin())
	}
	file, err := os.Open(own[0])
	if err != nil {
		return nil, fmt.Errorf("opening the plan: %w", err)
	}
	defer func() { _ = file.Close() }()
	return named(own[0], file)
}

func named(name string, r io.Reader) (*runner.Plan, error) {
	plan, err := runner.ReadPlan(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return plan, nil
}

// fromBinary runs a topology's binary and reads the plan that it writes.
func fromBinary(ctx context.Context, binary string, passed []string) (*runner.Plan, error) {
	var out, errs bytes.Buffer
	run := exec.CommandContext(ctx, binary, append(passed, "--plan-out", "-")...)
	run.Stdout, run.Stderr = &out, &errs
	if err := run.Run(); err != nil {
		if said := strings.TrimSpace(errs.String()); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return nil, fmt.Errorf("running %s --plan-out -: %w", binary, err)
	}
	return named(binary, &out)
}
