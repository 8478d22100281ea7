package integration_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/examples/flights"
)

// refusal is a run of a program that has to end with one line on standard
// error and nothing else.
type refusal struct {
	program string
	args    []string
	env     []string
	code    int
	want    []string // parts of the line
}

func (r refusal) check(t *testing.T) {
	t.Helper()
	r.verify(t, r.command(t))
}

func (r refusal) command(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := command(t, r.program, r.args...)
	cmd.Env = append(cmd.Env, r.env...)
	return cmd
}

func (r refusal) verify(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	stdout, stderr, code := finish(t, cmd)
	if stdout != "" {
		t.Errorf("got standard output %q, want none", stdout)
	}
	r.judge(t, stderr, code)
}

// report is verify for a command that lists what it has found first.
func (r refusal) report(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	stdout, stderr, code := finish(t, cmd)
	for _, part := range r.want {
		if !strings.Contains(stdout, part) {
			t.Errorf("got standard output %q, want %q in it", stdout, part)
		}
	}
	r.judge(t, stderr, code)
}

// judge looks at how a command ended.
func (r refusal) judge(t *testing.T, stderr string, code int) {
	t.Helper()
	if code != r.code {
		t.Errorf("%s %v: got exit code %d, want %d", r.program, r.args, code, r.code)
	}
	if strings.Count(stderr, "\n") != 1 || !strings.HasSuffix(stderr, "\n") {
		t.Errorf("got standard error %q, want one line", stderr)
	}
	for _, part := range r.want {
		if !strings.Contains(stderr, part) {
			t.Errorf("got standard error %q, want %q in it", stderr, part)
		}
	}
	for _, part := range []string{"goroutine ", "panic", "Usage", "level=", ".go:", "failed to", "%!"} {
		if strings.Contains(stderr, part) {
			t.Errorf("got standard error %q, want no %q in it", stderr, part)
		}
	}
}

// file writes a file of a test's own and returns its path.
func file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// container returns a container file of one record.
func container(t *testing.T, schema string, value any) []byte {
	t.Helper()
	parsed, err := avro.ParseSchema(schema)
	if err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	writer, err := avro.NewFileWriter(&data, parsed, avro.Deflate)
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Write(value); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}

func TestDemoRefusesInputFiles(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(dataFile(t, flights.FlightsTopic+".avro"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(whole)
	damaged[len(damaged)/2] ^= 0xff
	lacks := container(t, `{"type":"record","name":"Flight","namespace":"gokavro.flights","fields":[
		{"name":"delay","type":"int"},{"name":"distance","type":"int"},{"name":"origin","type":"string"}]}`,
		map[string]any{"delay": int32(1), "distance": int32(2), "origin": "BOS"})
	tests := []struct {
		name string
		data []byte
		want []string
	}{
		{name: "text", data: []byte(`{"delay": 1}`), want: []string{"not an Avro"}},
		{name: "empty", data: []byte{}},
		{name: "cut in the magic bytes", data: whole[:3]},
		{name: "cut behind the magic bytes", data: whole[:4]},
		{name: "cut in the header", data: whole[:100]},
		{name: "cut in the first block", data: whole[:2000]},
		{name: "cut in the middle", data: whole[:len(whole)/2], want: []string{"cut short: fetch it again"}},
		{name: "cut before the last byte", data: whole[:len(whole)-1]},
		{name: "damaged", data: damaged, want: []string{"damaged: fetch it again"}},
		{name: "a schema that lacks fields", data: lacks, want: []string{"date"}},
		{name: "a schema of something else", data: container(t, `"string"`, "BOS"), want: []string{"gokavro.flights.Flight"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := file(t, "input.avro", tt.data)
			refusal{program: "gokavro", args: []string{"demo", "--input", path}, code: 1, want: append(tt.want, "--input "+path)}.check(t)
		})
	}
}

func TestDemoRefusesFoldersAndFilesBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	inTheWay := file(t, "in-the-way", nil)
	dir, stuck := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(stuck, flights.StatsTopic+".avro"), 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{name: "an output file that is a folder", args: []string{"--out", stuck}, want: []string{"airport-stats.avro", "it is a folder"}},
		{name: "an input that is missing", args: []string{"--input", "absent.avro"}, want: []string{"--input absent.avro", "no such file"}},
		{name: "an input that is a folder", args: []string{"--input", dir}, want: []string{"--input " + dir, "is a directory"}},
		{name: "an output folder that is a file", args: []string{"--out", inTheWay}, want: []string{"--out " + inTheWay, "not a directory"}},
		{name: "an output folder below a file", args: []string{"--out", filepath.Join(inTheWay, "out")}, want: []string{"--out " + inTheWay, "not a directory"}},
		{name: "an output folder below a device", args: []string{"--out", "/dev/null/out"}, want: []string{"--out /dev/null/out"}},
		{name: "an output folder below /proc", args: []string{"--out", "/proc/out"}, want: []string{"--out /proc/out"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			refusal{program: "gokavro", args: append([]string{"demo"}, tt.args...), code: 1, want: tt.want}.check(t)
			refusal{program: "gokavro", args: append([]string{"demo", "--json"}, tt.args...), code: 1, want: tt.want}.check(t)
		})
	}
}

