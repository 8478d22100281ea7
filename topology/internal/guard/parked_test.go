package guard_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/guard"
)

// tryParked takes a parked record in as the first thing of a process, and
// returns how many are known to have died of it.
func (p *process) tryParked(t *testing.T, number int64) int {
	t.Helper()
	if _, err := p.gate.Size(t.Context()); err != nil {
		t.Fatal(err)
	}
	deaths, err := p.gate.Enter(t.Context(), guard.Parked, number)
	if err != nil {
		t.Fatal(err)
	}
	return deaths
}

// parkedWorld has committed some records, and one of them is parked.
func parkedWorld() *world {
	w := newWorld(100)
	w.committed.Offset = 20
	return w
}

func TestAParkedRecordThatKillsIsFoundOut(t *testing.T) {
	t.Parallel()
	w := parkedWorld()
	for start, want := range []int{0, 0, 0, 2} {
		if deaths := w.start().tryParked(t, 7); deaths != want {
			t.Fatalf("start %d: got %d deaths, want %d", start+1, deaths, want)
		}
		if w.committed.Offset != 20 || guard.Parse(w.committed.Metadata).Starts > 0 {
			t.Fatalf("start %d: got %+v, want nothing told of the records of the topic", start+1, w.committed)
		}
	}
	p := w.start()
	p.tryParked(t, 7)
	p.gate.Leave(true)
	if p.commit(); w.committed.Metadata != "" {
		t.Errorf("got %q when it is set aside", w.committed.Metadata)
	}
}

// When it is not due yet, others go first.
func TestAParkedSuspectWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	w := parkedWorld()
	for range 3 {
		w.start().tryParked(t, 7)
	}
	p := w.start()
	p.gate.Leave(true) // of a batch without a name
	if deaths := p.tryParked(t, 7); deaths != 2 {
		t.Errorf("got %d deaths, want 2", deaths)
	}
}

// The deaths are those of one record.
func TestAnotherParkedRecordHasNoDeaths(t *testing.T) {
	t.Parallel()
	w := parkedWorld()
	for range 3 {
		w.start().tryParked(t, 7)
	}
	if deaths := w.start().tryParked(t, 8); deaths != 0 {
		t.Errorf("got %d deaths of another record", deaths)
	}
}

// A parked record that is done leaves the mark of a suspect of the topic alone,
// and so the other way round.
func TestParkedRecordsAndThoseOfATopicHaveMarksOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := parkedWorld()
	w.committed.Metadata = "gokavro/1 by=X starts=2 record=20 deaths=0 live=true parked-by=X parked-starts=2 parked-record=7 parked-deaths=0 parked-live=true"
	p := w.start()
	if deaths := p.tryParked(t, 7); deaths != 0 {
		t.Fatalf("got %d deaths", deaths)
	}
	want := "gokavro/1 by=X starts=2 record=20 deaths=1 live=false parked-by=P1 parked-starts=3 parked-record=7 parked-deaths=1 parked-live=true"
	if diff := cmp.Diff(w.committed.Metadata, want); diff != "" {
		t.Errorf("while it is in hand (-got +want): %s", diff)
	}
	p.gate.Leave(true)
	p.commit()
	if diff := cmp.Diff(w.committed.Metadata, "gokavro/1 by=X starts=2 record=20 deaths=1 live=false"); diff != "" {
		t.Errorf("when it is done (-got +want): %s", diff)
	}
}

// Random kills, in and between parked records, that leave a process the time to
// process more than one.
func TestRandomKillsSetNoParkedRecordAside(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	w := parkedWorld()
	const records = 1000
	for done, starts := int64(0), 0; done < records; starts++ {
		if starts > records {
			t.Fatalf("%d are done after %d starts", done, starts)
		}
		p := w.start()
		for left := 4 + random.IntN(200); left > 0 && done < records; left-- {
			size, err := p.gate.Size(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if size > 0 {
				if deaths := p.tryParked(t, done); deaths > 0 {
					t.Fatalf("record %d is to be set aside after %d deaths", done, deaths)
				}
			}
			if left--; left <= 0 {
				break // killed with the record in hand
			}
			if size > 0 {
				p.gate.Leave(true)
			}
			p.commit()
			done++
		}
	}
}

func TestAStopWithAParkedRecordInHandIsNoDeath(t *testing.T) {
	t.Parallel()
	w := parkedWorld()
	for range 6 {
		p := w.start()
		if deaths := p.tryParked(t, 7); deaths != 0 {
			t.Fatalf("got %d deaths", deaths)
		}
		p.gate.Leave(false)
		p.guard.Leave(nil)
		p.commit()
		if w.committed.Metadata != "" {
			t.Fatalf("got %q after the stop", w.committed.Metadata)
		}
	}
}

// Without any offset there is no place for the mark, and nothing to wait for.
func TestParkedRecordsOfAGroupWithoutOffsetsAreTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(100)
	if deaths := w.start().tryParked(t, 7); deaths != 0 || w.committed.Offset != -1 {
		t.Errorf("got %d deaths, %+v", deaths, w.committed)
	}
}

func FuzzParseParked(f *testing.F) {
	f.Add("")
	f.Add("gokavro/1 by=a starts=1 parked-by=P1 parked-starts=2 parked-record=7 parked-deaths=1 parked-live=true")
	f.Add("gokavro/1 parked-=\xff parked-record=9223372036854775808")
	f.Fuzz(func(t *testing.T, text string) {
		m := guard.ParseParked(text)
		again := strings.ReplaceAll(m.String(), " ", " parked-")
		if diff := cmp.Diff(guard.ParseParked(again), m); diff != "" {
			t.Errorf("read back of %q (-got +want): %s", again, diff)
		}
	})
}
