package runner

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gokavro/gokavro/topology"
)

const (
	planFlag    = "plan"
	applyFlag   = "apply"
	planOutFlag = "plan-out"
)

func planFlags(flags *pflag.FlagSet) {
	flags.Bool(planFlag, false, "show the topics and schemas that are missing or differ, and end")
	flags.Bool(applyFlag, false, "create topics, set settings and register schemas as --plan shows, and end")
	flags.String(planOutFlag, "", "write what --plan compares into `FILE` as JSON, or - for the output, without a cluster, and end")
}

// oneTask refuses several of the flags that do something and end.
func oneTask(flags *pflag.FlagSet) (faults []string) {
	var given []string
	for _, name := range []string{"validate", schemasFlag, "bundle-out", planFlag, applyFlag, planOutFlag} {
		if flags.Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) > 1 {
		faults = append(faults, strings.Join(given, " and ")+" each end the process: give one")
	}
	return faults
}

// writePlan writes a topology's plan.
func writePlan(t *topology.Topology, cfg Config, path string, stdout io.Writer) error {
	p, err := NewPlan(t, cfg)
	if err != nil {
		return err
	}
	if path == "-" {
		return p.WriteJSON(stdout)
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	if err := p.WriteJSON(file); err != nil {
		_ = file.Close()
		return fmt.Errorf("writing the plan %s: %w", path, err)
	}
	return file.Close()
}

// runPlan compares the topology's plan with cluster and registry, or applies it.
func runPlan(ctx context.Context, t *topology.Topology, cfg Config, apply bool) (*Plan, Changes, error) {
	p, err := NewPlan(t, cfg)
	if err != nil {
		return nil, nil, err
	}
	r, err := New(t, cfg)
	if err != nil {
		return nil, nil, err
	}
	site, err := r.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer site.close()
	at := PlanSite{Kafka: site.kafka, Registry: site.registry}
	if apply {
		changes, err := p.Apply(ctx, at)
		return p, changes, err
	}
	changes, err := p.Compare(ctx, at)
	return p, changes, err
}

// planOrApply is the command of both.
func planOrApply(ctx context.Context, t *topology.Topology, cfg Config, to planPrinter) error {
	p, changes, err := runPlan(ctx, t, cfg, to.apply)
	if err != nil {
		return err
	}
	return to.print(p, changes)
}

type planPrinter struct {
	apply bool
	out   io.Writer
}

func (to planPrinter) print(p *Plan, changes Changes) error {
	if to.apply {
		return p.WriteApplied(to.out, changes)
	}
	return p.WriteCompared(to.out, changes)
}

// WriteCompared writes what [Plan.Compare] has found, and the permissions that
// the group needs. It returns an error for what is impossible.
func (p *Plan) WriteCompared(w io.Writer, changes Changes) error {
	fmt.Fprintf(w, "plan of group %s\n", p.Group)
	if err := changes.WriteText(w); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	fmt.Fprintln(w, "permissions that it needs where a cluster asks for them, User:NAME being its principal:")
	for _, command := range p.Grants() {
		fmt.Fprintln(w, "  "+command)
	}
	return p.blocked(changes)
}

// WriteApplied writes what [Plan.Apply] did. It returns an error for what is
// impossible.
func (p *Plan) WriteApplied(w io.Writer, changes Changes) error {
	if err := changes.WriteText(w); err != nil {
		return fmt.Errorf("writing what was done: %w", err)
	}
	return p.blocked(changes)
}

func (p *Plan) blocked(changes Changes) error {
	impossible := changes.Impossible()
	if len(impossible) == 0 {
		return nil
	}
	var list []string
	for _, c := range impossible {
		list = append(list, "topic "+c.Topic+": "+c.Detail)
	}
	return fmt.Errorf("group %s: %s", p.Group, strings.Join(list, "; "))
}
