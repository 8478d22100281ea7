// Package assign decides which member of a group owns which partitions, and
// which keep copies of their tables.
//
// A partition number is one member's, with that partition of all topics that
// the member reads: it is one task, and nobody else writes its tables. Where
// members read different topics, as in a rolling deploy, a topic that a
// partition's owner does not read waits, in that partition, for an owner that
// does.
package assign

import (
	"cmp"
	"slices"
)

// Member is one process of the group.
type Member struct {
	// ID is the member's id in the group.
	ID string
	// Instance is the name that it keeps over restarts, Host the machine that it
	// runs on, empty if that is not known.
	Instance, Host string
	// Topics are those that it reads.
	Topics []string
	// Held are the partitions that it has not given up yet: nobody else may get
	// them before it has.
	Held []int32
	// Had are the partitions that it was last given, in that Generation. It gets
	// them again if it can.
	Had        []int32
	Generation int32
	// Warm are the partitions of whose tables it has copies that are up to date.
	Warm []int32
	// Cold are the partitions whose tables it would have to load for long, if it got
	// them now. Of these it gets those that have no owner, and the others once it has
	// a warm copy.
	Cold []int32
	// Files are the partitions of whose tables its disk has something.
	Files []int32
	// Standbys is how many members beside its owner shall have a copy of a
	// partition's tables. The greatest of all members counts.
	Standbys int
}

// Share is what a member gets.
type Share struct {
	// Active are the partitions that it owns, without those whose last owner still
	// has to give them up.
	Active []int32
	// Coming are those that it owns when their last owner has given them up, and
	// Leaving those that it is to give up, so that they can be another's in the next
	// rebalance.
	Coming, Leaving []int32
	// Standby are the partitions of whose tables it keeps copies. It is to get those
	// among them that are Warming once their copies are warm.
	Standby, Warming []int32
}

// Topics holds the partitions of each topic.
type Topics map[string][]int32

// Balance gives each partition to one member that reads a topic with it, so
// that as few as can be move and, where all read the same, nobody has two more
// than another. The result does not depend on the order of members. It has a
// share for each member, by id.
func Balance(members []Member, topics Topics) map[string]Share {
	b := newBalance(members, topics)
	b.keep()
	b.hand()
	b.level()
	b.deferCold()
	b.standbys()
	b.warmUps()
	return b.shares()
}

// balance is a plan in the making. Members are known by their place in order.
type balance struct {
	members []Member
	reads   []map[int32]int // by member: how many of its topics have the partition
	warm    []map[int32]bool
	had     []map[int32]bool
	held    []map[int32]bool
	cold    []map[int32]bool
	files   []map[int32]bool

	numbers []int32
	owner   map[int32]int
	holder  map[int32]int // who can go on with a partition at once
	next    map[int32]int // who is to get a partition when it has a warm copy
	load    []int
	copies  map[int32][]int
	copied  []int // copies by member
}

const nobody = -1

func newBalance(members []Member, topics Topics) *balance {
	b := &balance{
		members: slices.Clone(members), owner: map[int32]int{}, holder: map[int32]int{}, next: map[int32]int{}, copies: map[int32][]int{},
	}
	slices.SortFunc(b.members, func(x, y Member) int {
		return cmp.Or(cmp.Compare(x.Instance, y.Instance), cmp.Compare(x.ID, y.ID))
	})
	for _, m := range b.members {
		reads := map[int32]int{}
		for _, topic := range slices.Compact(slices.Sorted(slices.Values(m.Topics))) {
			for _, partition := range topics[topic] {
				reads[partition]++
				b.owner[partition] = nobody
			}
		}
		b.reads = append(b.reads, reads)
		b.warm = append(b.warm, setOf(m.Warm))
		b.had = append(b.had, setOf(m.Had))
		b.held = append(b.held, setOf(m.Held))
		b.cold = append(b.cold, setOf(m.Cold))
		b.files = append(b.files, setOf(m.Files))
	}
	for partition := range b.owner {
		b.numbers = append(b.numbers, partition)
	}
	slices.Sort(b.numbers)
	b.load, b.copied = make([]int, len(members)), make([]int, len(members))
	return b
}

func setOf(partitions []int32) map[int32]bool {
	set := map[int32]bool{}
	for _, partition := range partitions {
		set[partition] = true
	}
	return set
}

// give makes a member the owner of a partition.
func (b *balance) give(partition int32, to int) {
	if from := b.owner[partition]; from != nobody {
		b.load[from]--
	}
	b.owner[partition] = to
	b.load[to]++
}

