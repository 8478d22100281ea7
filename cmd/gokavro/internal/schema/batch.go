package schema

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/source"
	"github.com/gokavro/gokavro/codecs/avro"
)

type pair struct {
	Name           source.Raw `json:"name"`
	Writer, Reader source.Raw
}

type finding struct {
	Name       source.Raw `json:"name"`
	Compatible bool       `json:"compatible"`
	Faults     []string   `json:"faults"`
}

func checkBatch(cmd *cobra.Command, path string) error {
	out := bufio.NewWriter(cmd.OutOrStdout())
	to := json.NewEncoder(out)
	to.SetEscapeHTML(false)
	err := source.Lines(cmd, path, func(_ int, line []byte) error {
		var p pair
		deep, err := source.Object(line, &p)
		if deep != nil {
			return to.Encode(finding{Name: deep, Faults: []string{err.Error()}})
		}
		if err != nil {
			return fmt.Errorf("it is no JSON object of name, writer and reader: %w", err)
		}
		return to.Encode(p.check())
	})
	return errors.Join(err, out.Flush())
}

func (p pair) check() finding {
	found := finding{Name: p.Name, Faults: []string{}}
	var schemas [2]*avro.ParsedSchema
	for i, text := range []source.Raw{p.Writer, p.Reader} {
		parsed, err := source.ParseSchema(text)
		if text == nil {
			err = errors.New("there is none")
		}
		if err != nil {
			found.Faults = append(found.Faults, fmt.Sprintf("the %s's schema: %v", [...]string{"writer", "reader"}[i], err))
		}
		schemas[i] = parsed
	}
	if len(found.Faults) > 0 {
		return found
	}
	for _, fault := range avro.Compatible(schemas[0], schemas[1]) {
		found.Faults = append(found.Faults, fault.String())
	}
	found.Compatible = len(found.Faults) == 0
	return found
}
