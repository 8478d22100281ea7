package datum_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/codecs/avro/internal/datum"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// What the check of compatibility promises, resolution keeps.
func TestAllDataOfCompatibleSchemasAreRead(t *testing.T) {
	t.Parallel()
	file, err := os.Open(filepath.Join("..", "compat", "testdata", "compat.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	lines, compatible := bufio.NewScanner(file), 0
	for lines.Scan() {
		var c struct {
			Name           string
			Writer, Reader json.RawMessage
			Compatible     bool
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if !c.Compatible {
			continue
		}
		compatible++
		writer, reader := parse(t, string(c.Writer)), parse(t, string(c.Reader))
		decoder, err := datum.NewDecoder(resolve.New(writer, reader), datum.Limits{})
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		made, err := datum.NewGenerator(writer, 1)
		if err != nil {
			t.Logf("%s: %v", c.Name, err)
			continue
		}
		for range 50 {
			data, err := made.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			out, err := decoder.Append(nil, data)
			if err == nil {
				err = datum.Walk(reader, out, datum.Limits{})
			}
			// Bytes are read as text only if they are UTF-8.
			if err != nil && !strings.Contains(err.Error(), "not UTF-8") {
				t.Errorf("%s: %x of %s read as %s: %v", c.Name, data, c.Writer, c.Reader, err)
				break
			}
		}
	}
	if err := lines.Err(); err != nil || compatible < 100 {
		t.Errorf("got %d compatible pairs and %v", compatible, err)
	}
}
