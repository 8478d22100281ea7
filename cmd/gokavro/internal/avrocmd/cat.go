package avrocmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/codecs/avro"
)

func catCommand() *cobra.Command {
	var skipCorrupt bool
	cmd := &cobra.Command{
		Use:   "cat FILE",
		Short: "Print the data of a container file as JSON lines",
		Long: "Prints each datum of an Avro object container file as one line of Avro's JSON encoding.\n\n" +
			"A corrupt block is an error with its byte position, behind the data before it. With\n" +
			"--skip-corrupt corrupt blocks are left out, each whole, and the number of them and of their\n" +
			"bytes is printed on standard error at the end; the exit code is 0 then. Blocks with a\n" +
			"damaged sync marker between them count as one.",
		Example: "  gokavro avro cat users.avro\n" +
			"  gokavro avro cat --skip-corrupt damaged.avro > saved.jsonl",
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().BoolVar(&skipCorrupt, "skip-corrupt", false, "leave out corrupt blocks and count them")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var opts []avro.FileOption
		if skipCorrupt {
			opts = append(opts, avro.SkipCorrupt())
		}
		var skipped avro.SkippedBlocks
		out := bufio.NewWriter(cmd.OutOrStdout())
		err := withFile(cmd, args[0], func(file *avro.FileReader) error {
			err := cat(cmd, out, file)
			skipped = file.Skipped()
			return err
		}, opts...)
		if err = errors.Join(err, out.Flush()); err == nil && skipCorrupt {
			fmt.Fprintf(cmd.ErrOrStderr(), "corrupt blocks left out: %d (%d bytes)\n", skipped.Blocks, skipped.Bytes)
		}
		return err
	}
	return cmd
}

func cat(cmd *cobra.Command, out *bufio.Writer, file *avro.FileReader) error {
	form, err := avro.NewJSONForm(file.Schema())
	if err != nil {
		return err
	}
	for number := int64(1); ; number++ {
		err := printEach(cmd, out, form, 1, func([]byte) ([]byte, error) { return file.ReadRaw() })
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("datum %d: %w", number, err)
		}
	}
}
