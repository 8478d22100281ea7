package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/gotype"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/source"
	"github.com/gokavro/gokavro/codecs/avro"
)

// back writes the schema of a Go type.
func (g *generating) back(cmd *cobra.Command, args []string) error {
	switch {
	case g.from.Path == "":
		return cli.Usage(errors.New("--from-go: name a Go file, or the folder of a package"))
	case g.pkg != "" || len(args) > 0:
		return cli.Usage(errors.New("--from-go: leave out --package and the files of schemas"))
	case g.out == "":
		return cli.Usage(errors.New("--out: name a file, or - for standard output"))
	}
	text, err := gotype.Schema(cmd.Context(), g.from)
	if err != nil {
		return fmt.Errorf("--from-go %s: %w", g.from.Path, err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(text), "", "  "); err != nil {
		return err
	}
	indented.WriteByte('\n')
	if g.out != source.Stdin {
		return replaceIf(g.out, indented.Bytes(), mayBeSchema(g.out))
	}
	_, err = cmd.OutOrStdout().Write(indented.Bytes())
	return err
}

// mayBeSchema lets a schema be replaced, and nothing else.
func mayBeSchema(path string) func(before []byte) error {
	return func(before []byte) error {
		if _, err := avro.ParseSchema(string(before)); err != nil && len(before) > 0 {
			return fmt.Errorf("--out %s: the file that is there is no schema: give another name", path)
		}
		return nil
	}
}
