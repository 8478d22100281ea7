package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// result is what a command left behind.
type result struct {
	code           int
	stdout, stderr string
}

// execute runs the tool in this process.
func execute(ctx context.Context, stdin io.Reader, args ...string) result {
	var stdout, stderr bytes.Buffer
	root := cli.New(commands()...)
	root.SetIn(stdin)
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	code := cli.Run(ctx, root, args)
	return result{code, stdout.String(), stderr.String()}
}

// ok fails the test unless the command succeeded.
func (r result) ok(t *testing.T) result {
	t.Helper()
	if r.code != cli.ExitOK {
		t.Fatalf("exit code: got %d, want 0\nstdout: %s\nstderr: %s", r.code, r.stdout, r.stderr)
	}
	return r
}

// refused fails the test unless the command ended with this code, nothing on
// stdout and one line on stderr that holds all of the words.
func (r result) refused(t *testing.T, code int, words ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code: got %d, want %d (stderr: %s)", r.code, code, r.stderr)
	}
	if r.stdout != "" {
		t.Errorf("stdout: got %q, want nothing", r.stdout)
	}
	r.oneLine(t, words...)
}

func (r result) oneLine(t *testing.T, words ...string) {
	t.Helper()
	if strings.Count(r.stderr, "\n") != 1 || !strings.HasSuffix(r.stderr, "\n") {
		t.Errorf("stderr: got %q, want one line", r.stderr)
	}
	for _, word := range words {
		if !strings.Contains(r.stderr, word) {
			t.Errorf("stderr: got %q, want %q in it", r.stderr, word)
		}
	}
}

// testBundle is an embedded stack and what a test does with it.
type testBundle struct {
	stack    *devstack.Stack
	cfg      kafka.Config
	client   *kafka.Client
	registry *registry.Client
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	b := &testBundle{stack: stack, cfg: kafka.Config{Brokers: stack.Brokers(), Timeout: kafkatest.Patience}}
	b.client = kafkatest.Dial(t, b.cfg)
	if b.registry, err = registry.New(registry.Config{URLs: []string{stack.RegistryURL()}}); err != nil {
		t.Fatal(err)
	}
	return b
}

// run runs a command on the bundle's stack.
func (b *testBundle) run(t *testing.T, args ...string) result {
	t.Helper()
	return b.runWith(t.Context(), nil, args...)
}

func (b *testBundle) runWith(ctx context.Context, stdin io.Reader, args ...string) result {
	ctx, cancel := context.WithTimeout(ctx, kafkatest.Patience)
	defer cancel()
	args = append(args, "--brokers", b.cfg.Brokers[0], "--registry", b.stack.RegistryURL())
	return execute(ctx, stdin, args...)
}

func (b *testBundle) topic(t *testing.T, name string, partitions int32) {
	t.Helper()
	kafkatest.Create(t, b.client, kafka.Topic{Name: name, Partitions: partitions})
}

// register returns the id of a schema.
func (b *testBundle) register(t *testing.T, subject, schema string) int {
	t.Helper()
	found, err := b.registry.Register(t.Context(), subject, schema)
	if err != nil {
		t.Fatal(err)
	}
	return found.ID
}

// write writes records in their order and waits for them.
func (b *testBundle) write(t *testing.T, records ...kafka.Record) {
	t.Helper()
	kafkatest.Write(t, b.cfg, records...)
}

// read returns all records of a topic.
func (b *testBundle) read(t *testing.T, topic string) []kafka.Record {
	t.Helper()
	return kafkatest.Read(t, b.client, kafka.Query{Topic: topic})
}

const (
	pointV1 = `{"type":"record","name":"Point","namespace":"test","fields":[{"name":"x","type":"int"}]}`
	pointV2 = `{"type":"record","name":"Point","namespace":"test","fields":[
		{"name":"x","type":"long"},{"name":"label","type":["null","string"],"default":null}]}`
)

