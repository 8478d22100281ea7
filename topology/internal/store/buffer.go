package store

import (
	"cmp"
	"slices"
)

// row is a written value; nil is a deleted one.
type row struct {
	value  []byte
	millis int64 // when it was written; only for tables with a TTL
}

// buffer holds what one generation wrote to one table: the last write of each
// key.
type buffer struct {
	rows map[string]row
	// sorted and fresh are the keys, each once: fresh in the order of their first
	// writing, until order moves them to sorted.
	sorted, fresh []string
	// swept are the keys of the time index that this generation removes.
	swept map[string]bool
}

func newBuffer() *buffer { return &buffer{rows: map[string]row{}} }

func (b *buffer) put(key string, r row) {
	if _, known := b.rows[key]; !known {
		b.fresh = append(b.fresh, key)
	}
	b.rows[key] = r
}

func (b *buffer) sweep(entry string) {
	if b.swept == nil {
		b.swept = map[string]bool{}
	}
	b.swept[entry] = true
}

// order returns all keys in their order.
func (b *buffer) order() []string {
	const few = 16
	switch {
	case len(b.fresh) == 0:
	case len(b.fresh) <= few:
		for _, key := range b.fresh {
			at, _ := slices.BinarySearch(b.sorted, key)
			b.sorted = slices.Insert(b.sorted, at, key)
		}
	default:
		slices.Sort(b.fresh)
		b.sorted = merge(b.sorted, b.fresh)
	}
	b.fresh = b.fresh[:0]
	return b.sorted
}

func merge(a, b []string) []string {
	all := make([]string, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0] < b[0] {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	return append(append(all, a...), b...)
}

// keyed is a row with its key.
type keyed struct {
	key string
	row
}

// between returns the rows of [from,to) in their order; without a bound if to is
// nil.
func (b *buffer) between(from string, to *string) []keyed {
	keys := b.order()
	start, _ := slices.BinarySearch(keys, from)
	keys = keys[start:]
	if to != nil {
		end, _ := slices.BinarySearch(keys, *to)
		keys = keys[:end]
	}
	found := make([]keyed, len(keys))
	for i, key := range keys {
		found[i] = keyed{key, b.rows[key]}
	}
	return found
}

// overlay merges the rows of an older and a newer buffer; of two with one key
// the newer stays.
func overlay(older, newer []keyed) []keyed {
	if len(older) == 0 {
		return newer
	}
	all := make([]keyed, 0, len(older)+len(newer))
	for len(older) > 0 && len(newer) > 0 {
		switch order := cmp.Compare(older[0].key, newer[0].key); {
		case order < 0:
			all, older = append(all, older[0]), older[1:]
		case order == 0:
			older = older[1:]
		default:
			all, newer = append(all, newer[0]), newer[1:]
		}
	}
	return append(append(all, older...), newer...)
}
