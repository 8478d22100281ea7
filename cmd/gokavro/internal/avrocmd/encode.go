package avrocmd

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/source"
	"github.com/gokavro/gokavro/codecs/avro"
)

func encodeCommand() *cobra.Command {
	var schema string
	var asHex bool
	cmd := &cobra.Command{
		Use:   "encode --schema FILE [FILE]",
		Short: "Write a datum that is given as JSON",
		Long: "Encodes one datum that is in Avro's JSON encoding, from FILE or standard input. Every\n" +
			"field of a record has to be there, also one with a default, and none but those.",
		Example: "  echo '{\"id\":1,\"name\":\"Ann\"}' | gokavro avro encode --schema user.avsc --hex",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return encode(cmd, schema, argument(args), asHex)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&schema, "schema", "", "schema `FILE` of the datum (required)")
	cmd.Flags().BoolVar(&asHex, "hex", false, "write a line of hex digits")
	_ = cmd.MarkFlagRequired("schema")
	return cmd
}

func encode(cmd *cobra.Command, schema, input string, asHex bool) error {
	_, form, err := openForm(cmd, schema, input)
	if err != nil {
		return err
	}
	text, err := source.Read(cmd, input, source.MaxBytes)
	if err != nil {
		return err
	}
	datum, err := form.Encode(nil, text)
	if err != nil {
		return fmt.Errorf("%s: %w", source.Name(input), err)
	}
	if asHex {
		datum = append(hex.AppendEncode(nil, datum), '\n')
	}
	_, err = cmd.OutOrStdout().Write(datum)
	return err
}

// openForm reads a schema and makes ready to read data of it in JSON.
func openForm(cmd *cobra.Command, schema, input string) (*avro.ParsedSchema, *avro.JSONForm, error) {
	if schema == "" {
		return nil, nil, cli.Usage(errors.New("--schema is empty: name a file"))
	}
	if err := source.Once(schema, input); err != nil {
		return nil, nil, err
	}
	parsed, err := source.Schema(cmd, schema)
	if err != nil {
		return nil, nil, err
	}
	form, err := avro.NewJSONForm(parsed)
	return parsed, form, err
}
