package plan

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"time"
	"unsafe"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

const secondsPerDay = 24 * 60 * 60

func timeOf(v int64, f ast.Form) time.Time {
	switch f {
	case ast.TimestampMillis, ast.LocalMillis:
		return time.UnixMilli(v).UTC()
	case ast.TimestampMicros, ast.LocalMicros:
		return time.UnixMicro(v).UTC()
	}
	return time.Unix(v/1e9, v%1e9).UTC()
}

// numberOf returns a time in the unit of f. A local timestamp is what the
// clock shows at the time's own place.
func numberOf(t time.Time, f ast.Form) (int64, bool) {
	if f >= ast.LocalMillis && f <= ast.LocalNanos {
		_, offset := t.Zone()
		t = t.Add(time.Duration(offset) * time.Second)
	}
	seconds, nanos := t.Unix(), int64(t.Nanosecond())
	if f == ast.TimestampMillis && uint64(seconds) < math.MaxInt64/1000 {
		return seconds*1000 + nanos/1e6, true
	}
	unit := int64(1e9)
	switch f {
	case ast.Date:
		days := seconds / secondsPerDay
		if seconds%secondsPerDay < 0 {
			days--
		}
		return days, days == int64(int32(days))
	case ast.TimestampMillis, ast.LocalMillis:
		unit = 1e3
	case ast.TimestampMicros, ast.LocalMicros:
		unit = 1e6
	}
	part := nanos / (1e9 / unit)
	if seconds < 0 && part > 0 {
		// Towards zero, so that the smallest number does not overflow.
		seconds, part = seconds+1, part-unit
	}
	whole := seconds * unit
	sum := whole + part
	fits := seconds >= math.MinInt64/unit && seconds <= math.MaxInt64/unit
	return sum, fits && (part >= 0) == (sum >= whole)
}

func spanOf(v int64, f ast.Form) (time.Duration, bool) {
	unit := int64(time.Millisecond)
	if f == ast.TimeMicros {
		unit = int64(time.Microsecond)
	}
	return time.Duration(v * unit), v <= math.MaxInt64/unit && v >= math.MinInt64/unit
}

// spanNumber returns a span in the unit of f; parts of a unit are cut off.
func spanNumber(d time.Duration, f ast.Form) (int64, bool) {
	if f == ast.TimeMicros {
		return d.Microseconds(), true
	}
	v := d.Milliseconds()
	return v, v == int64(int32(v))
}

// unscaled reads a big-endian two's complement number that fits 64 bits.
func unscaled(raw []byte) (int64, bool) {
	raw = significant(raw)
	if len(raw) > 8 {
		return 0, false
	}
	v := int64(0)
	if len(raw) > 0 {
		v = int64(int8(raw[0])) >> 7
	}
	for _, b := range raw {
		v = v<<8 | int64(b)
	}
	return v, true
}

// significant leaves out the leading bytes that only repeat the sign.
func significant(raw []byte) []byte {
	for len(raw) > 1 && (raw[0] == 0 && raw[1] < 0x80 || raw[0] == 0xff && raw[1] >= 0x80) {
		raw = raw[1:]
	}
	return raw
}

// unscaledSize returns how many bytes a number takes at least.
func unscaledSize(v int64) int { return (bits.Len64(uint64(v^v>>63)) + 8) / 8 }

func bigEndian(v int64) (b [8]byte) {
	binary.BigEndian.PutUint64(b[:], uint64(v))
	return b
}

// appendUnscaled appends the lowest size bytes of v; more than 8 repeat the
// sign.
func appendUnscaled(dst []byte, v int64, size int) []byte {
	for ; size > 8; size-- {
		dst = append(dst, byte(v>>63))
	}
	for shift := 8 * (size - 1); shift >= 0; shift -= 8 {
		dst = append(dst, byte(v>>shift))
	}
	return dst
}

// powers of ten that fit 64 bits are 10^0 to 10^18.
const maxPower = 18

// withinDigits reports whether v has at most so many decimal digits.
func withinDigits(v int64, digits int) bool {
	limit := limitOf(digits)
	return limit == 0 || v > -limit && v < limit
}

// limitOf returns the smallest number that has more digits, 0 where all of 64
// bits have not.
func limitOf(digits int) int64 {
	if digits > maxPower {
		return 0
	}
	return power(digits)
}

