// Package health keeps what keeps a process from its work at the moment.
package health

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Board holds the troubles that a process has, each under what it is about. A
// nil Board takes everything and tells nobody. It is safe for concurrent use.
type Board struct {
	changed func(why string)

	mu       sync.Mutex
	troubles map[string]*trouble
	noted    map[string]error
}

type trouble struct {
	why   string
	timer *time.Timer // nil for one that somebody clears
}

// New returns a board without troubles. changed is told of what there is after
// each change, in their order: "" when there is none. It must neither block nor
// use the board.
func New(changed func(why string)) *Board {
	return &Board{changed: changed, troubles: map[string]*trouble{}, noted: map[string]error{}}
}

// Set puts a trouble on the board, in place of an earlier one about the same,
// until Clear.
func (b *Board) Set(about string, err error) { b.put(about, err, 0) }

// Pass puts a trouble on the board that is over when it does not come again for
// so long.
func (b *Board) Pass(about string, err error, after time.Duration) { b.put(about, err, after) }

// Note keeps what something met that is tried again: the reason when it takes too
// long.
func (b *Board) Note(about string, err error) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noted[about] = err
}

// Expect puts a trouble on the board, with what Note was told last, when done is
// not called within a time; done takes it off, and leaves what another has put in
// its place.
func (b *Board) Expect(about string, within time.Duration) (done func()) {
	if b == nil {
		return func() {}
	}
	over := false
	var late *trouble
	timer := time.AfterFunc(within, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if over {
			return
		}
		err := fmt.Errorf("it takes longer than %s", within)
		if noted := b.noted[about]; noted != nil {
			err = fmt.Errorf("%w: %w", err, noted)
		}
		late = b.add(about, err)
		b.tell()
	})
	return func() {
		timer.Stop()
		b.mu.Lock()
		defer b.mu.Unlock()
		over = true
		delete(b.noted, about)
		if late != nil && b.troubles[about] == late {
			b.remove(about)
			b.tell()
		}
	}
}

func (b *Board) put(about string, err error, after time.Duration) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.add(about, err)
	if after > 0 {
		t.timer = time.AfterFunc(after, func() { b.expire(about, t) })
	}
	b.tell()
}

// add puts a trouble in the place of the one before it; mu is held.
func (b *Board) add(about string, err error) *trouble {
	b.remove(about)
	t := &trouble{why: about + ": " + strings.Join(strings.Fields(err.Error()), " ")}
	b.troubles[about] = t
	return t
}

// expire takes a trouble off that has not come again.
func (b *Board) expire(about string, t *trouble) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.troubles[about] == t {
		b.remove(about)
		b.tell()
	}
}

// Clear takes the trouble about something off the board.
func (b *Board) Clear(about string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.remove(about) {
		b.tell()
	}
}

// remove reports whether there was one; mu is held.
func (b *Board) remove(about string) bool {
	t := b.troubles[about]
	if t == nil {
		return false
	}
	if t.timer != nil {
		t.timer.Stop()
	}
	delete(b.troubles, about)
	return true
}

// tell says what there is; mu is held.
func (b *Board) tell() {
	var all []string
	for _, about := range slices.Sorted(maps.Keys(b.troubles)) {
		all = append(all, b.troubles[about].why)
	}
	b.changed(strings.Join(all, "; "))
}
