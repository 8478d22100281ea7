package plan

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
	"unsafe"
)

// maxVarint is how many bytes a number takes at most.
const maxVarint = 10

func byteAt(p unsafe.Pointer, i int) *byte { return (*byte)(unsafe.Add(p, i)) }

func load64(p unsafe.Pointer, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(p, i))[:])
}

func store64(p unsafe.Pointer, i int, v uint64) {
	binary.LittleEndian.PutUint64((*[8]byte)(unsafe.Add(p, i))[:], v)
}

// putVarint writes a number behind the end of dst, whose capacity must have
// maxVarint bytes left, and returns its new length.
func putVarint(dst []byte, u uint64) int {
	p, n := unsafe.Pointer(unsafe.SliceData(dst)), len(dst)
	for u >= 0x80 {
		*byteAt(p, n) = byte(u) | 0x80
		u >>= 7
		n++
	}
	*byteAt(p, n) = byte(u)
	return n + 1
}

func zag(v int64) uint64 { return uint64(v)<<1 ^ uint64(v>>63) }

// reserve returns dst with room for size more bytes.
func reserve(dst []byte, size int) []byte {
	if cap(dst)-len(dst) < size {
		return slices.Grow(dst, size)
	}
	return dst
}

// highBits are the bits that no ASCII character has.
const highBits = 0x8080808080808080

// shortText is up to how many bytes a text is worth copying by hand.
const shortText = 64

// putText copies a text to memory that has room for it, and reports whether it
// is UTF-8: of a short text in ASCII in the same pass.
func putText(to unsafe.Pointer, s string) bool {
	from, n := unsafe.Pointer(unsafe.StringData(s)), len(s)
	var seen uint64
	switch {
	case n > shortText:
		copy(unsafe.Slice((*byte)(to), n), s)
		return utf8.ValidString(s)
	case n >= 8:
		for i := 0; i < n-8; i += 8 {
			v := load64(from, i)
			store64(to, i, v)
			seen |= v
		}
		v := load64(from, n-8)
		store64(to, n-8, v)
		seen |= v
	default:
		for i := range n {
			v := *byteAt(from, i)
			*byteAt(to, i) = v
			seen |= uint64(v)
		}
	}
	return seen&highBits == 0 || utf8.ValidString(s)
}

// isText reports whether b is UTF-8.
func isText(b []byte) bool {
	p, n := unsafe.Pointer(unsafe.SliceData(b)), len(b)
	if n > shortText {
		return utf8.Valid(b)
	}
	var seen uint64
	if n >= 8 {
		for i := 0; i < n-8; i += 8 {
			seen |= load64(p, i)
		}
		seen |= load64(p, n-8)
	} else {
		for i := range n {
			seen |= uint64(*byteAt(p, i))
		}
	}
	return seen&highBits == 0 || utf8.Valid(b)
}

// appendText appends a string with its length; ok tells whether it is UTF-8.
func appendText(dst []byte, s string) (_ []byte, ok bool) {
	dst = reserve(dst, len(s)+maxVarint)
	n := putVarint(dst, uint64(len(s))<<1)
	ok = putText(unsafe.Add(unsafe.Pointer(unsafe.SliceData(dst)), n), s)
	return dst[:n+len(s)], ok
}
