package main

import (
	"bytes"
	"flag"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the help texts in testdata")

func TestHelpTextsAreThoseOfTheGoldenFiles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", "produce", "consume", "dev", "lag",
		"table", "table get", "table scan", "topology", "topology plan", "topology apply",
		"dlq", "dlq list", "dlq show", "dlq replay", "dlq drop",
		"schema", "schema canonical", "schema fingerprint", "schema check", "schema gen", "schema bundle",
		"avro", "avro decode", "avro encode", "avro cat", "avro schema", "avro write", "avro generate",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := execute(t.Context(), nil, append(strings.Fields(name), "--help")...).ok(t)
			golden := filepath.Join("testdata", "help", "gokavro-"+strings.ReplaceAll(name, " ", "-")+".txt")
			if name == "" {
				golden = filepath.Join("testdata", "help", "gokavro.txt")
			}
			if *update {
				if err := os.WriteFile(golden, []byte(got.stdout), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.stdout); diff != "" {
				t.Errorf("run go test ./cmd/gokavro -update if this is meant (-want +got):\n%s", diff)
			}
			if got.stderr != "" {
				t.Errorf("stderr: got %q, want nothing", got.stderr)
			}
		})
	}
}

func TestWrongCommandLinesAreUsageErrors(t *testing.T) {
	t.Parallel()
	in := container(t, pointV1, point(1))
	produce := []string{"produce", "--topic", "t", "--input", in, "--brokers", "127.0.0.1:1", "--registry", "http://127.0.0.1:1"}
	consume := []string{"consume", "--topic", "t", "--brokers", "127.0.0.1:1", "--registry", "http://127.0.0.1:1"}
	with := func(base []string, more ...string) []string { return append(append([]string{}, base...), more...) }
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{name: "unknown command", args: []string{"eat"}, want: []string{`unknown command "eat"`, "see --help"}},
		{name: "command with a typo", args: []string{"prodcue"}, want: []string{"prodcue", "produce"}},
		{name: "unknown help topic", args: []string{"help", "eat"}, want: []string{`"eat"`, "--help"}},
		{name: "unknown shell", args: []string{"completion", "tcsh"}, want: []string{"tcsh"}},
		{name: "unknown flag of the root", args: []string{"--wat"}, want: []string{"--wat"}},
		{name: "argument of version", args: []string{"version", "x"}, want: []string{`"x"`}},

		{name: "produce: unknown flag", args: with(produce, "--wat"), want: []string{"--wat"}},
		{name: "produce: flag without value", args: []string{"produce", "--topic"}, want: []string{"--topic"}},
		{name: "produce: argument", args: with(produce, "x"), want: []string{`unexpected argument "x"`}},
		{name: "produce: no topic", args: []string{"produce", "--input", in}, want: []string{"--topic"}},
		{name: "produce: no input", args: []string{"produce", "--topic", "t"}, want: []string{"--input"}},
		{name: "produce: empty key", args: with(produce, "--key", ""), want: []string{"--key"}},
		{name: "produce: 0 partitions", args: with(produce, "--create-topics", "0"), want: []string{"--create-topics 0", "1 or more"}},
		{name: "produce: partitions are no number", args: with(produce, "--create-topics", "x"), want: []string{`--create-topics "x": give a whole number`}},
		{name: "produce: partitions beyond all numbers", args: with(produce, "--create-topics", "9999999999"), want: []string{`"9999999999": the number is too large`}},
		{name: "produce: too many partitions", args: with(produce, "--create-topics", "2147483647"), want: []string{"--create-topics 2147483647", "at most"}},
		{name: "produce: topic name", args: with(produce, "--topic", "a/b"), want: []string{"--topic", `"a/b"`, "letters"}},
		{name: "produce: partition", args: with(produce, "--partition", "-2"), want: []string{"--partition -2"}},
		{name: "produce: header", args: with(produce, "--header", "novalue"), want: []string{`"novalue"`, "NAME=VALUE"}},
		{name: "produce: header without name", args: with(produce, "--header", "=v"), want: []string{"NAME=VALUE"}},
		{name: "produce: broker address", args: with(produce, "--brokers", "localhost"), want: []string{"--brokers", `"localhost"`, "host:port"}},
		{name: "produce: registry address", args: with(produce, "--registry", "localhost:8081"), want: []string{"--registry", "write http://localhost:8081"}},
		{name: "produce: dial timeout", args: with(produce, "--dial-timeout", "-1s"), want: []string{"--dial-timeout -1s"}},
		{name: "produce: no duration", args: with(produce, "--dial-timeout", "5"), want: []string{`--dial-timeout "5": give a duration, such as 20s`}},

		{name: "consume: unknown flag", args: with(consume, "--wat"), want: []string{"--wat"}},
		{name: "consume: argument", args: with(consume, "x"), want: []string{`"x"`}},
		{name: "consume: no topic", args: []string{"consume"}, want: []string{"--topic"}},
		{name: "consume: empty topic", args: []string{"consume", "--topic", " , "}, want: []string{"--topic"}},
		{name: "consume: topic name", args: with(consume, "--topic", "a b"), want: []string{"--topic", `"a b"`, "letters"}},
		{name: "consume: no boolean", args: with(consume, "--until-end=maybe"), want: []string{`--until-end "maybe": give true or false`}},
		{name: "consume: count 0", args: with(consume, "--count", "0"), want: []string{"--count 0", "1 or more"}},
		{name: "consume: partition", args: with(consume, "--partition", "-1"), want: []string{"--partition -1"}},
		{name: "consume: from", args: with(consume, "--from", "yesterday"), want: []string{"--from", `"yesterday"`, "beginning"}},
		{name: "consume: from offset", args: with(consume, "--from", "offset:-1"), want: []string{"--from", "offset:-1"}},
		{name: "consume: from time", args: with(consume, "--from", "time:noon"), want: []string{"--from", "time:noon"}},
		{name: "consume: isolation", args: with(consume, "--isolation", "serializable"), want: []string{"--isolation", "read_committed"}},
		{name: "consume: empty out", args: with(consume, "--out", ""), want: []string{"--out"}},

		{name: "table get: no topic", args: []string{"table", "get", "--key", "k"}, want: []string{"--topic"}},
		{name: "table get: no key", args: []string{"table", "get", "--topic", "t"}, want: []string{"--key"}},
		{name: "table scan: limit", args: []string{"table", "scan", "--topic", "t", "--limit", "0"}, want: []string{"--limit 0", "1 or more"}},
		{name: "table scan: two ranges", args: []string{"table", "scan", "--topic", "t", "--prefix", "p", "--to", "q"}, want: []string{"--prefix", "--to"}},
		{name: "dlq: no topology", args: []string{"dlq", "list"}, want: []string{"--topology"}},
		{name: "dlq: letter", args: []string{"dlq", "show", "--topology", "t", "--letter", "12"}, want: []string{`--letter "12"`, "PARTITION/OFFSET"}},
		{name: "dlq: time", args: []string{"dlq", "list", "--topology", "t", "--since", "noon"}, want: []string{`--since "noon"`, "2026-01-31T12:00:00Z"}},
		{name: "dlq: error", args: []string{"dlq", "list", "--topology", "t", "--error", "("}, want: []string{`--error "("`, "regular expression"}},
		{name: "dlq: state", args: []string{"dlq", "list", "--topology", "t", "--state", "lost"}, want: []string{`--state "lost"`, "open, replayed or dropped"}},
		{name: "dlq: offsets", args: []string{"dlq", "drop", "--topology", "t", "--from-offset", "5", "--to-offset", "5"}, want: []string{"--to-offset 5"}},
		{name: "dlq: partition", args: []string{"dlq", "drop", "--topology", "t", "--partition", "-1"}, want: []string{"--partition"}},
		{name: "dlq: empty edit", args: []string{"dlq", "replay", "--topology", "t", "--edit", ""}, want: []string{"--edit is empty"}},
		{name: "lag: no group", args: []string{"lag", "--brokers", "127.0.0.1:1"}, want: []string{"--group"}},
		{name: "lag: broker address", args: []string{"lag", "--group", "g", "--brokers", "localhost"}, want: []string{"--brokers", "host:port"}},
		{name: "bundle: nothing", args: []string{"schema", "bundle", "-o", "f"}, want: []string{"--subject, --topic or --all"}},
		{name: "bundle: no file", args: []string{"schema", "bundle", "--all"}, want: []string{"-o FILE"}},
		{name: "bundle: all and one", args: []string{"schema", "bundle", "--all", "--topic", "t", "-o", "f"}, want: []string{"leave out"}},
		{name: "bundle: registry files", args: []string{"schema", "bundle", "--all", "-o", "f", "--registry", "https://a", "--registry-cert-file", "c"}, want: []string{"--registry", "give both"}},
		{name: "bundle: user and token", args: []string{"schema", "bundle", "--all", "-o", "f", "--registry", "https://a", "--registry-user", "u", "--registry-token", "t"}, want: []string{"use one"}},

		{name: "dev: unknown flag", args: []string{"dev", "--wat"}, want: []string{"--wat"}},
		{name: "dev: argument", args: []string{"dev", "x"}, want: []string{`"x"`}},
		{name: "dev: only", args: []string{"dev", "--only", "zookeeper"}, want: []string{`--only "zookeeper"`, "kafka or registry"}},
		{name: "dev: empty only", args: []string{"dev", "--only", ""}, want: []string{"--only"}},
		{name: "dev: kafka without a broker", args: []string{"dev", "--only", "registry", "--kafka", "127.0.0.1:0"}, want: []string{"--kafka"}},
		{name: "dev: registry without one", args: []string{"dev", "--only", "kafka", "--registry", "127.0.0.1:0"}, want: []string{"--registry"}},
		{name: "dev: address", args: []string{"dev", "--kafka", "9092"}, want: []string{`--kafka "9092"`, "HOST:PORT"}},
		{name: "dev: port", args: []string{"dev", "--registry", "127.0.0.1:99999"}, want: []string{"--registry", "99999"}},
		{name: "dev: empty data", args: []string{"dev", "--data", ""}, want: []string{"--data"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			execute(t.Context(), nil, tt.args...).refused(t, 2, tt.want...)
		})
	}
}

