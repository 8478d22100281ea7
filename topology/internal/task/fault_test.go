package task

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lovoo/goka/multierr"
)

// fork returns a tree of errors as goka makes them, with the branches in their
// order.
func fork(t *testing.T, text string, errs ...error) error {
	t.Helper()
	var all error
	for _, err := range errs {
		group, _ := multierr.NewErrGroup(t.Context())
		if all != nil {
			before := all
			group.Go(func() error { return before })
			_ = group.Wait()
		}
		group.Go(func() error { return err })
		all = group.Wait()
	}
	return fmt.Errorf("%s: %w", text, all)
}

func TestTheFaultOfAProcessorIsOneLine(t *testing.T) {
	t.Parallel()
	root := errors.New("no leader")
	record := func(n int) error {
		return fork(t, fmt.Sprintf("record %d", n), fmt.Errorf("writing to topic %d: %w", n, root))
	}
	tests := []struct {
		name string
		err  error
		want string
	}{
		{name: "one", err: root, want: "no leader"},
		{name: "in a tree", err: fork(t, "processor", record(1)), want: "writing to topic 1: no leader"},
		{
			name: "many", err: fork(t, "processor", errors.New("closing the group"), fork(t, "consuming", record(1), record(2), record(3))),
			want: "writing to topic 1: no leader (and 2 more)",
		},
		{name: "with a stack", err: fmt.Errorf("panic in callback: %w\ngoroutine 1:\n\tmain.go:7", root), want: "panic in callback: no leader"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := summarize(tt.err)
			if got.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if !errors.Is(got, root) || strings.Contains(got.Error(), "\n") {
				t.Errorf("got %q, want one line that wraps the root", got)
			}
		})
	}
}
