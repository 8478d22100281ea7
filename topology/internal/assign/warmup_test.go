package assign_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/assign"
)

// cold is a member that would have to load all that it does not have.
func cold(m assign.Member, n int, warm ...int32) assign.Member {
	m.Warm = warm
	m.Cold = slices.DeleteFunc(partitions(n), func(p int32) bool { return slices.Contains(m.Had, p) || slices.Contains(warm, p) })
	return m
}

func TestBalanceLeavesBigTablesUntilThereAreCopies(t *testing.T) {
	t.Parallel()
	files := func(m assign.Member, partitions ...int32) assign.Member {
		m.Files = partitions
		return m
	}
	for _, tt := range []struct {
		name    string
		members []assign.Member
		want    map[string]assign.Share
	}{
		{
			name:    "what would move stays, and its next owner makes copies",
			members: []assign.Member{cold(having(member("a", "in"), 0, 1, 2, 3), 4), cold(member("b", "in"), 4)},
			want:    map[string]assign.Share{"a-1": {Active: partitions(4)}, "b-1": {Standby: []int32{2, 3}, Warming: []int32{2, 3}}},
		},
		{
			name:    "rather of what it has files of",
			members: []assign.Member{cold(having(member("a", "in"), 0, 1, 2, 3), 4), files(cold(member("b", "in"), 4), 0, 1)},
			want:    map[string]assign.Share{"a-1": {Active: partitions(4)}, "b-1": {Standby: []int32{0, 1}, Warming: []int32{0, 1}}},
		},
		{
			name:    "a copy that is warm is kept until the owner has given the partition up",
			members: []assign.Member{cold(having(member("a", "in"), 0, 1, 2, 3), 4), cold(member("b", "in"), 4, 1)},
			want: map[string]assign.Share{
				"a-1": {Active: []int32{0, 2, 3}, Leaving: []int32{1}}, "b-1": {Coming: []int32{1}, Standby: []int32{1, 3}, Warming: []int32{3}},
			},
		},
		{
			name:    "and then becomes the owner's",
			members: []assign.Member{cold(having(member("a", "in"), 0, 2, 3), 4), cold(member("b", "in"), 4, 1)},
			want:    map[string]assign.Share{"a-1": {Active: []int32{0, 2, 3}}, "b-1": {Active: []int32{1}, Standby: []int32{3}, Warming: []int32{3}}},
		},
		{
			name:    "small tables move at once",
			members: []assign.Member{having(member("a", "in"), 0, 1, 2, 3), member("b", "in")},
			want:    map[string]assign.Share{"a-1": {Active: []int32{0, 1}, Leaving: []int32{2, 3}}, "b-1": {Coming: []int32{2, 3}}},
		},
		{
			name: "so does what its owner has not loaded yet",
			members: []assign.Member{
				func() assign.Member {
					m := having(member("a", "in"), 0, 1, 2, 3)
					m.Cold = []int32{0, 1}
					return m
				}(), cold(member("b", "in"), 4),
			},
			want: map[string]assign.Share{"a-1": {Active: []int32{2, 3}, Leaving: []int32{0, 1}}, "b-1": {Coming: []int32{0, 1}}},
		},
		{
			name:    "what has no owner goes to who has a copy, though others have less",
			members: []assign.Member{cold(having(member("a", "in"), 0, 1), 4, 2, 3), cold(member("b", "in"), 4)},
			want:    map[string]assign.Share{"a-1": {Active: partitions(4)}, "b-1": {Standby: []int32{2, 3}, Warming: []int32{2, 3}}},
		},
		{
			name:    "and without copies to who has the least",
			members: []assign.Member{cold(having(member("a", "in"), 0, 1), 4), cold(member("b", "in"), 4)},
			want:    map[string]assign.Share{"a-1": {Active: []int32{0, 1}}, "b-1": {Active: []int32{2, 3}}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := assign.Balance(tt.members, assign.Topics{"in": partitions(4)})
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got): %s", d)
			}
		})
	}
}

// warming is a group whose members have big tables.
type warming struct {
	group
	disks map[string]*disk // by the member's name
	old   map[string]bool  // members of a version that knows nothing of it
}

