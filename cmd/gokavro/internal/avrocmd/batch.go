package avrocmd

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/source"
	"github.com/gokavro/gokavro/codecs/avro"
)

// evolution is a datum to read with another schema.
type evolution struct {
	Name           source.Raw `json:"name"`
	Writer, Reader source.Raw
	Hex            hexText
}

// hexText is a JSON text of hex digits, which may be large.
type hexText struct {
	given bool
	data  []byte
	err   error // kept, so that the other members are read
}

// UnmarshalJSON reads the digits out of the line itself.
func (h *hexText) UnmarshalJSON(text []byte) error {
	if len(text) < 2 || text[0] != '"' {
		return nil // as if it were not there
	}
	digits := text[1 : len(text)-1]
	if bytes.IndexByte(digits, '\\') >= 0 {
		var unescaped string
		if err := json.Unmarshal(text, &unescaped); err != nil {
			return err
		}
		digits = []byte(unescaped)
	}
	h.given = true
	h.data, h.err = hex.AppendDecode(nil, digits)
	return nil
}

func decodeBatch(cmd *cobra.Command, path string) error {
	out := bufio.NewWriter(cmd.OutOrStdout())
	err := source.Lines(cmd, path, func(_ int, line []byte) error {
		var e evolution
		deep, err := source.Object(line, &e)
		if deep != nil {
			return printFault(out, deep, err)
		}
		if _, isObject := errors.AsType[*json.UnmarshalTypeError](err); err != nil && (!isObject || line[0] != '{') {
			return fmt.Errorf("it is no JSON object of name, writer, reader and hex: %w", err)
		}
		if err == nil {
			err = e.print(out)
		}
		if err != nil {
			return printFault(out, e.Name, err)
		}
		return nil
	})
	return errors.Join(err, out.Flush())
}

func printFault(out *bufio.Writer, name source.Raw, err error) error {
	to := json.NewEncoder(out)
	to.SetEscapeHTML(false)
	return to.Encode(struct {
		Name  source.Raw `json:"name"`
		Error string     `json:"error"`
	}{name, err.Error()})
}

// print decodes the datum and writes what came out. Before it has written
// anything it knows that the datum is sound.
func (e *evolution) print(out *bufio.Writer) error {
	if e.Writer.IsNull() || !e.Hex.given {
		return errors.New("it has no writer or no hex")
	}
	if e.Hex.err != nil {
		return fmt.Errorf("reading hex digits: %w", e.Hex.err)
	}
	form, datum, err := e.decode(e.Hex.data)
	if err != nil {
		return err
	}
	head, err := e.head()
	if err != nil {
		return err
	}
	if err := form.Write(&headed{to: out, head: head}, datum); err != nil {
		return err
	}
	_, err = out.WriteString(`,"hex":"`)
	_, hexErr := hex.NewEncoder(out).Write(datum)
	_, endErr := out.WriteString("\"}\n")
	return errors.Join(err, hexErr, endErr)
}

func (e *evolution) decode(data []byte) (form *avro.JSONForm, datum []byte, err error) {
	writer, err := source.ParseSchema(e.Writer)
	if err != nil {
		return nil, nil, fmt.Errorf("the writer's schema: %w", err)
	}
	reader := writer
	if !e.Reader.IsNull() {
		if reader, err = source.ParseSchema(e.Reader); err != nil {
			return nil, nil, fmt.Errorf("the reader's schema: %w", err)
		}
	}
	converter, err := avro.NewConverter(writer, reader)
	if err != nil {
		return nil, nil, err
	}
	if datum, err = converter.Append(nil, data); err != nil {
		return nil, nil, err
	}
	form, err = avro.NewJSONForm(reader)
	return form, datum, err
}

// head is what the line begins with, the name without spaces around its parts.
func (e *evolution) head() ([]byte, error) {
	name, err := e.Name.MarshalJSON()
	if err != nil {
		return nil, err
	}
	const before, behind = `{"name":`, `,"json":`
	var head bytes.Buffer
	head.Grow(len(before) + len(name) + len(behind))
	head.WriteString(before)
	err = json.Compact(&head, name)
	head.WriteString(behind)
	return head.Bytes(), err
}

// headed writes its head before the first bytes.
type headed struct {
	to   *bufio.Writer
	head []byte
}

// Write writes to the writer beneath.
func (h *headed) Write(p []byte) (int, error) {
	if _, err := h.to.Write(h.head); err != nil {
		return 0, err
	}
	h.head = nil
	return h.to.Write(p)
}