func TestAddressesComeFromTheEnvironmentWhenNotGiven(t *testing.T) {
	b := setup(t)
	b.points(t, "t", 5)
	t.Setenv("GOKAVRO_BROKERS", "")
	t.Setenv("GOKAVRO_REGISTRY", "")
	execute(t.Context(), nil, "consume", "--topic", "t").refused(t, 2, "--brokers", "GOKAVRO_BROKERS")
	t.Setenv("GOKAVRO_BROKERS", " "+b.cfg.Brokers[0]+",")
	execute(t.Context(), nil, "consume", "--topic", "t").refused(t, 2, "--registry", "GOKAVRO_REGISTRY")
	t.Setenv("GOKAVRO_REGISTRY", b.stack.RegistryURL())
	got := execute(t.Context(), nil, "consume", "--topic", "t", "--until-end").ok(t)
	if diff := cmp.Diff([]int{5}, xs(t, got.stdout)); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	t.Setenv("GOKAVRO_BROKERS", "127.0.0.1:1")
	execute(t.Context(), nil, "consume", "--topic", "t", "--until-end", "--brokers", b.cfg.Brokers[0]).ok(t)
}

func TestInputFilesAreCheckedBeforeAnythingIsConnected(t *testing.T) {
	t.Parallel()
	data := airports(t)
	damaged := bytes.Clone(data)
	damaged[len(damaged)/2] ^= 0xff
	dir := t.TempDir()
	tests := []struct {
		name  string
		input string
		args  []string
		want  []string
	}{
		{name: "missing", input: filepath.Join(dir, "absent.avro"), want: []string{"absent.avro", "no such file"}},
		{name: "folder", input: dir, want: []string{dir, "folder"}},
		{name: "not Avro", input: file(t, "notes.txt", []byte("iata,name\nJFK,Kennedy\n")), want: []string{"notes.txt", "not an Avro object container file"}},
		{name: "empty", input: file(t, "empty.avro", nil), want: []string{"empty.avro", "not an Avro object container file"}},
		{name: "cut in the header", input: file(t, "head.avro", data[:100]), want: []string{"head.avro", "cut short"}},
		{name: "cut in a block", input: file(t, "block.avro", data[:len(data)/2]), want: []string{"block.avro", "cut short"}},
		{name: "cut in the last marker", input: file(t, "end.avro", data[:len(data)-1]), want: []string{"end.avro", "cut short"}},
		{name: "damaged", input: file(t, "damaged.avro", damaged), want: []string{"damaged.avro", "damaged"}},
		{name: "unknown field", input: file(t, "a.avro", data), args: []string{"--key", "icao"}, want: []string{"--key icao", "gokavro.flights.Airport", "iata, name, city"}},
		{name: "no fields", input: container(t, `"string"`, "x"), args: []string{"--key", "x"}, want: []string{"--key x", "string", "no fields"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := []string{"produce", "--topic", "t", "--input", tt.input, "--brokers", "127.0.0.1:1", "--registry", "http://127.0.0.1:1"}
			args = append(args, tt.args...)
			execute(t.Context(), nil, args...).refused(t, 1, tt.want...)
		})
	}
}