// keep leaves each partition with the member that had it last.
func (b *balance) keep() {
	for _, partition := range b.numbers {
		best := nobody
		for i, m := range b.members {
			if b.had[i][partition] && b.reads[i][partition] > 0 && (best == nobody || m.Generation > b.members[best].Generation) {
				best = i
			}
		}
		if best != nobody {
			b.give(partition, best)
			b.holds(partition, best)
		}
	}
}

// hand gives the partitions that nobody had to who can go on with them at once:
// with no more than a fair share if possible. What nobody can go on with goes
// to who has files and no more than that, or else to who has the least.
func (b *balance) hand() {
	if len(b.members) == 0 {
		return
	}
	for _, wanted := range []func(int32, int) bool{
		func(partition int32, i int) bool { return b.warm[i][partition] && b.hasRoom(i) },
		func(partition int32, i int) bool { return b.isBig(partition) && !b.cold[i][partition] && b.hasRoom(i) },
		func(partition int32, i int) bool { return b.isBig(partition) && b.warm[i][partition] },
		func(partition int32, i int) bool { return b.files[i][partition] && b.hasRoom(i) },
		func(int32, int) bool { return true },
	} {
		for _, partition := range b.numbers {
			b.handTo(partition, wanted)
		}
	}
}

func (b *balance) handTo(partition int32, wanted func(partition int32, i int) bool) {
	if b.owner[partition] != nobody {
		return
	}
	to := b.least(partition, func(i int) bool { return wanted(partition, i) })
	if to == nobody {
		return
	}
	b.give(partition, to)
	if b.warm[to][partition] {
		b.holds(partition, to)
	}
}

// hasRoom reports whether a member may get one more without that anything has
// to move away for it.
func (b *balance) hasRoom(i int) bool {
	least, over := len(b.numbers)/len(b.members), 0
	for _, load := range b.load {
		if load > least {
			over++
		}
	}
	return b.load[i] < least || b.load[i] == least && over < len(b.numbers)%len(b.members)
}

// least returns who has the least of those that read a partition and are
// wanted, and among these who reads the most topics with it.
func (b *balance) least(partition int32, wanted func(int) bool) int {
	best := nobody
	for i := range b.members {
		switch {
		case b.reads[i][partition] == 0 || !wanted(i):
		case best == nobody, b.load[i] < b.load[best],
			b.load[i] == b.load[best] && b.reads[i][partition] > b.reads[best][partition]:
			best = i
		}
	}
	return best
}

// level moves partitions, one by one, from who has two or more more than
// another to that one.
func (b *balance) level() {
	for b.levelOnce() {
	}
}

func (b *balance) levelOnce() bool {
	order := make([]int, len(b.members))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(b.load[x], b.load[y]) })
	for _, from := range slices.Backward(order) {
		for _, to := range order {
			if b.load[from]-b.load[to] < 2 {
				break
			}
			if partition, ok := b.spare(from, to); ok {
				b.give(partition, to)
				return true
			}
		}
	}
	return false
}

// spare returns which partition of one member another one gets: rather one that
// the first has not begun with, or has not the tables of; then one that the second
// has a warm copy of, or else files.
func (b *balance) spare(from, to int) (partition int32, ok bool) {
	best := 0
	for _, p := range b.numbers {
		if b.owner[p] != from || b.reads[to][p] == 0 {
			continue
		}
		worth := 0
		for _, better := range []bool{!b.had[from][p], b.cold[from][p], b.warm[to][p], b.files[to][p]} {
			worth *= 2
			if better {
				worth++
			}
		}
		if worth >= best {
			best, partition, ok = worth, p, true
		}
	}
	return partition, ok
}

func (b *balance) shares() map[string]Share {
	shares := map[string]Share{}
	for i, m := range b.members {
		var s Share
		for _, partition := range b.numbers {
			switch mine := b.owner[partition] == i; {
			case mine && b.heldByOther(partition, i):
				s.Coming = append(s.Coming, partition)
				if b.warm[i][partition] {
					s.Standby = append(s.Standby, partition) // it stays warm meanwhile
				}
			case mine:
				s.Active = append(s.Active, partition)
			case b.held[i][partition]:
				s.Leaving = append(s.Leaving, partition)
			}
			if slices.Contains(b.copies[partition], i) {
				s.Standby = append(s.Standby, partition)
			}
			if to, ok := b.next[partition]; ok && to == i {
				s.Warming = append(s.Warming, partition)
			}
		}
		shares[m.ID] = s
	}
	return shares
}

// heldByOther reports whether a partition has to be given up by another member
// before this one may begin with it.
func (b *balance) heldByOther(partition int32, member int) bool {
	if b.held[member][partition] {
		return false
	}
	for i := range b.members {
		if i != member && b.held[i][partition] {
			return true
		}
	}
	return false
}
