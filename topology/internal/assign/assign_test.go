package assign_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/assign"
)

// partitions returns the first n partitions.
func partitions(n int) []int32 {
	var all []int32
	for p := range n {
		all = append(all, int32(p))
	}
	return all
}

func member(name string, topics ...string) assign.Member {
	return assign.Member{ID: name + "-1", Instance: name, Topics: topics, Generation: -1}
}

// having is a member that runs partitions.
func having(m assign.Member, partitions ...int32) assign.Member {
	m.Held, m.Had, m.Generation = partitions, partitions, 7
	return m
}

func actives(shares map[string]assign.Share) map[string][]int32 {
	all := map[string][]int32{}
	for id, s := range shares {
		all[id] = s.Active
	}
	return all
}

func TestBalanceMovesOnlyWhatItMust(t *testing.T) {
	t.Parallel()
	warm := func(m assign.Member, partitions ...int32) assign.Member {
		m.Warm = partitions
		return m
	}
	for _, tt := range []struct {
		name    string
		members []assign.Member
		topics  assign.Topics
		want    map[string][]int32
	}{
		{
			name:    "one gets all",
			members: []assign.Member{member("a", "in", "other")},
			topics:  assign.Topics{"in": partitions(3), "other": partitions(3)},
			want:    map[string][]int32{"a-1": {0, 1, 2}},
		},
		{
			name:    "what moves to a new member is not begun before it is given up",
			members: []assign.Member{having(member("a", "in"), 0, 1, 2, 3), member("b", "in")},
			topics:  assign.Topics{"in": partitions(4)},
			want:    map[string][]int32{"a-1": {0, 1}, "b-1": nil},
		},
		{
			name:    "and then it is",
			members: []assign.Member{having(member("a", "in"), 0, 1), member("b", "in")},
			topics:  assign.Topics{"in": partitions(4)},
			want:    map[string][]int32{"a-1": {0, 1}, "b-1": {2, 3}},
		},
		{
			name:    "a member that leaves moves nothing but its own",
			members: []assign.Member{having(member("a", "in"), 0, 5), having(member("b", "in"), 1, 4)},
			topics:  assign.Topics{"in": partitions(6)},
			want:    map[string][]int32{"a-1": {0, 2, 5}, "b-1": {1, 3, 4}},
		},
		{
			name:    "who has a warm copy gets it",
			members: []assign.Member{warm(having(member("a", "in"), 0, 5), 3), warm(having(member("b", "in"), 1, 4), 2)},
			topics:  assign.Topics{"in": partitions(6)},
			want:    map[string][]int32{"a-1": {0, 3, 5}, "b-1": {1, 2, 4}},
		},
		{
			name:    "but nobody two more than others for it",
			members: []assign.Member{warm(having(member("a", "in"), 0, 5), 2, 3), having(member("b", "in"), 1, 4)},
			topics:  assign.Topics{"in": partitions(6)},
			want:    map[string][]int32{"a-1": {0, 2, 5}, "b-1": {1, 3, 4}},
		},
		{
			name:    "a new version that reads one topic more gets its share of all",
			members: []assign.Member{having(member("new", "in", "more"), 0, 1), having(member("old", "in"), 2, 3)},
			topics:  assign.Topics{"in": partitions(4), "more": partitions(4)},
			want:    map[string][]int32{"new-1": {0, 1}, "old-1": {2, 3}},
		},
		{
			name:    "a partition that only one topic has goes to who reads that",
			members: []assign.Member{member("new", "in", "more"), member("old", "in")},
			topics:  assign.Topics{"in": partitions(2), "more": partitions(3)},
			want:    map[string][]int32{"new-1": {0, 2}, "old-1": {1}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := actives(assign.Balance(tt.members, tt.topics))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got): %s", d)
			}
			slices.Reverse(tt.members)
			if d := cmp.Diff(got, actives(assign.Balance(tt.members, tt.topics))); d != "" {
				t.Errorf("the members in another order (-first +second): %s", d)
			}
		})
	}
}

func TestBalancePlacesStandbysApart(t *testing.T) {
	t.Parallel()
	on := func(host string, m assign.Member) assign.Member {
		m.Host, m.Standbys = host, 1
		return m
	}
	topics := assign.Topics{"in": partitions(4)}
	members := []assign.Member{on("x", member("a", "in")), on("x", member("b", "in")), on("y", member("c", "in"))}
	shares := assign.Balance(members, topics)
	for _, m := range members {
		for _, p := range shares[m.ID].Active {
			var at []string
			for _, other := range members {
				if slices.Contains(shares[other.ID].Standby, p) {
					at = append(at, other.Host)
				}
			}
			if len(at) != 1 || at[0] == m.Host {
				t.Errorf("partition %d of host %s: standbys on %v, want one on another host", p, m.Host, at)
			}
		}
	}
}

// group is a simulated one.
type group struct {
	members    []assign.Member
	topics     assign.Topics
	generation int32
	shares     map[string]assign.Share // of the last round
}

// round is one rebalance: every member joins with what it holds, gives up what
// it is not given, and begins with what is new.
func (g *group) round(t *testing.T) (revoked bool) {
	t.Helper()
	shares := assign.Balance(g.members, g.topics)
	g.shares = shares
	g.generation++
	holders := map[int32]string{}
	for _, m := range g.members {
		for _, p := range m.Held {
			holders[p] = m.ID
		}
	}
	for i, m := range g.members {
		for _, p := range shares[m.ID].Active {
			if by := holders[p]; by != "" && by != m.ID {
				t.Fatalf("generation %d: %s begins with partition %d before %s has given it up", g.generation, m.ID, p, by)
			}
			holders[p] = m.ID
		}
		for _, p := range m.Held {
			revoked = revoked || !slices.Contains(shares[m.ID].Active, p)
		}
		g.members[i].Held, g.members[i].Had, g.members[i].Generation = shares[m.ID].Active, shares[m.ID].Active, g.generation
	}
	return revoked
}