func TestOutputFilesAreCheckedBeforeAnythingIsConnected(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := file(t, "plain", nil)
	tests := []struct {
		name, out string
		want      []string
	}{
		{name: "missing folder", out: filepath.Join(dir, "no", "x.avro"), want: []string{filepath.Join(dir, "no", "x.avro"), "no such file or directory"}},
		{name: "a file as folder", out: filepath.Join(plain, "x.avro"), want: []string{"not a directory"}},
		{name: "folder", out: dir, want: []string{"it is a folder"}},
		{name: "device", out: os.DevNull, want: []string{os.DevNull, "plain file"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			execute(t.Context(), nil, "consume", "--topic", "t", "--out", tt.out,
				"--brokers", "127.0.0.1:1", "--registry", "http://127.0.0.1:1").refused(t, 1, tt.want...)
		})
	}
	t.Cleanup(func() {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("files left behind: %v, %v", entries, err)
		}
	})
}

func TestClustersThatDoNotAnswerAreGivenUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.points(t, "t", 1)
	in := container(t, pointV1, point(1))
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	const nowhere = "127.0.0.1:1"
	// What does answer has the time for it on a busy machine.
	const short, long = "300ms", "5s"
	tests := []struct {
		name              string
		brokers, registry string
		timeout           string
		want              []string
	}{
		{name: "no broker", brokers: nowhere, registry: b.stack.RegistryURL(), timeout: short, want: []string{nowhere, "start it or correct the address"}},
		{name: "no Kafka broker", brokers: strings.TrimPrefix(web.URL, "http://"), registry: b.stack.RegistryURL(), timeout: short, want: []string{"does not answer as a Kafka broker"}},
		{name: "no registry", brokers: b.cfg.Brokers[0], registry: "http://" + nowhere, timeout: long, want: []string{"http://" + nowhere, "start the registry or correct --registry"}},
		{name: "no schema registry", brokers: b.cfg.Brokers[0], registry: web.URL, timeout: "1m", want: []string{web.URL, "does not answer as a schema registry"}},
	}
	for _, tt := range tests {
		for _, command := range [][]string{{"produce", "--input", in}, {"consume", "--until-end"}} {
			t.Run(tt.name+" for "+command[0], func(t *testing.T) {
				t.Parallel()
				args := append([]string{}, command...)
				args = append(args, "--topic", "t", "--dial-timeout", tt.timeout, "--brokers", tt.brokers, "--registry", tt.registry)
				execute(t.Context(), nil, args...).refused(t, 1, tt.want...)
			})
		}
	}
}

