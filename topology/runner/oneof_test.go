package runner_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/runner"
)

type (
	opened struct {
		By string `avro:"by"`
	}
	closed struct {
		Why string `avro:"why"`
	}
)

func phases() *avro.OneOfCodec[any] {
	return avro.OneOf[any](avro.Namespace("test"), avro.Case[opened](avro.Name("Opened")), avro.Case[closed](avro.Name("Closed")))
}

// phased keeps in a row which of two records came last, and writes both.
func phased() *topology.Topology {
	t := topology.New("phased")
	topology.Process(topology.Input(t, "in", codecs.String()), topology.Store(t, "phases", phases()),
		func(in processors.Record[string], row *processors.Row[any], emit func(any)) error {
			held, _ := row.Get()
			if _, is := held.(opened); is {
				row.Set(closed{in.Value})
			} else {
				row.Set(opened{in.Value})
			}
			held, _ = row.Get()
			emit(held)
			return nil
		}).To("out", phases())
	return t
}

func TestEachCaseOfATopicIsReportedAndBundled(t *testing.T) {
	t.Parallel()
	_, cfg := setupTally(t)
	start(t, phased(), cfg).awaitReady(t).stop(t)
	r, err := runner.New(phased(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	report, err := r.Schemas(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range report.Topics {
		got = append(got, strings.Join([]string{line.Topic, line.Subject, line.Schema, string(line.Verdict)}, " "))
	}
	if diff := cmp.Diff(got, []string{
		"in   unchecked",
		"phases test.Opened test.Opened same", "phases test.Closed test.Closed same",
		"out test.Opened test.Opened same", "out test.Closed test.Closed same",
		"phased-dead-letters phased-dead-letters-value gokavro.DeadLetter same",
	}); diff != "" {
		t.Errorf("report (-got +want): %s", diff)
	}
	file := filepath.Join(t.TempDir(), "schemas.json")
	if err := runner.WriteBundle(t.Context(), phased(), cfg, file); err != nil {
		t.Fatal(err)
	}
	client, err := registry.New(registry.Config{Bundle: file})
	if err != nil {
		t.Fatal(err)
	}
	subjects, err := client.Subjects(t.Context())
	if diff := cmp.Diff(subjects, []string{"phased-dead-letters-value", "test.Closed", "test.Opened"}); err != nil || diff != "" {
		t.Errorf("subjects of the bundle: %v (-got +want): %s", err, diff)
	}
}

func TestARowOfAnotherRecordIsRefusedOnce(t *testing.T) {
	t.Parallel()
	_, cfg := setupTally(t)
	dir := avro.NewSchemaDir(filepath.Join(cfg.StateDir, "schemas", "phases"))
	if err := dir.Keep(avro.Typed[opened](avro.Namespace("test"), avro.Name("Paused")).Schema()); err != nil {
		t.Fatal(err)
	}
	err := start(t, phased(), cfg).end(t)
	refusedBy(t, err, "store phases", "no case reads the record test.Paused")
	if n := strings.Count(err.Error(), "test.Paused"); n != 1 {
		t.Errorf("got it %d times, want once: %v", n, err)
	}
}
