package integration_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/codecs/avro"
)

// foreignData is how many data are made up for a schema.
const foreignData = 25

// foreignCase is a schema with data of it, as another library is given them.
type foreignCase struct {
	Name   string            `json:"name"`
	Schema json.RawMessage   `json:"schema"`
	Reader json.RawMessage   `json:"reader,omitempty"`
	Data   []string          `json:"data"`   // hex
	Text   []string          `json:"text"`   // the same in Avro's JSON encoding
	Single []string          `json:"single"` // in single-object encoding, hex
	Files  map[string]string `json:"files"`  // by compression

	parsed           *avro.ParsedSchema
	form, readerForm *avro.JSONForm
	resolved         []string // what we read with Reader, nil without
}

// newForeignCase makes up data of the schema in a file; those in a file of JSON
// lines beside it come too.
func newForeignCase(t *testing.T, dir, path string) *foreignCase {
	t.Helper()
	c := &foreignCase{Name: strings.TrimSuffix(filepath.Base(path), ".avsc"), Files: map[string]string{}}
	c.parsed, c.form, c.Schema = foreignSchema(t, path)
	data := c.madeUp(t)
	if lines, err := os.ReadFile(withoutExt(path) + ".jsonl"); err == nil {
		for line := range bytes.Lines(lines) {
			data = append(data, c.binary(t, line))
		}
	}
	fingerprint := c.parsed.Fingerprint()
	for _, datum := range data {
		text, err := c.form.Append(nil, datum)
		if err != nil {
			t.Fatal(err)
		}
		c.Data = append(c.Data, hex.EncodeToString(datum))
		c.Text = append(c.Text, string(text))
		c.Single = append(c.Single, "c301"+fingerprint+hex.EncodeToString(datum))
	}
	for _, codec := range foreignCodecs {
		c.Files[string(codec)] = c.writeFile(t, dir, codec, data)
	}
	c.resolve(t, withoutExt(path)+".reader.avsc", data)
	return c
}

func foreignSchema(t *testing.T, path string) (*avro.ParsedSchema, *avro.JSONForm, []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := avro.ParseSchema(string(text))
	if err != nil {
		t.Fatal(err)
	}
	form, err := avro.NewJSONForm(parsed)
	if err != nil {
		t.Fatal(err)
	}
	return parsed, form, text
}

func (c *foreignCase) madeUp(t *testing.T) (data [][]byte) {
	t.Helper()
	generator, err := avro.NewGenerator(c.parsed, 7)
	if err != nil {
		t.Fatal(err)
	}
	for range foreignData {
		datum, err := generator.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, datum)
	}
	return data
}

// binary returns the datum that a text of Avro's JSON encoding stands for.
func (c *foreignCase) binary(t *testing.T, text []byte) []byte {
	t.Helper()
	datum, err := c.form.Encode(nil, text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return datum
}

// writeFile writes a container file in blocks of a few data.
func (c *foreignCase) writeFile(t *testing.T, dir string, codec avro.Compression, data [][]byte) string {
	t.Helper()
	path := filepath.Join(dir, c.Name+"."+string(codec)+".avro")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	writer, err := avro.NewFileWriter(file, c.parsed, codec)
	for i, datum := range data {
		if err == nil && i == len(data)/2 {
			err = writer.Close()
			if err == nil {
				writer, err = avro.AppendFile(file)
			}
		}
		if err == nil {
			err = writer.WriteRaw(datum)
		}
	}
	if err == nil {
		err = writer.Close()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// resolve reads the data with a reader's schema, if there is one.
func (c *foreignCase) resolve(t *testing.T, path string, data [][]byte) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		return
	}
	var reader *avro.ParsedSchema
	reader, c.readerForm, c.Reader = foreignSchema(t, path)
	converter, err := avro.NewConverter(c.parsed, reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, datum := range data {
		out, err := converter.Append(nil, datum)
		if err != nil {
			t.Fatal(err)
		}
		c.resolved = append(c.resolved, hex.EncodeToString(out))
	}
}

// values returns data as what their JSON holds.
func (c *foreignCase) values(t *testing.T, form *avro.JSONForm, data []string) []any {
	t.Helper()
	list := make([]any, len(data))
	for i, digits := range data {
		datum, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		text, err := form.Append(nil, datum)
		if err != nil {
			t.Fatalf("datum %d, %s: %v", i, digits, err)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func (c *foreignCase) encoded(t *testing.T, texts []string) (data []string) {
	t.Helper()
	for _, text := range texts {
		data = append(data, hex.EncodeToString(c.binary(t, []byte(text))))
	}
	return data
}

// unframed takes the frame off single-object encodings of the case's schema.
func (c *foreignCase) unframed(t *testing.T, messages []string) (data []string) {
	t.Helper()
	for _, message := range messages {
		datum, ok := strings.CutPrefix(message, "c301"+c.parsed.Fingerprint())
		if !ok {
			t.Fatalf("got the message %s, want the fingerprint %s", message, c.parsed.Fingerprint())
		}
		data = append(data, datum)
	}
	return data
}

// fileData returns the data of a container file, read as they are and through
// Go values.
func (c *foreignCase) fileData(t *testing.T, path string, codec avro.Compression) []string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content[:min(len(content), 8192)], []byte(codec)) {
		t.Errorf("%s is not compressed with %s", path, codec)
	}
	raw := c.readFile(t, content, func(file *avro.FileReader) ([]byte, error) { return file.ReadRaw() })
	decoded := c.readFile(t, content, func(file *avro.FileReader) ([]byte, error) {
		var value any
		if err := file.Read(&value); err != nil {
			return nil, err
		}
		return c.parsed.Append(nil, value)
	})
	c.same(t, "values of "+path, c.values(t, c.form, raw), c.values(t, c.form, decoded))
	return raw
}

func (c *foreignCase) readFile(t *testing.T, content []byte, next func(*avro.FileReader) ([]byte, error)) (data []string) {
	t.Helper()
	file, err := avro.NewFileReader(bufio.NewReader(bytes.NewReader(content)), nil)
	if err != nil {
		t.Fatal(err)
	}
	for {
		datum, err := next(file)
		if err == io.EOF { //nolint:errorlint // the end is io.EOF itself
			return data
		}
		if err != nil {
			t.Fatalf("datum %d: %v", len(data)+1, err)
		}
		data = append(data, hex.EncodeToString(datum))
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
	}
	return paths
}

func withoutExt(path string) string { return strings.TrimSuffix(path, filepath.Ext(path)) }