func TestDevPrintsWhatIsUpAndStopsAtASignal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{
			name: "both", args: []string{"--kafka", "127.0.0.1:0", "--registry", "127.0.0.1:0"},
			want: []string{"KAFKA_BROKERS=127.0.0.1:", "SCHEMA_REGISTRY_URL=http://127.0.0.1:"},
		},
		{name: "kafka", args: []string{"--only", "kafka", "--kafka", "127.0.0.1:0"}, want: []string{"KAFKA_BROKERS="}},
		{name: "registry", args: []string{"--only", "registry", "--registry", "127.0.0.1:0"}, want: []string{"SCHEMA_REGISTRY_URL="}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := start(t, append([]string{"dev"}, tt.args...)...)
			c.stderr.await(t, 1)
			got := c.interrupt(t).ok(t)
			printed := strings.Fields(got.stdout)
			if len(printed) != len(tt.want) {
				t.Fatalf("stdout: got %q, want %d lines", got.stdout, len(tt.want))
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(printed[i], want) || strings.HasSuffix(printed[i], ":0") {
					t.Errorf("line %d: got %q, want %s with a port", i, printed[i], want)
				}
			}
			got.oneLine(t, "Ctrl-C")
		})
	}
}

func TestDevComesBackWithWhatItHeld(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "made")
	in := file(t, "airports.avro", airports(t))
	up := func() (c *background, site []string) {
		c = start(t, "dev", "--kafka", "127.0.0.1:0", "--registry", "127.0.0.1:0", "--data", data)
		c.stderr.await(t, 1)
		for line := range strings.Lines(c.stdout.String()) {
			_, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			site = append(site, value)
		}
		if len(site) != 2 {
			t.Fatalf("dev has not come up: %s", c.stderr.String())
		}
		return c, []string{"--brokers", site[0], "--registry", site[1]}
	}
	first, site := up()
	execute(t.Context(), nil, append([]string{"produce", "--topic", "airports", "--key", "iata", "--input", in, "--create-topics", "2"}, site...)...).ok(t)
	execute(t.Context(), nil, "dev", "--kafka", "127.0.0.1:0", "--registry", "127.0.0.1:0", "--data", data).refused(t, 1, data)
	first.interrupt(t).ok(t).oneLine(t, "kept in "+data)

	second, site := up()
	got := execute(t.Context(), nil, append([]string{"consume", "--topic", "airports", "--until-end"}, site...)...).ok(t)
	if n := strings.Count(got.stdout, "\n"); n != 3376 {
		t.Errorf("records after the restart: got %d, want 3376", n)
	}
	if n := strings.Count(got.stdout, `"schema_id":1,"value":{"iata":`); n != 3376 {
		t.Errorf("records that decode after the restart: got %d, want 3376", n)
	}
	second.interrupt(t).ok(t)
}

func TestDevNamesThePortThatIsInUse(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	taken, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	address := taken.Addr().String()
	for _, flag := range []string{"kafka", "registry"} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			got := execute(t.Context(), nil, "dev", "--only", flag, "--"+flag, address)
			got.refused(t, 1, address, "in use", "--"+flag)
		})
	}
}

func TestDevNamesAFolderThatCannotBeMade(t *testing.T) {
	t.Parallel()
	under := filepath.Join(file(t, "plain", nil), "data")
	got := execute(t.Context(), nil, "dev", "--kafka", "127.0.0.1:0", "--registry", "127.0.0.1:0", "--data", under)
	got.refused(t, 1, filepath.Dir(under), "--data")
}

func TestVersionNamesTheToolAndGo(t *testing.T) {
	t.Parallel()
	got := execute(t.Context(), nil, "version").ok(t)
	if !strings.HasPrefix(got.stdout, "gokavro ") || !strings.Contains(got.stdout, " go1.") {
		t.Errorf("got %q", got.stdout)
	}
	if flag := execute(t.Context(), nil, "--version").ok(t); flag.stdout != got.stdout {
		t.Errorf("--version: got %q, want %q", flag.stdout, got.stdout)
	}
}
