package plan

import (
	"slices"
	"unicode/utf8"
	"unsafe"
)

// maxVarint is how many bytes a number takes at most.
const maxVarint = 10

func byteAt(p unsafe.Pointer, i int) *byte { return (*byte)(unsafe.Add(p, i)) }

// shortText is up to how many bytes a text is worth copying by hand, word by
// word, behind a length of one byte; none where words must not be anywhere in
// memory.
const shortText = 63 * wordwise

func half(p unsafe.Pointer, i int) *uint32 { return (*uint32)(unsafe.Add(p, i)) }

func word(p unsafe.Pointer, i int) *uint64 { return (*uint64)(unsafe.Add(p, i)) }

// putNumber writes a number at place n of a buffer, which has room for
// maxVarint bytes, and returns the place behind it.
func putNumber(buf unsafe.Pointer, n int, u uint64) int {
	for u >= 0x80 {
		*byteAt(buf, n) = byte(u) | 0x80
		u >>= 7
		n++
	}
	*byteAt(buf, n) = byte(u)
	return n + 1
}

func zag(v int64) uint64 { return uint64(v)<<1 ^ uint64(v>>63) }

// reserve returns dst with room for size more bytes.
func reserve(dst []byte, size int) []byte {
	if cap(dst)-len(dst) >= size {
		return dst
	}
	return grow(dst, size)
}

// grow is apart, so that those who need it seldom stay small.
//
//go:noinline
func grow(dst []byte, size int) []byte { return slices.Grow(dst, size) }

// highBits are the bits that no ASCII character has.
const highBits = 0x8080808080808080

// putShort copies a text of up to shortText bytes and returns all its bits.
func putShort(to, from unsafe.Pointer, n int) (seen uint64) {
	switch {
	case n > 16:
		return putWords(to, from, n-8)
	case n >= 8:
		return putPair(to, from, n)
	case n >= 4:
		return putHalves(to, from, n)
	}
	return putBytes(to, from, n)
}

// putWords copies up to last bytes word by word, and then the word there.
func putWords(to, from unsafe.Pointer, last int) (seen uint64) {
	for i := 0; i < last; i += 8 {
		v := *word(from, i)
		*word(to, i) = v
		seen |= v
	}
	v := *word(from, last)
	*word(to, last) = v
	return seen | v
}

// putPair copies 8 to 16 bytes in two words that may overlap.
func putPair(to, from unsafe.Pointer, n int) (seen uint64) {
	first, last := *word(from, 0), *word(from, n-8)
	*word(to, 0), *word(to, n-8) = first, last
	return first | last
}

// putHalves copies 4 to 8 bytes in two words that may overlap.
func putHalves(to, from unsafe.Pointer, n int) (seen uint64) {
	first, last := *half(from, 0), *half(from, n-4)
	*half(to, 0), *half(to, n-4) = first, last
	return uint64(first | last)
}

func putBytes(to, from unsafe.Pointer, n int) (seen uint64) {
	for i := range n {
		v := *byteAt(from, i)
		*byteAt(to, i) = v
		seen |= uint64(v)
	}
	return seen
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
			seen |= *word(p, i)
		}
		seen |= *word(p, n-8)
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
	buf := unsafe.Pointer(unsafe.SliceData(dst))
	n := putNumber(buf, len(dst), uint64(len(s))<<1)
	if len(s) <= shortText && putShort(unsafe.Add(buf, n), unsafe.Pointer(unsafe.StringData(s)), len(s))&highBits == 0 {
		return dst[:n+len(s)], true
	}
	return append(dst[:n], s...), utf8.ValidString(s)
}
