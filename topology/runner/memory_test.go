package runner_test

import (
	"strings"
	"testing"

	"github.com/gokavro/gokavro/topology/runner"
)

func TestSizesAreReadWithTheirUnits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want int // 0 is refused
	}{
		{text: "2097152", want: 2 << 20},
		{text: "2048KiB", want: 2 << 20},
		{text: "64 MiB", want: 64 << 20},
		{text: "1GiB", want: 1 << 30},
		{text: "64MB"},
		{text: "-1MiB"},
		{text: "0"},
		{text: "99999999999GiB"},
		{text: "much"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			flags := runner.Flags()
			if err := flags.Parse([]string{"--buffer-bytes", tt.text}); err != nil {
				t.Fatal(err)
			}
			cfg, err := runner.Load(flags)
			if (err != nil) != (tt.want == 0) || err == nil && cfg.BufferBytes != tt.want {
				t.Errorf("got %d, %v, want %d", cfg.BufferBytes, err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), "buffer_bytes is") {
				t.Errorf("got %v, want the setting's name", err)
			}
		})
	}
}

func TestASizeThatIsTooSmallIsRefused(t *testing.T) {
	t.Parallel()
	err := runner.Config{FetchBytes: 1000, CacheBytes: -1}.Validate()
	for _, part := range []string{"fetch_bytes is 1000: give 1MiB or more", "cache_bytes is -1"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q in it", err, part)
		}
	}
}
