package progress_test

import (
	"bytes"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/progress"
)

func TestLinesComeOnceASecondAndOnlyWhenSomethingMoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		meter := progress.Start(&out, "produced", 20_000)
		wait := func(d time.Duration) {
			<-time.After(d)
			synctest.Wait()
		}
		meter.Add(1000)
		wait(600 * time.Millisecond)
		meter.Add(500)
		wait(600 * time.Millisecond)
		wait(2 * time.Second)
		meter.Add(18_500)
		meter.Stop()
		wait(2 * time.Second)
		if got, want := out.String(), "produced 1,500 of 20,000 records\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := meter.Done(); got != 20_000 {
			t.Errorf("done: got %d, want 20000", got)
		}
	})
}

func TestThousandsGroupsDigits(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 12_345: "12,345", 1_000_007: "1,000,007",
		-1234: "-1,234", math.MinInt64: "-9,223,372,036,854,775,808",
	} {
		if got := progress.Thousands(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestRateOutlivesNoTimeAtAll(t *testing.T) {
	t.Parallel()
	if got := progress.Rate(10, 0); got != 10_000 {
		t.Errorf("10 in no time: got %d, want 10000", got)
	}
	if got := progress.Rate(30, 2*time.Second); got != 15 {
		t.Errorf("30 in 2 s: got %d, want 15", got)
	}
}