func TestWrongCommandLinesEndWithUsageErrors(t *testing.T) {
	t.Parallel()
	here := []string{"--brokers", "127.0.0.1:1", "--registry", "http://127.0.0.1:1"}
	tests := []struct {
		name    string
		program string
		args    []string
		want    []string
	}{
		{name: "demo: unknown flag", program: "gokavro", args: []string{"demo", "--wat"}, want: []string{"--wat"}},
		{name: "demo: argument", program: "gokavro", args: []string{"demo", "x"}, want: []string{`"x"`}},
		{name: "demo: 0 partitions", program: "gokavro", args: []string{"demo", "--partitions", "0"}, want: []string{"--partitions 0", "1 or more"}},
		{name: "demo: negative partitions", program: "gokavro", args: []string{"demo", "--partitions", "-4"}, want: []string{"--partitions -4", "1 or more"}},
		{name: "demo: too many partitions", program: "gokavro", args: []string{"demo", "--partitions", "99999999999"}, want: []string{"--partitions 99999999999", "at most"}},
		{name: "demo: topic prefix", program: "gokavro", args: []string{"demo", "--topic-prefix", "a/"}, want: []string{"--topic-prefix", `"a/airports"`}},
		{name: "demo: empty input", program: "gokavro", args: []string{"demo", "--input", ""}, want: []string{"--input is empty"}},
		{name: "demo: empty output folder", program: "gokavro", args: []string{"demo", "--out", ""}, want: []string{"--out is empty"}},
		{name: "demo: empty brokers", program: "gokavro", args: []string{"demo", "--brokers", ""}, want: []string{"--brokers is empty"}},
		{name: "demo: empty registry", program: "gokavro", args: []string{"demo", "--registry", ""}, want: []string{"--registry is empty"}},
		{name: "demo: partitions that are no number", program: "gokavro", args: []string{"demo", "--partitions", "many"}, want: []string{"--partitions", `"many"`}},
		{name: "demo: broker address", program: "gokavro", args: []string{"demo", "--brokers", "localhost"}, want: []string{"--brokers", "localhost", "host:port"}},
		{name: "demo: registry address", program: "gokavro", args: []string{"demo", "--registry", "localhost:8081"}, want: []string{"--registry", "http://localhost:8081"}},
		{name: "dev: argument", program: "gokavro", args: []string{"dev", "x"}, want: []string{`"x"`}},

		{name: "flights: no brokers", program: "flights", want: []string{"--brokers", "--registry", "GOKAVRO_BROKERS"}},
		{name: "flights: unknown flag", program: "flights", args: append([]string{"--wat"}, here...), want: []string{"--wat", "--help"}},
		{name: "flights: flag without value", program: "flights", args: append(slices.Clone(here), "--state"), want: []string{"--state", "--help"}},
		{name: "flights: argument", program: "flights", args: append([]string{"x"}, here...), want: []string{`unexpected argument "x"`}},
		{name: "flights: 0 partitions", program: "flights", args: append([]string{"--create-topics", "0"}, here...), want: []string{"--create-topics 0", "1 or more"}},
		{name: "flights: negative partitions", program: "flights", args: append([]string{"--create-topics", "-1"}, here...), want: []string{"--create-topics -1"}},
		{name: "flights: partitions that are no number", program: "flights", args: append([]string{"--create-topics", "x"}, here...), want: []string{`--create-topics "x": give a whole number`}},
		{name: "flights: broker address", program: "flights", args: append(slices.Clone(here), "--brokers", "localhost"), want: []string{"--brokers", `"localhost"`, "host:port"}},
		{name: "flights: registry address", program: "flights", args: append(slices.Clone(here), "--registry", "localhost:8081"), want: []string{"--registry", "http://localhost:8081"}},
		{name: "flights: no time to dial", program: "flights", args: append([]string{"--dial-timeout", "0"}, here...), want: []string{"--dial-timeout 0s", "above 0"}},
		{name: "flights: duration without unit", program: "flights", args: append([]string{"--stop-timeout", "20"}, here...), want: []string{"--stop-timeout", `"20"`}},
		{name: "flights: log level", program: "flights", args: append([]string{"--log-level", "loud"}, here...), want: []string{"--log-level", `"loud"`, "debug, info, warn or error"}},
		{name: "flights: empty state folder", program: "flights", args: append([]string{"--state", ""}, here...), want: []string{"--state"}},
		{name: "flights: empty config file", program: "flights", args: append([]string{"--config", ""}, here...), want: []string{"--config"}},
		{name: "flights: delivery", program: "flights", args: append([]string{"--delivery", "maybe"}, here...), want: []string{`--delivery "maybe"`, "exactly_once or at_least_once"}},
		{name: "flights: partitioner", program: "flights", args: append([]string{"--partitioner", "crc32"}, here...), want: []string{`--partitioner "crc32"`, "murmur2, fnv1a or any"}},
		{name: "flights: topic prefix", program: "flights", args: append([]string{"--topic-prefix", "a/b"}, here...), want: []string{"--topic-prefix", `"a/b"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			refusal{program: tt.program, args: tt.args, code: 2, want: tt.want}.check(t)
		})
	}
}

func TestFlightsRefusesConfigFilesAndVariables(t *testing.T) {
	t.Parallel()
	const here = "brokers: 127.0.0.1:1\nregistry: http://127.0.0.1:1\n"
	tests := []struct {
		name   string
		config string // absent when empty
		env    []string
		want   []string
	}{
		{name: "missing", want: []string{"no such file"}},
		{name: "no YAML", config: "brokers: [a", want: []string{"YAML"}},
		{name: "not a map", config: "just text", want: []string{"YAML"}},
		{name: "unknown keys", config: here + "broker: x\nstate:\n  dir: y\n", want: []string{"broker", "state.dir", "dial_timeout"}},
		{name: "flags that are no keys", config: here + "validate: true\n", want: []string{"validate"}},
		{name: "partitions that are text", config: here + "create_topics: many\n", want: []string{"create_topics", `"many"`, "number"}},
		{name: "partitions that are a fraction", config: here + "create_topics: 2.5\n", want: []string{"create_topics", `"2.5"`, "number"}},
		{name: "negative partitions", config: here + "create_topics: -2\n", want: []string{"create_topics", "-2"}},
		{name: "a duration without unit", config: here + "dial_timeout: 20\n", want: []string{"dial_timeout", `"20"`, "20s"}},
		{name: "a duration of nothing", config: here + "stop_timeout: 0s\n", want: []string{"stop_timeout", "0s"}},
		{name: "no boolean", config: here + "auto_register: maybe\n", want: []string{"auto_register", `"maybe"`, "true or false"}},
		{name: "a list for text", config: here + "state: [a, b]\n", want: []string{"state", "text"}},
		{name: "maps in a list", config: "brokers: [{host: a}]\n", want: []string{"brokers"}},
		{name: "no brokers", config: "registry: http://127.0.0.1:1\n", want: []string{"no brokers"}},
		{name: "an address without port", config: "brokers: localhost\nregistry: localhost:8081\n", want: []string{`"localhost"`, "http://localhost:8081"}},
		{name: "a log level", config: here + "log_level: loud\n", want: []string{"log_level", `"loud"`}},
		{name: "several", config: here + "create_topics: x\nauto_register: y\n", want: []string{"create_topics", "auto_register"}},
		{name: "a variable that is no number", config: here, env: []string{"GOKAVRO_CREATE_TOPICS=x"}, want: []string{"create_topics", `"x"`}},
		{name: "a variable that is no duration", config: here, env: []string{"GOKAVRO_DIAL_TIMEOUT=20"}, want: []string{"dial_timeout", `"20"`}},
		{name: "a variable that is no boolean", config: here, env: []string{"GOKAVRO_AUTO_REGISTER=maybe"}, want: []string{"auto_register", `"maybe"`}},
		{name: "a variable that is no address", config: here, env: []string{"GOKAVRO_BROKERS=localhost"}, want: []string{`"localhost"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := "absent.yaml"
			if tt.config != "" {
				path = file(t, "flights.yaml", []byte(tt.config))
			}
			if tt.env == nil {
				tt.want = append(tt.want, "config")
			}
			refusal{program: "flights", args: []string{"--config", path}, env: tt.env, code: 1, want: tt.want}.check(t)
		})
	}
}

func TestFlightsRefusesStateFolders(t *testing.T) {
	t.Parallel()
	inTheWay := file(t, "in-the-way", nil)
	for _, dir := range []string{inTheWay, filepath.Join(inTheWay, "state"), "/dev/null/state", "/proc/state"} {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			refusal{
				program: "flights", code: 1, want: []string{"state folder " + dir, "--state"},
				args: []string{"--brokers", "127.0.0.1:1", "--registry", "http://127.0.0.1:1", "--state", dir},
			}.check(t)
		})
	}
}
