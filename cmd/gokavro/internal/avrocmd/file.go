package avrocmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/outfile"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/source"
	"github.com/gokavro/gokavro/codecs/avro"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema FILE",
		Short:   "Print the schema of a container file",
		Long:    "Prints the schema that an Avro object container file was written with, as the file has it.",
		Example: "  gokavro avro schema users.avro",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withFile(cmd, args[0], func(file *avro.FileReader) error {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSpace(file.Schema().String()))
				return err
			})
		},
	}
}

func withFile(cmd *cobra.Command, path string, use func(*avro.FileReader) error, opts ...avro.FileOption) error {
	from, err := source.Open(cmd, path)
	if err != nil {
		return err
	}
	file, err := avro.NewFileReader(from, nil, opts...)
	if err == nil {
		err = use(file)
	}
	if err = errors.Join(err, from.Close()); err != nil {
		return fmt.Errorf("%s: %w", source.Name(path), err)
	}
	return nil
}

type writing struct{ schema, codec, out string }

func writeCommand() *cobra.Command {
	var w writing
	cmd := &cobra.Command{
		Use:   "write --schema FILE -o FILE [FILE]",
		Short: "Write a container file of JSON lines",
		Long: "Writes an Avro object container file of JSON lines, from FILE or standard input, each one\n" +
			"datum in Avro's JSON encoding. Blank lines are left out. The file takes its name when it is\n" +
			"whole, and replaces one that is there; with -o - it goes to standard output.",
		Example: "  gokavro avro write --schema user.avsc --codec zstandard -o users.avro users.jsonl",
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return w.run(cmd, argument(args)) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&w.schema, "schema", "", "schema `FILE` of the data (required)")
	flags.StringVar(&w.codec, "codec", string(avro.Null), "`NAME` of the compression: null, deflate, snappy or zstandard")
	flags.StringVarP(&w.out, "out", "o", "", "container `FILE` to write (required)")
	_ = cmd.MarkFlagRequired("schema")
	_ = cmd.MarkFlagRequired("out")
	_ = cmd.MarkFlagFilename("out", "avro")
	_ = cmd.RegisterFlagCompletionFunc("codec", cobra.FixedCompletions(compressions(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func compressions() []string {
	return []string{string(avro.Null), string(avro.Deflate), string(avro.Snappy), string(avro.Zstandard)}
}

func (w *writing) run(cmd *cobra.Command, input string) error {
	compression, err := w.compression()
	if err != nil {
		return cli.Usage(err)
	}
	parsed, form, err := openForm(cmd, w.schema, input)
	if err != nil {
		return err
	}
	if w.out == source.Stdin {
		file, err := avro.NewFileWriter(cmd.OutOrStdout(), parsed, compression)
		if err != nil {
			return err
		}
		if err := copyLines(cmd, input, form, file.WriteRaw); err != nil {
			return err
		}
		return file.Close()
	}
	file, err := outfile.Create(w.out)
	if err != nil {
		return err
	}
	defer file.Discard()
	if err := file.BeginWith(parsed, compression); err != nil {
		return err
	}
	if err := copyLines(cmd, input, form, file.WriteRaw); err != nil {
		return err
	}
	return file.Commit()
}

func (w *writing) compression() (avro.Compression, error) {
	for _, name := range compressions() {
		if w.codec == name {
			return avro.Compression(name), nil
		}
	}
	return "", fmt.Errorf("--codec %q: use null, deflate, snappy or zstandard", w.codec)
}

func copyLines(cmd *cobra.Command, input string, form *avro.JSONForm, write func([]byte) error) error {
	var datum []byte
	return source.Lines(cmd, input, func(_ int, line []byte) (err error) {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		if datum, err = form.Encode(datum[:0], line); err != nil {
			return err
		}
		return write(datum)
	})
}