func parse(t *testing.T, schema string) *avro.ParsedSchema {
	t.Helper()
	parsed, err := avro.ParseSchema(schema)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// framed returns a value in the Confluent wire format.
func framed(t *testing.T, id int, schema string, value any) []byte {
	t.Helper()
	data, err := parse(t, schema).Append(avro.AppendConfluent(nil, id), value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func point(x any) map[string]any { return map[string]any{"x": x} }

// points writes a record of version 1 for each x into partition 0 of a topic
// that is made and registered.
func (b *testBundle) points(t *testing.T, topic string, xs ...int) {
	t.Helper()
	b.topic(t, topic, 1)
	id := b.register(t, topic+"-value", pointV1)
	for _, x := range xs {
		b.write(t, kafka.Record{Topic: topic, Value: framed(t, id, pointV1, point(x))})
	}
}

// container writes an object container file and returns its path.
func container(t *testing.T, schema string, values ...any) string {
	t.Helper()
	var data bytes.Buffer
	w, err := avro.NewFileWriter(&data, parse(t, schema), avro.Deflate)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range values {
		if err := w.Write(value); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file(t, "in.avro", data.Bytes())
}

func file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// contents returns the schema and the values of a container file.
func contents(t *testing.T, r io.Reader) (schema string, values []any) {
	t.Helper()
	reader, err := avro.NewFileReader(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	for {
		var value any
		err := reader.Read(&value)
		if errors.Is(err, io.EOF) {
			return reader.Schema().String(), values
		}
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
}

func contentsOf(t *testing.T, path string) (schema string, values []any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return contents(t, bytes.NewReader(data))
}

// lines parses JSON lines.
func lines(t *testing.T, text string) []map[string]any {
	t.Helper()
	list := []map[string]any{}
	for line := range strings.Lines(text) {
		var members map[string]any
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		list = append(list, members)
	}
	return list
}

// xs are the values of x in JSON lines, -1 for a line without.
func xs(t *testing.T, text string) []int {
	t.Helper()
	list := []int{}
	for _, l := range lines(t, text) {
		x := -1
		if value, ok := l["value"].(map[string]any); ok {
			x = int(value["x"].(float64))
		}
		list = append(list, x)
	}
	return list
}

// watched is an output that a test can wait for.
type watched struct {
	mu      sync.Mutex
	text    strings.Builder
	written chan struct{}
}

func newWatched() *watched { return &watched{written: make(chan struct{}, 1)} }

// Write keeps p.
func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	select {
	case w.written <- struct{}{}:
	default:
	}
	return len(p), nil
}

// String returns all that was written.
func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// await returns when the output holds n lines.
func (w *watched) await(t *testing.T, n int) {
	t.Helper()
	deadline := time.After(kafkatest.Patience)
	for strings.Count(w.String(), "\n") < n {
		select {
		case <-w.written:
		case <-deadline:
			t.Fatalf("still not %d lines after %s: %q", n, kafkatest.Patience, w.String())
		}
	}
}

// background is a command that runs while the test goes on.
type background struct {
	stdout, stderr *watched
	cancel         context.CancelFunc
	code           chan int
}

func start(t *testing.T, args ...string) *background {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := &background{stdout: newWatched(), stderr: newWatched(), cancel: cancel, code: make(chan int, 1)}
	root := cli.New(commands()...)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	go func() { c.code <- cli.Run(ctx, root, args) }()
	return c
}

func (b *testBundle) start(t *testing.T, args ...string) *background {
	t.Helper()
	return start(t, append(args, "--brokers", b.cfg.Brokers[0], "--registry", b.stack.RegistryURL())...)
}

// wait returns what the command left behind.
func (c *background) wait(t *testing.T) result {
	t.Helper()
	select {
	case code := <-c.code:
		return result{code, c.stdout.String(), c.stderr.String()}
	case <-time.After(kafkatest.Patience):
		t.Fatalf("the command still runs after %s: %s %s", kafkatest.Patience, c.stdout, c.stderr)
		return result{}
	}
}

// interrupt does to the command what SIGINT does.
func (c *background) interrupt(t *testing.T) result {
	t.Helper()
	c.cancel()
	return c.wait(t)
}
