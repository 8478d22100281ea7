package schema

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/source"
	"github.com/gokavro/gokavro/codecs/avro"
)

type checking struct{ writer, reader, level, batch string }

func checkCommand() *cobra.Command {
	var c checking
	cmd := &cobra.Command{
		Use:   "check (--writer FILE --reader FILE | --level LEVEL NEW [OLDEST...NEWEST] | --batch FILE)",
		Short: "Tell whether schemas are compatible",
		Long: "Tells whether a reader's schema reads what a writer's wrote, with the verdicts of Java's\n" +
			"Avro and of schema registries, or whether a new schema may follow the older ones of a\n" +
			"subject. Prints compatible, or one line a fault and exits with 1.\n\n" +
			"With --batch the input is JSON lines of {\"name\",\"writer\",\"reader\"} with schemas as JSON\n" +
			"values, and each line of the output {\"name\",\"compatible\",\"faults\"}. A schema that cannot\n" +
			"be parsed is a fault. The exit code is 0 whatever the verdicts, and 1 when a line is not\n" +
			"a JSON object.",
		Example: "  gokavro schema check --writer v1.avsc --reader v2.avsc\n" +
			"  gokavro schema check --level BACKWARD_TRANSITIVE v3.avsc v1.avsc v2.avsc\n" +
			"  gokavro schema check --batch pairs.jsonl",
		Args: cobra.ArbitraryArgs,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&c.writer, "writer", "", "schema `FILE` that the data are written with")
	flags.StringVar(&c.reader, "reader", "", "schema `FILE` that the data are read with")
	flags.StringVar(&c.level, "level", "", "compatibility `LEVEL` of the subject, such as BACKWARD or FULL_TRANSITIVE")
	flags.StringVar(&c.batch, "batch", "", "`FILE` of JSON lines")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := c.validate(args); err != nil {
			return err
		}
		switch {
		case c.batch != "":
			return checkBatch(cmd, c.batch)
		case c.level != "":
			return checkLevel(cmd, c.level, args)
		}
		return c.pair(cmd)
	}
	return cmd
}

// validate finds what is wrong with the command line itself.
func (c *checking) validate(args []string) error {
	modes := 0
	for _, given := range []bool{c.batch != "", c.level != "", c.writer != "" || c.reader != ""} {
		if given {
			modes++
		}
	}
	switch {
	case modes != 1:
		return cli.Usage(errors.New("give either --writer and --reader, or --level, or --batch"))
	case c.level == "" && c.batch == "" && (c.writer == "" || c.reader == ""):
		return cli.Usage(errors.New("--writer and --reader are needed together"))
	case c.level != "" && len(args) == 0:
		return cli.Usage(errors.New("--level: name the new schema, and after it the older ones, the oldest first"))
	case c.level == "" && len(args) > 0:
		return cli.Usage(fmt.Errorf("unexpected argument %q: see --help", args[0]))
	}
	return source.Once(append([]string{c.writer, c.reader, c.batch}, args...)...)
}

func (c *checking) pair(cmd *cobra.Command) error {
	writer, err := source.Schema(cmd, c.writer)
	if err != nil {
		return err
	}
	reader, err := source.Schema(cmd, c.reader)
	if err != nil {
		return err
	}
	var lines []string
	for _, fault := range avro.Compatible(writer, reader) {
		lines = append(lines, fault.String())
	}
	return verdict(cmd, lines, fmt.Sprintf("%s cannot read what was written with %s", source.Name(c.reader), source.Name(c.writer)))
}

func checkLevel(cmd *cobra.Command, name string, files []string) error {
	level, err := avro.ParseLevel(name)
	if err != nil {
		return cli.Usage(fmt.Errorf("--level: %w", err))
	}
	schemas := make([]*avro.ParsedSchema, len(files))
	for i, file := range files {
		if schemas[i], err = source.Schema(cmd, file); err != nil {
			return err
		}
	}
	var lines []string
	for _, fault := range avro.CheckLevel(level, schemas[0], schemas[1:]) {
		lines = append(lines, files[1+fault.Version]+": "+fault.String())
	}
	return verdict(cmd, lines, source.Name(files[0])+" does not keep the level "+string(level))
}

// verdict prints what was found, one line each.
func verdict(cmd *cobra.Command, faults []string, refusal string) error {
	if len(faults) == 0 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "compatible")
		return err
	}
	for _, fault := range faults {
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(strings.Fields(fault), " ")); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: %s", refusal, plural(len(faults), "fault"))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
