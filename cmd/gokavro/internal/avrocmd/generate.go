package avrocmd

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/source"
	"github.com/gokavro/gokavro/codecs/avro"
)

func generateCommand() *cobra.Command {
	var schema string
	var count int64
	var seed uint64
	cmd := &cobra.Command{
		Use:   "generate --schema FILE",
		Short: "Make up data of a schema",
		Long: "Prints data that are random but valid, also for logical types, one line of Avro's JSON\n" +
			"encoding each, for avro encode and avro write. The same seed gives the same lines.",
		Example: "  gokavro avro generate --schema user.avsc -n 1000 --seed 7 |\n" +
			"    gokavro avro write --schema user.avsc -o users.avro",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if count < 0 {
				return cli.Usage(fmt.Errorf("-n %d: give a number of 0 or more", count))
			}
			return generate(cmd, schema, count, seed)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&schema, "schema", "", "schema `FILE` (required)")
	flags.Int64VarP(&count, "count", "n", 1, "print `N` lines")
	flags.Uint64Var(&seed, "seed", 1, "`K` that the data depend on")
	_ = cmd.MarkFlagRequired("schema")
	return cmd
}

func generate(cmd *cobra.Command, schema string, count int64, seed uint64) error {
	parsed, err := source.Schema(cmd, schema)
	if err != nil {
		return err
	}
	form, err := avro.NewJSONForm(parsed)
	if err != nil {
		return err
	}
	data, err := avro.NewGenerator(parsed, seed)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	err = printEach(cmd, out, form, count, data.Append)
	return errors.Join(err, out.Flush())
}

// printEach prints count data, each of which next appends to what it is given.
func printEach(cmd *cobra.Command, out *bufio.Writer, form *avro.JSONForm, count int64, next func([]byte) ([]byte, error)) error {
	var datum []byte
	for range count {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		var err error
		if datum, err = next(datum[:0]); err != nil {
			return err
		}
		if err := form.Write(out, datum); err != nil {
			return err
		}
		if err := out.WriteByte('\n'); err != nil {
			return err
		}
	}
	return nil
}