// disk is what a member has of tables.
type disk struct {
	copies, files map[int32]bool // copies that are warm
	broken        bool           // whether none gets warm
}

func (w *warming) disk(m assign.Member) *disk {
	if w.disks[m.Instance] == nil {
		w.disks[m.Instance] = &disk{copies: map[int32]bool{}, files: map[int32]bool{}}
	}
	return w.disks[m.Instance]
}

// tell has the members say what they have.
func (w *warming) tell(n int) {
	for i, m := range w.members {
		d := w.disk(m)
		m.Warm, m.Files, m.Cold = nil, nil, nil
		for _, p := range partitions(n) {
			if d.copies[p] {
				m.Warm = append(m.Warm, p)
			}
			if d.files[p] && !w.old[m.Instance] {
				m.Files = append(m.Files, p)
			}
			if !d.copies[p] && !slices.Contains(m.Had, p) && !w.old[m.Instance] {
				m.Cold = append(m.Cold, p)
			}
		}
		w.members[i] = m
	}
}

// load lets copies become warm, some or all, and reports whether a member joins
// again for it.
func (w *warming) load(all bool, rnd *rand.Rand) (rejoins bool) {
	for _, m := range w.members {
		d, share := w.disk(m), w.shares[m.ID]
		warm := map[int32]bool{}
		for _, p := range share.Standby {
			d.files[p] = true
			warm[p] = d.copies[p] || !d.broken && (all || rnd.IntN(2) == 0)
			rejoins = rejoins || warm[p] && slices.Contains(share.Warming, p)
		}
		for _, p := range share.Active {
			d.files[p] = true
		}
		d.copies = warm
	}
	return rejoins
}

// round is one rebalance. What an owner can go on with moves only to who can too.
func (w *warming) round(t *testing.T, n int) (revoked bool) {
	t.Helper()
	w.tell(n)
	before := slices.Clone(w.members)
	revoked = w.group.round(t)
	for _, m := range before {
		for _, p := range w.shares[m.ID].Leaving {
			to := slices.IndexFunc(before, func(m assign.Member) bool { return slices.Contains(w.shares[m.ID].Coming, p) })
			if to >= 0 && slices.Contains(before[to].Cold, p) {
				t.Errorf("partition %d moves from %s to %s, which has no copy of its tables", p, m.ID, before[to].ID)
			}
		}
	}
	return revoked
}

// FuzzAGroupWarmsUp lets members come and go where tables are big, and checks
// that the group comes to rest, that nothing moves to a member that would have to
// load it first as long as another one can go on with it, and that in the end the
// work is even.
func FuzzAGroupWarmsUp(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed, uint8(seed*7), seed%4 == 1, seed%4 == 2)
	}
	f.Fuzz(func(t *testing.T, seed uint64, count uint8, mixed, broken bool) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		n := int(count%40) + 1
		w := &warming{group: group{topics: assign.Topics{"a": partitions(n), "b": partitions(n), "c": partitions(n)}}, disks: map[string]*disk{}, old: map[string]bool{}}
		for step := range 12 {
			w.change(rnd, step, false)
			for _, m := range w.members {
				if _, known := w.disks[m.Instance]; !known {
					w.old[m.Instance] = mixed && rnd.IntN(2) == 0
					w.disk(m).broken = broken && rnd.IntN(3) == 0
				}
				if m.Generation < 0 {
					w.disk(m).copies = map[int32]bool{} // it was started again
				}
			}
			w.settle(t, n, rnd)
			if t.Failed() {
				return
			}
			if !broken && spread(w.members) > 1 {
				t.Errorf("step %d: shares are uneven: %v", step, w.members)
			}
		}
	})
}

func (w *warming) settle(t *testing.T, n int, rnd *rand.Rand) {
	t.Helper()
	for rounds := 1; ; rounds++ {
		revoked := w.round(t, n)

		// Copies that take long are in the end there.
		if again := w.load(rounds > 4, rnd); !revoked && !again {
			if rounds > 4 {
				break
			}
		}
		if rounds > 12 {
			t.Fatalf("the group has not settled after %d rounds: %v", rounds, fmt.Sprint(w.members))
		}
	}
	w.checkOwners(t)
}