// power returns 10^n, of which n up to maxPower fit.
func power(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

func powerOfTen(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func ratAt(p unsafe.Pointer) *big.Rat { return (*big.Rat)(p) }

// fractions are the decimals of a scale that are one part of something: 1 by
// 2^i * 5^j is at i*(scale+1) + j. Setting a rational number from one of them
// and then its numerator saves the search for a common divisor.
type fractions []*big.Rat

// maxFractions bounds the scale that fractions are kept for.
const maxFractions = 4

// fractionsOf returns the fractions of a scale, nil where it is too large.
func fractionsOf(scale int) fractions {
	if scale > maxFractions {
		return nil
	}
	var all fractions
	for i, twos := 0, int64(1); i <= scale; i, twos = i+1, twos*2 {
		for j, fives := 0, int64(1); j <= scale; j, fives = j+1, fives*5 {
			all = append(all, big.NewRat(1, twos*fives))
		}
	}
	return all
}

// set sets rat to v by 10^scale.
func (f fractions) set(rat *big.Rat, v int64, scale int) {
	twos, fives := scale, scale
	for ; twos > 0 && v&1 == 0; twos-- {
		v >>= 1
	}
	for ; fives > 0 && v%5 == 0; fives-- {
		v /= 5
	}
	rat.Set(f[twos*(scale+1)+fives])
	rat.Num().SetInt64(v)
}

// setRat sets rat to a decimal. More bytes than its precision can take are
// refused, as large numbers take long to reduce.
func setRat(rat *big.Rat, raw []byte, x *detail) error {
	raw = significant(raw)
	if ast.DigitsIn(len(raw)-1) > x.digits {
		return fmt.Errorf("%w: a decimal of %d bytes has more than %d digits", ErrRange, len(raw), x.digits)
	}
	if v, ok := unscaled(raw); ok && x.fractions != nil {
		x.fractions.set(rat, v, x.scale)
		return nil
	}
	v := new(big.Int).SetBytes(raw)
	if len(raw) > 0 && raw[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(raw))))
	}
	rat.SetFrac(v, powerOfTen(x.scale))
	return nil
}

// ratNumber returns a decimal's unscaled number where all that it takes to
// find it fits 64 bits.
func ratNumber(rat *big.Rat, scale, digits int) (v int64, ok bool) {
	num := rat.Num()
	if !num.IsInt64() || scale > maxPower {
		return 0, false
	}
	factor := power(scale)
	if !rat.IsInt() {
		den := rat.Denom()
		if !den.IsInt64() || factor%den.Int64() != 0 {
			return 0, false
		}
		factor /= den.Int64()
	}
	n := num.Int64()
	v = n * factor
	return v, v/factor == n && v != math.MinInt64 && withinDigits(v, digits)
}

// ratBytes returns a decimal's two's complement, of size bytes unless that is
// negative.
func ratBytes(rat *big.Rat, scale, digits, size int) ([]byte, error) {
	v := new(big.Int).Mul(rat.Num(), powerOfTen(scale))
	v, rest := v.QuoRem(v, rat.Denom(), new(big.Int))
	if rest.Sign() != 0 {
		return nil, fmt.Errorf("%w: %s has more than %d decimal places", ErrRange, shorten(rat.RatString()), scale)
	}
	if v.CmpAbs(powerOfTen(digits)) >= 0 {
		return nil, fmt.Errorf("%w: %s has more than %d digits", ErrRange, shorten(rat.RatString()), digits)
	}
	if size < 0 {
		size = complementSize(v)
	}
	if complementSize(v) > size {
		return nil, fmt.Errorf("%w: %s does not fit %d bytes", ErrRange, shorten(rat.RatString()), size)
	}
	if v.Sign() < 0 {
		v.Add(v, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	return v.FillBytes(make([]byte, size)), nil
}

// complementSize returns how many bytes the two's complement of v takes.
func complementSize(v *big.Int) int {
	if v.Sign() < 0 {
		v = new(big.Int).Not(v)
	}
	return v.BitLen()/8 + 1
}

var errUUID = errors.New("not a UUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")

func parseUUID(text string) (id [16]byte, err error) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return id, fmt.Errorf("%w: %.40q", errUUID, text)
	}
	digits := text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return id, fmt.Errorf("%w: %.40q", errUUID, text)
	}
	return id, nil
}

func appendUUID(dst []byte, id [16]byte) []byte {
	dst = append(hex.AppendEncode(dst, id[:4]), '-')
	dst = append(hex.AppendEncode(dst, id[4:6]), '-')
	dst = append(hex.AppendEncode(dst, id[6:8]), '-')
	dst = append(hex.AppendEncode(dst, id[8:10]), '-')
	return hex.AppendEncode(dst, id[10:])
}
