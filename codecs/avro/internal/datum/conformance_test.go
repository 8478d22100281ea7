package datum_test

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/datum"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// evolution is a case of how Java's Avro reads a datum with another schema.
type evolution struct {
	Name           string
	Writer, Reader json.RawMessage
	Encoded        string          `json:"encoded_hex"`
	JSON           json.RawMessage `json:"reader_json"`
	Hex            string          `json:"reader_hex"`
	Error          bool
	BadBytes       bool   `json:"bad_bytes"`
	DataDependent  bool   `json:"data_dependent"`
	ImplDefined    string `json:"impl_defined"`
}

func evolutions(t testing.TB) []evolution {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "evolve.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var cases []evolution
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var c evolution
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil || len(cases) == 0 {
		t.Fatalf("got %d cases and %v", len(cases), err)
	}
	return cases
}

// converted reads a datum of the writer and gives it in the reader's form.
func converted(writer, reader *ast.Node, data []byte) (out, text []byte, err error) {
	d, err := datum.NewDecoder(resolve.New(writer, reader), datum.Limits{})
	if err != nil {
		return nil, nil, err
	}
	if out, err = d.Append(nil, data); err != nil {
		return nil, nil, err
	}
	text, err = datum.New(reader, datum.Limits{}).AppendJSON(nil, out, datum.Tagged)
	return out, text, err
}

// ours are the cases that implementations settle differently and that come
// out here in another way than in Java.
var ours = map[string]string{
	"alias.swap":                      "refused: a field whose own name the writer writes is not found by an alias too",
	"promo.bytes_string_invalid_utf8": "refused: text that is not UTF-8 is an error",
}

func TestDataAreReadAsJavaReadsThem(t *testing.T) {
	t.Parallel()
	for _, c := range evolutions(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			writer, reader := parse(t, string(c.Writer)), parse(t, string(c.Reader))
			data, err := hex.DecodeString(c.Encoded)
			if err != nil {
				t.Fatal(err)
			}
			out, text, err := converted(writer, reader, data)
			if c.ImplDefined != "" || c.DataDependent {
				t.Logf("%s: got %x, %s, %v; Java: %s", c.ImplDefined, out, text, err, c.Hex)
			}
			if wantError := c.Error || ours[c.Name] != ""; wantError || err != nil {
				if (err != nil) != wantError {
					t.Errorf("got %x and error %v, want error %t", out, err, wantError)
				}
				return
			}
			if got := hex.EncodeToString(out); got != c.Hex {
				t.Errorf("got %s, want %s", got, c.Hex)
			}
			if diff := cmp.Diff(value(t, c.JSON), value(t, text)); diff != "" {
				t.Errorf("JSON (-want +got):\n%s", diff)
			}
			again, err := datum.New(reader, datum.Limits{}).AppendBinary(nil, c.JSON)
			if err != nil || hex.EncodeToString(again) != c.Hex {
				t.Errorf("from JSON: got %x and %v, want %s", again, err, c.Hex)
			}
		})
	}
}

func TestWalkTakesWhatDecodingTakes(t *testing.T) {
	t.Parallel()
	for _, c := range evolutions(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			data, _ := hex.DecodeString(c.Encoded)
			err := datum.Walk(parse(t, string(c.Writer)), data, datum.Limits{})
			if (err != nil) != c.BadBytes {
				t.Errorf("got %v, want error %t", err, c.BadBytes)
			}
		})
	}
}

func parse(t testing.TB, text string) *ast.Node {
	t.Helper()
	node, err := ast.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return node
}

func value(t testing.TB, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", text, err))
	}
	return v
}
