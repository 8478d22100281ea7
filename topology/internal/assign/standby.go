package assign

import "slices"

// standbys places copies of each partition's tables with members that do not
// own it: rather on other machines, then where there is one already, then with
// who has the least to do.
func (b *balance) standbys() {
	wanted := 0
	for _, m := range b.members {
		wanted = max(wanted, m.Standbys)
	}
	if wanted = min(wanted, len(b.members)-1); wanted <= 0 {
		return
	}
	fair := (len(b.numbers)*wanted + len(b.members) - 1) / len(b.members)
	for _, old := range []bool{true, false} {
		for _, partition := range b.numbers {
			b.copy(partition, wanted, fair, old)
		}
	}
}

// copy places copies of a partition until there are as many as wanted; with old
// only as long as the best place has one already.
func (b *balance) copy(partition int32, wanted, fair int, old bool) {
	for len(b.copies[partition]) < wanted {
		to, worth := b.place(partition, fair)
		if to == nobody || old && !worth.there {
			return
		}
		b.copies[partition] = append(b.copies[partition], to)
		b.copied[to]++
	}
}

// place returns the best member for one more copy of a partition.
func (b *balance) place(partition int32, fair int) (best int, bestWorth worth) {
	best = nobody
	for i := range b.members {
		if b.reads[i][partition] == 0 || b.owner[partition] == i || slices.Contains(b.copies[partition], i) {
			continue
		}
		if w := b.worth(i, partition, fair); best == nobody || w.over(bestWorth) {
			best, bestWorth = i, w
		}
	}
	return best, bestWorth
}

// worth is how good a place a member is for a copy.
type worth struct {
	apart bool // on another machine than the owner and the other copies
	there bool // has a copy already, and not more than its share of them
	load  int
}

func (w worth) over(other worth) bool {
	switch {
	case w.apart != other.apart:
		return w.apart
	case w.there != other.there:
		return w.there
	}
	return w.load < other.load
}

func (b *balance) worth(i int, partition int32, fair int) worth {
	host := b.members[i].Host
	apart := func(other int) bool { return host == "" || b.members[other].Host != host }
	w := worth{apart: apart(b.owner[partition]), load: b.load[i] + b.copied[i]}
	for _, other := range b.copies[partition] {
		w.apart = w.apart && apart(other)
	}
	w.there = b.copied[i] < fair && (b.warm[i][partition] || b.had[i][partition] || b.held[i][partition])
	return w
}
