package task_test

import (
	"errors"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/topology/internal/task"
)

// goka's visits run beside the processor, and may outlast it.
func TestAVisitThatOutlastsItsTaskFindsNoTables(t *testing.T) {
	t.Parallel()
	b := start(t, nil, edges(appending)...)
	b.put(t, message("in", 5, "a"))
	b.seal(t, 1)
	under, err := b.Iterator(table)
	if err != nil || !under.Next() {
		t.Fatalf("got no row, %v", err)
	}
	b.Kill()
	_ = b.end(t)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if under.Next() || under.Err() == nil {
		t.Errorf("got %q of tables that are closed, error %v", under.Key(), under.Err())
	}
	under.Release()
	if late, err := b.Iterator(table); err == nil {
		t.Errorf("got %v of tables that are closed, want an error", late)
	}
}

// A record that is set aside meanwhile does not end the visit's unit, whose
// callback still writes.
func TestAVisitIsCommittedWholeBesideARecordThatIsSetAside(t *testing.T) {
	t.Parallel()
	visiting, goOn := make(chan struct{}), make(chan struct{})
	judged := make(chan struct{})
	b := start(t, func(cfg *task.Config) {
		cfg.Check = func(m *sarama.ConsumerMessage) error {
			if string(m.Value) == "bad" {
				return errors.New("bad")
			}
			return nil
		}
		cfg.Judge = func(f task.Failure) task.Verdict {
			close(judged)
			return aside(f)
		}
	}, append(edges(appending), goka.Visitor("mark", func(ctx goka.Context, _ any) {
		ctx.Emit("out", "k", "first")
		close(visiting)
		<-goOn
		ctx.Emit("out", "k", "second")
	}))...)
	b.put(t, message("in", 5, "a"))
	b.seal(t, 1)
	visited := make(chan error, 1)
	go func() {
		_, err := b.Visit(t.Context(), "mark", nil)
		visited <- err
	}()
	<-visiting
	b.put(t, message("in", 6, "bad"))
	<-judged
	if b.take(t) {
		t.Errorf("got outputs %v while the visit is under way", b.outputs(t, "out"))
	}
	close(goOn)
	if err := <-visited; err != nil {
		t.Fatal(err)
	}
	b.seal(t, 3)
	if diff := cmp.Diff(b.outputs(t, "out"), []string{"k=a", "k=first", "k=second"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
}
