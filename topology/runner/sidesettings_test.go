package runner_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/topology/runner"
)

func TestSettingsOfASideRunAreChecked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"a name with a dot", []string{"--side", "../x"}, `side is "../x"`},
		{"no name", []string{"--side", ""}, "--side is empty"},
		{"a position", []string{"--from", "yesterday"}, "use beginning, end, offset:N or time:"},
		{"a count to begin with", []string{"--from", "count:1"}, "use beginning, end, offset:N or time:"},
		{"a count of none", []string{"--until", "count:0"}, "give a number of records of 1 or more"},
		{"a count among others", []string{"--until", "end,count:1"}, "use beginning, end, offset:N or time:"},
		{"two for one", []string{"--from", "in=end,in=beginning"}, "there are two positions for in"},
		{"a partition", []string{"--from", "in/x=end"}, "TOPIC/PARTITION=POSITION"},
		{"one for all behind others", []string{"--from", "in=end,beginning"}, "the position for all topics comes first"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			args := append([]string{"--brokers", "127.0.0.1:1", "--registry", "http://127.0.0.1:1"}, tt.args...)
			if code := runner.Command(context.Background(), counting, args, &stderr, &stderr); code != runner.ExitUsage || !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("got code %d and %q, want %d and %q", code, stderr.String(), runner.ExitUsage, tt.want)
			}
		})
	}
}
