package datum

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

var (
	errVarint = errors.New("a number has more bytes than its type allows")
	errRange  = errors.New("a number does not fit its type")
	errUTF8   = errors.New("text is not UTF-8")
)

// cursor reads primitive values. Its errors are faults at the byte where the
// value began.
type cursor struct {
	src     []byte
	pos     int
	claimed int // the last byte that a block claims for itself, and one
}

// long reads a variable-length number of at most 10 bytes and 64 bits.
func (c *cursor) long() (int64, error) {
	var bits uint64
	for i := range 10 {
		if c.pos+i >= len(c.src) {
			return 0, faultAt(c.pos, ErrShort)
		}
		b := c.src[c.pos+i]
		if i == 9 && b > 1 {
			return 0, faultAt(c.pos, errVarint)
		}
		bits |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			c.pos += i + 1
			return int64(bits>>1) ^ -int64(bits&1), nil
		}
	}
	return 0, faultAt(c.pos, errVarint)
}

// int reads a number of at most 5 bytes and 32 bits.
func (c *cursor) int() (int64, error) {
	const longest = 5
	at := c.pos
	n, err := c.long()
	switch {
	case err != nil:
		return 0, err
	case c.pos-at > longest:
		return 0, faultAt(at, errVarint)
	case n != int64(int32(n)):
		return 0, faultAt(at, fmt.Errorf("%w: %d is no int", errRange, n))
	}
	return n, nil
}

// index reads a number from 0 to below count: a symbol of an enum or a branch
// of a union.
func (c *cursor) index(count int, what string) (int, error) {
	at := c.pos
	n, err := c.int()
	if err == nil && (n < 0 || n >= int64(count)) {
		err = faultAt(at, fmt.Errorf("there is no %s %d of %d", what, n, count))
	}
	return int(n), err
}

// take reads n bytes, which stay the source's.
func (c *cursor) take(n int) ([]byte, error) {
	if n > len(c.src)-c.pos {
		return nil, faultAt(c.pos, fmt.Errorf("%w: %d bytes where %d are left", ErrShort, n, len(c.src)-c.pos))
	}
	c.pos += n
	return c.src[c.pos-n : c.pos : c.pos], nil
}

// bytes reads a length and as many bytes.
func (c *cursor) bytes() ([]byte, error) {
	at := c.pos
	n, err := c.long()
	if err != nil {
		return nil, err
	}
	if left := len(c.src) - c.pos; n < 0 || n > int64(left) {
		return nil, faultAt(at, fmt.Errorf("%w: a length of %d where %d bytes are left", ErrShort, n, left))
	}
	return c.take(int(n))
}

func (c *cursor) text() ([]byte, error) {
	at := c.pos
	b, err := c.bytes()
	if err == nil && !utf8.Valid(b) {
		err = faultAt(at, errUTF8)
	}
	return b, err
}

func (c *cursor) boolean() (byte, error) {
	at := c.pos
	b, err := c.take(1)
	if err != nil {
		return 0, err
	}
	if b[0] > 1 {
		return 0, faultAt(at, fmt.Errorf("a boolean is the byte %d, not 0 or 1", b[0]))
	}
	return b[0], nil
}

// count reads the head of a block. A negative count comes with the length of
// the block in bytes.
func (c *cursor) count() (int64, error) {
	at := c.pos
	n, err := c.long()
	if err != nil || n >= 0 {
		return n, err
	}
	if n == math.MinInt64 {
		return 0, faultAt(at, fmt.Errorf("%w: a block's count of %d", errRange, n))
	}
	length, err := c.long()
	if err != nil {
		return 0, err
	}
	if left := len(c.src) - c.pos; length < 0 || length > int64(left) {
		return 0, faultAt(at, fmt.Errorf("%w: a block of %d bytes where %d are left", ErrShort, length, left))
	}
	c.claimed = max(c.claimed, c.pos+int(length))
	return -n, nil
}
