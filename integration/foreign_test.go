package integration_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
)

// foreignEnv is a setting that names another Avro library, or skips the test
// without it.
func foreignEnv(t *testing.T, name, what string) string {
	t.Helper()
	value := os.Getenv(name)
	switch {
	case value != "":
	case os.Getenv("REQUIRE_FOREIGN") == "1":
		t.Fatalf("REQUIRE_FOREIGN=1, but %s does not name %s", name, what)
	default:
		t.Skipf("%s does not name %s: .ci/run foreign test installs and uses it", name, what)
	}
	return value
}

func foreignPython(t *testing.T) string {
	t.Helper()
	return foreignEnv(t, "FASTAVRO_PYTHON", "a Python with fastavro")
}

func TestJavaReadsWhatWeWriteAndTheOtherWayRound(t *testing.T) {
	t.Parallel()
	classes := foreignEnv(t, "AVRO_JAVA_CP", "a class path with Java's Avro")
	e := newExchange(t)
	e.run(t, "java", "-cp", classes, testdataPath(t, "foreign", "Peer.java"))
	e.compare(t)
}

func TestFastavroReadsWhatWeWriteAndTheOtherWayRound(t *testing.T) {
	t.Parallel()
	python := foreignPython(t)
	e := newExchange(t)
	// fastavro writes a number of a union as the first branch that takes it.
	e.cases = slices.DeleteFunc(e.cases, func(c *foreignCase) bool { return c.Name == "numbers" })
	e.run(t, python, testdataPath(t, "foreign", "peer.py"))
	e.compare(t)
}

func testdataPath(t *testing.T, parts ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(append([]string{"testdata"}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// exchange is a folder through which we and another library give each other
// data of many schemas.
type exchange struct {
	dir   string
	cases []*foreignCase
}

func newExchange(t *testing.T) *exchange {
	t.Helper()
	e := &exchange{dir: t.TempDir()}
	for _, path := range glob(t, testdataPath(t, "foreign", "*.avsc")) {
		if filepath.Ext(withoutExt(path)) != ".reader" {
			e.cases = append(e.cases, newForeignCase(t, e.dir, path))
		}
	}
	return e
}

// run lets the other library read the cases and write its answers.
func (e *exchange) run(t *testing.T, command ...string) {
	t.Helper()
	text, err := json.Marshal(e.cases)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(e.dir, "cases.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), command[0], append(command[1:], e.dir)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command[0], err, output)
	}
}

// compare holds the answers against the cases.
func (e *exchange) compare(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.dir, "answers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var answers []foreignAnswer
	if err := json.Unmarshal(text, &answers); err != nil {
		t.Fatal(err)
	}
	if len(answers) != len(e.cases) {
		t.Fatalf("got %d answers, want %d", len(answers), len(e.cases))
	}
	for i, c := range e.cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.check(t, answers[i])
		})
	}
}

// foreignAnswer is what the other library made of a case. Text is there where
// it has Avro's JSON encoding, Blocked where it writes sizes of blocks.
type foreignAnswer struct {
	Name     string
	Data     []string            // read and written again
	Blocked  []string            // the same in blocks with their sizes
	Text     []string            // the same in Avro's JSON encoding
	FromText []*string           // read from the case's text, nil where Java cannot
	Single   []string            // in single-object encoding
	Resolved []string            // read with the reader's schema
	Read     map[string][]string // out of our files, by compression
	Wrote    map[string]string   // its own files
}

// check compares values, as there is no order in a map.
func (c *foreignCase) check(t *testing.T, a foreignAnswer) {
	t.Helper()
	want := c.values(t, c.form, c.Data)
	c.same(t, "data", want, c.values(t, c.form, a.Data))
	if a.Blocked != nil {
		c.same(t, "data in blocks", want, c.values(t, c.form, a.Blocked))
	}
	if a.Text != nil {
		c.same(t, "its JSON", want, c.values(t, c.form, c.encoded(t, a.Text)))
	}
	for i, data := range a.FromText {
		if data != nil {
			c.same(t, "our JSON", want[i:i+1], c.values(t, c.form, []string{*data}))
		}
	}
	c.same(t, "single-object encoding", want, c.values(t, c.form, c.unframed(t, a.Single)))
	if c.resolved != nil {
		c.same(t, "resolved data", c.values(t, c.readerForm, c.resolved), c.values(t, c.readerForm, a.Resolved))
	}
	for _, codec := range foreignCodecs {
		c.same(t, "our file, "+string(codec), want, c.values(t, c.form, a.Read[string(codec)]))
		c.same(t, "its file, "+string(codec), want, c.values(t, c.form, c.fileData(t, a.Wrote[string(codec)], codec)))
	}
}

func (c *foreignCase) same(t *testing.T, what string, want, got []any) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %d data, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		if !reflect.DeepEqual(want[i], got[i]) {
			t.Errorf("%s: datum %d (-want +got):\n%.2000s", what, i+1, cmp.Diff(want[i], got[i]))
			return
		}
	}
}

var foreignCodecs = []avro.Compression{avro.Null, avro.Deflate, avro.Snappy, avro.Zstandard}
