package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/cluster"
	"github.com/gokavro/gokavro/codecs/registry"
)

type bundling struct {
	subjects, topics []string
	all              bool
	out              string
}

func bundleCommand() *cobra.Command {
	var b bundling
	cmd := &cobra.Command{
		Use:   "bundle (--subject SUBJECT | --topic TOPIC | --all) -o FILE",
		Short: "Keep schemas of a registry in a file, to run while it is down",
		Long: "Writes all versions of subjects into one file, with their ids, references and levels,\n" +
			"and with the subjects that they refer to. A processor that gets the file (--bundle)\n" +
			"starts and runs while the registry is down. The same schemas always give the same file,\n" +
			"so that it can be kept under version control.\n\n" +
			"A topic stands for its subjects TOPIC-value and TOPIC-key, as far as they are there. A\n" +
			"deployed topology knows its own subjects: give its binary --bundle-out instead.",
		Example: "  gokavro schema bundle --topic flights --topic airports -o schemas.json\n" +
			"  gokavro schema bundle --all -o schemas.json",
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&b.subjects, "subject", nil, "`SUBJECT` to keep; may be repeated")
	flags.StringSliceVar(&b.topics, "topic", nil, "`TOPIC` whose subjects to keep; may be repeated")
	flags.BoolVar(&b.all, "all", false, "keep all subjects of the registry")
	flags.StringVarP(&b.out, "output", "o", "", "`FILE` to write; an existing one is replaced (required)")
	connection := cluster.BindRegistry(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := b.check(); err != nil {
			return cli.Usage(err)
		}
		client, err := connection.Client()
		if err != nil {
			return err
		}
		return b.run(cmd.Context(), client)
	}
	return cmd
}

// check finds what is wrong with the command line itself.
func (b *bundling) check() error {
	named := len(b.subjects)+len(b.topics) > 0
	switch {
	case b.out == "":
		return errors.New("no file to write: give -o FILE")
	case b.all && named:
		return errors.New("--all keeps every subject: leave out --subject and --topic")
	case !b.all && !named:
		return errors.New("nothing to keep: give --subject, --topic or --all")
	}
	return nil
}

func (b *bundling) run(ctx context.Context, client *registry.Client) error {
	subjects, err := b.choose(ctx, client)
	if err != nil {
		return err
	}
	bundle, err := client.Bundle(ctx, subjects...)
	if err != nil {
		return err
	}
	return bundle.WriteFile(b.out)
}

// choose returns the subjects to keep.
func (b *bundling) choose(ctx context.Context, client *registry.Client) ([]string, error) {
	if !b.all && len(b.topics) == 0 {
		return b.subjects, nil
	}
	there, err := client.Subjects(ctx)
	if err != nil || b.all {
		return there, err
	}
	subjects := slices.Clone(b.subjects)
	for _, topic := range b.topics {
		before := len(subjects)
		for _, side := range []string{"-value", "-key"} {
			if slices.Contains(there, topic+side) {
				subjects = append(subjects, topic+side)
			}
		}
		if len(subjects) == before {
			return nil, fmt.Errorf("--topic %s: the registry has neither the subject %s-value nor %s-key: name its subjects with --subject", topic, topic, topic)
		}
	}
	return subjects, nil
}
