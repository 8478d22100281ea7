package avrocmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/source"
	"github.com/gokavro/gokavro/codecs/avro"
)

type decoding struct {
	writer, reader, framing, batch string
	hex                            bool
}

func decodeCommand() *cobra.Command {
	var d decoding
	cmd := &cobra.Command{
		Use:   "decode (--writer FILE [FILE] | --batch FILE)",
		Short: "Print a datum as JSON, as another schema reads it",
		Long: "Decodes one datum, from FILE or standard input, and prints it in one line of Avro's JSON\n" +
			"encoding, in the form of the reader's schema.\n\n" +
			"With --batch the input is JSON lines of {\"name\",\"writer\",\"reader\",\"hex\"} with schemas as\n" +
			"JSON values (without reader it is the writer), and each line of the output\n" +
			"{\"name\",\"json\",\"hex\"}, hex being the datum written again with the reader's schema, or\n" +
			"{\"name\",\"error\"}. The exit code is 0 whatever the results, and 1 when a line is not a\n" +
			"JSON object.",
		Example: "  gokavro avro decode --writer user.avsc user.bin\n" +
			"  echo 0206416e6e | gokavro avro decode --writer v1.avsc --reader v2.avsc --hex\n" +
			"  gokavro avro decode --batch cases.jsonl",
		Args: cobra.MaximumNArgs(1),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&d.writer, "writer", "", "schema `FILE` that the datum was written with")
	flags.StringVar(&d.reader, "reader", "", "schema `FILE` to read it with (default the writer's)")
	flags.StringVar(&d.framing, "framing", framingPlain, "`FORM` of the message: plain, confluent or single-object")
	flags.BoolVar(&d.hex, "hex", false, "the input is hex digits, with or without white space")
	flags.StringVar(&d.batch, "batch", "", "`FILE` of JSON lines")
	_ = cmd.RegisterFlagCompletionFunc("framing", cobra.FixedCompletions(
		[]string{framingPlain, framingConfluent, framingSingleObject}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if d.batch != "" {
			return d.runBatch(cmd, args)
		}
		return d.run(cmd, args)
	}
	return cmd
}

func (d *decoding) runBatch(cmd *cobra.Command, args []string) error {
	if d.writer != "" || d.reader != "" || d.hex || len(args) > 0 || cmd.Flags().Changed("framing") {
		return cli.Usage(errors.New("--batch goes without any other flag and without FILE: its lines hold all"))
	}
	return decodeBatch(cmd, d.batch)
}

func (d *decoding) run(cmd *cobra.Command, args []string) error {
	if d.writer == "" {
		return cli.Usage(errors.New("no writer's schema: give --writer, or --batch"))
	}
	unframe, err := unframer(d.framing)
	if err != nil {
		return cli.Usage(fmt.Errorf("--framing: %w", err))
	}
	input := argument(args)
	if err := source.Once(d.writer, d.reader, input); err != nil {
		return err
	}
	writer, err := source.Schema(cmd, d.writer)
	if err != nil {
		return err
	}
	reader := writer
	if d.reader != "" {
		if reader, err = source.Schema(cmd, d.reader); err != nil {
			return err
		}
	}
	message, err := d.message(cmd, input)
	if err != nil {
		return err
	}
	framed, err := unframe(message, writer)
	if err != nil {
		return fmt.Errorf("%s: %w", source.Name(input), err)
	}
	return framed.print(cmd.OutOrStdout(), writer, reader)
}

// message reads the input, out of its hex digits if it is in them.
func (d *decoding) message(cmd *cobra.Command, input string) ([]byte, error) {
	if !d.hex {
		return source.Read(cmd, input, source.MaxBytes)
	}
	text, err := source.Read(cmd, input, 2*source.MaxBytes)
	if err != nil {
		return nil, err
	}
	data, err := fromHex(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source.Name(input), err)
	}
	return data, nil
}

func argument(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return source.Stdin
}

// print decodes the datum of a message and writes it as one line.
func (m message) print(w io.Writer, writer, reader *avro.ParsedSchema) error {
	converter, err := avro.NewConverter(writer, reader)
	if err != nil {
		return err
	}
	form, err := avro.NewJSONForm(reader)
	if err != nil {
		return err
	}
	datum, err := converter.Append(nil, m.datum)
	if err != nil {
		return m.fault(err)
	}
	out := bufio.NewWriter(w)
	if err := form.Write(out, datum); err != nil {
		return err
	}
	return errors.Join(out.WriteByte('\n'), out.Flush())
}
