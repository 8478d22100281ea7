package task_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/topology/internal/task"
)

// ringing are the edges of a group that writes its values, and counts how often
// the alarm has rung. The value "again" asks for another one.
func ringing() []goka.Edge {
	set := func(ctx goka.Context, msg any) {
		if value := msg.(string); value == "again" {
			ctx.(*task.Context).SetAlarm(time.Now())
		} else {
			ctx.Emit("out", ctx.Key(), value)
		}
	}
	rang := 0
	ring := func(ctx goka.Context, _ any) {
		rang++
		ctx.Emit("rings", "", strconv.Itoa(rang))
		ctx.(*task.Context).SetRow(table, "rings", []byte(strconv.Itoa(rang)), nil)
	}
	return []goka.Edge{
		goka.Inputs(goka.Streams{"in", "other"}, text, set), goka.Input("alarm", codecs.Bytes(), ring),
		goka.Output("out", text), goka.Output("rings", text), goka.Persist(text),
	}
}

func withAlarm(cfg *task.Config) {
	cfg.Alarm, cfg.Tombstones = "alarm", true
}

func TestAnAlarmRingsAtTheStartAndWhenItIsSet(t *testing.T) {
	t.Parallel()
	b := start(t, withAlarm, ringing()...)
	b.seal(t, 1)
	b.put(t, message("in", 5, "again"))
	b.seal(t, 3)
	if diff := cmp.Diff(b.outputs(t, "rings"), []string{"=1", "=2"}); diff != "" {
		t.Errorf("rings (-got +want): %s", diff)
	}
	if diff := cmp.Diff(b.offsets(), map[string]int64{"in": 6}); diff != "" {
		t.Errorf("offsets, of which an alarm has none (-got +want): %s", diff)
	}
	changes := b.outputs(t, "changes")
	if last := changes[len(changes)-1]; last != "rings=2" {
		t.Errorf("got changes %v, want the alarm's rows among them", changes)
	}
}

func TestAnAlarmThatIsFarAwayHoldsUpNothing(t *testing.T) {
	t.Parallel()
	far := func(ctx goka.Context, _ any) {
		ctx.(*task.Context).SetAlarm(time.Now().Add(time.Hour))
	}
	b := start(t, withAlarm, append(edges(appending), goka.Input("alarm", codecs.Bytes(), far))...)
	b.seal(t, 1)
	b.put(t, message("in", 5, "a"), message("in", 6, "b"))
	b.seal(t, 3)
	if diff := cmp.Diff(b.outputs(t, "out"), []string{"k=a", "k=ab"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
}

// What is due all the time holds up no records.
func TestAnAlarmThatAlwaysRingsLeavesRecordsTheirTurn(t *testing.T) {
	t.Parallel()
	always := func(ctx goka.Context, _ any) { ctx.(*task.Context).SetAlarm(time.Now()) }
	b := start(t, withAlarm, append(edges(appending), goka.Input("alarm", codecs.Bytes(), always))...)
	b.put(t, message("in", 5, "a"), message("in", 6, "b"))
	b.awaitOutputs(t, 2)
}

func TestAnAlarmThatFailsRingsAgain(t *testing.T) {
	t.Parallel()
	rang := 0
	ring := func(ctx goka.Context, _ any) {
		if rang++; rang == 1 {
			ctx.Fail(task.ErrAbandoned)
		}
		ctx.Emit("out", "", "rang")
	}
	b := start(t, withAlarm, append(edges(appending), goka.Input("alarm", codecs.Bytes(), ring))...)
	b.seal(t, 1)
	if diff := cmp.Diff(b.outputs(t, "out"), []string{"=rang"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
}

func TestForgottenRowsAreThoseThatWereWritten(t *testing.T) {
	t.Parallel()
	callback := func(ctx goka.Context, _ any) {
		c := ctx.(*task.Context)
		value := []string{"kept"}
		c.SetRow(table, "x", []byte("kept"), value)
		value[0] = "changed by a step that failed"
		c.Forget()
		row, decoded, err := c.Row(table, "x")
		ctx.Emit("out", "", string(row))
		if decoded != nil || err != nil {
			t.Errorf("got the value %v, %v, want it to be decoded anew", decoded, err)
		}
	}
	b := start(t, nil, edges(callback)...)
	b.put(t, message("in", 5, "a"))
	b.seal(t, 1)
	if diff := cmp.Diff(b.outputs(t, "out"), []string{"=kept"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
}
