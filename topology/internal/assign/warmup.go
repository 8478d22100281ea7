package assign

import "slices"

// holds notes who can go on with a partition at once: who had it last and has
// its tables, or who has a warm copy of them.
func (b *balance) holds(partition int32, member int) {
	if !b.cold[member][partition] {
		b.holder[partition] = member
	}
}

// isBig reports whether some member would stand still with a partition, while it
// loads the tables.
func (b *balance) isBig(partition int32) bool {
	return slices.ContainsFunc(b.cold, func(cold map[int32]bool) bool { return cold[partition] })
}

// deferCold leaves partitions that were to move to a member that would have to load
// their tables with who can go on with them, until that member has a copy.
func (b *balance) deferCold() {
	for _, partition := range b.numbers {
		from, held := b.holder[partition]
		to := b.owner[partition]
		if held && from != to && b.cold[to][partition] {
			b.give(partition, from)
			b.next[partition] = to
		}
	}
}

// warmUps places the copies that members need for what they are to get, beside
// those that are wanted anyway.
func (b *balance) warmUps() {
	for partition, to := range b.next {
		if !slices.Contains(b.copies[partition], to) {
			b.copies[partition] = append(b.copies[partition], to)
		}
	}
}