// settle goes on until nothing is left to give up, and checks what has become
// of the group.
func (g *group) settle(t *testing.T) {
	t.Helper()
	for rounds := 1; g.round(t); rounds++ {
		if rounds > 2 {
			t.Fatalf("the group has not settled after %d rounds: %v", rounds, g.members)
		}
	}
	g.checkOwners(t)
}

func (g *group) checkOwners(t *testing.T) {
	t.Helper()
	owners := map[int32]int{}
	for _, m := range g.members {
		for _, p := range m.Had {
			owners[p]++
			if !reads(m, g.topics, p) {
				t.Errorf("%s has partition %d, which no topic of its has", m.ID, p)
			}
		}
	}
	for _, m := range g.members {
		for _, topic := range m.Topics {
			for _, p := range g.topics[topic] {
				if owners[p] != 1 {
					t.Errorf("partition %d has %d owners", p, owners[p])
				}
			}
		}
	}
}

func reads(m assign.Member, topics assign.Topics, p int32) bool {
	return slices.ContainsFunc(m.Topics, func(topic string) bool { return slices.Contains(topics[topic], p) })
}

func spread(members []assign.Member) int {
	least, most := 1<<30, 0
	for _, m := range members {
		least, most = min(least, len(m.Had)), max(most, len(m.Had))
	}
	return most - least
}

// must returns how many partitions have to change hands at least.
func must(members []assign.Member, count int) int {
	sizes := make([]int, len(members))
	unowned := count
	for i, m := range members {
		sizes[i] = len(m.Had)
		unowned -= len(m.Had)
	}
	slices.Sort(sizes)
	slices.Reverse(sizes)
	moves := unowned
	for i, size := range sizes {
		fair := count / len(members)
		if i < count%len(members) {
			fair++
		}
		moves += max(0, size-fair)
	}
	return moves
}

func moved(before, after []assign.Member) int {
	had := map[int32]string{}
	for _, m := range before {
		for _, p := range m.Had {
			had[p] = m.ID
		}
	}
	moves := 0
	for _, m := range after {
		for _, p := range m.Had {
			if had[p] != m.ID {
				moves++
			}
		}
	}
	return moves
}

// FuzzAGroupSettles lets members come, go and lose what they had, and checks
// after each change that each partition has one owner, that work is even, and
// that no more has moved than had to.
func FuzzAGroupSettles(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed, uint8(seed*7), seed%3 == 0)
	}
	f.Fuzz(func(t *testing.T, seed uint64, count uint8, mixed bool) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		n := int(count%40) + 1
		g := &group{topics: assign.Topics{"a": partitions(n), "b": partitions(n), "c": partitions(n)}}
		for step := range 12 {
			before := g.change(rnd, step, mixed)
			g.settle(t)
			if mixed || t.Failed() {
				continue
			}
			if spread(g.members) > 1 {
				t.Errorf("step %d: shares are uneven: %v", step, g.members)
			}
			if moves, least := moved(before, g.members), must(before, n); moves != least {
				t.Errorf("step %d: %d partitions moved, %d had to: %v to %v", step, moves, least, before, g.members)
			}
		}
		g.checkStandbys(t)
	})
}

// change lets a member come, go, or be killed and come back, and returns all as
// they are before the next rebalance.
func (g *group) change(rnd *rand.Rand, step int, mixed bool) []assign.Member {
	switch at := rnd.IntN(max(len(g.members), 1)); {
	case len(g.members) < 2 || rnd.IntN(3) > 0:
		m := member(fmt.Sprintf("m%02d", step), "a", "b")
		m.Host, m.Standbys = fmt.Sprint("host", rnd.IntN(3)), 1
		if mixed && rnd.IntN(2) == 0 {
			m.Topics = [][]string{{"a"}, {"b", "c"}, {"c"}}[rnd.IntN(3)]
		}
		for p := range int32(len(g.topics["a"])) {
			if rnd.IntN(4) == 0 {
				m.Warm = append(m.Warm, p)
			}
		}
		g.members = append(g.members, m)
	case rnd.IntN(2) == 0:
		g.members = slices.Delete(g.members, at, at+1)
	default:
		m := &g.members[at]
		m.ID, m.Held, m.Had, m.Generation = m.ID+"'", nil, nil, -1
	}
	rnd.Shuffle(len(g.members), func(i, j int) { g.members[i], g.members[j] = g.members[j], g.members[i] })
	return slices.Clone(g.members)
}

func (g *group) checkStandbys(t *testing.T) {
	t.Helper()
	copies := map[int32]int{}
	for id, s := range assign.Balance(g.members, g.topics) {
		for _, p := range s.Standby {
			copies[p]++
			if slices.Contains(s.Active, p) {
				t.Errorf("%s owns partition %d and is its standby", id, p)
			}
		}
	}
	for _, m := range g.members {
		for _, p := range m.Had {
			if others := g.readers(p) - 1; copies[p] != min(1, others) {
				t.Errorf("partition %d has %d standbys, and %d other members", p, copies[p], others)
			}
		}
	}
}

func (g *group) readers(p int32) int {
	n := 0
	for _, m := range g.members {
		if reads(m, g.topics, p) {
			n++
		}
	}
	return n
}
