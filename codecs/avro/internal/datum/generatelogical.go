package datum

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strings"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
)

// Dates and times are made up from 1970 on.
const (
	generatedDays   = 50 * 365
	secondsOfDay    = 24 * 60 * 60
	generatedSecond = generatedDays * secondsOfDay
)

// words hold characters of one, two, three and four bytes.
var words = [...]string{"alder", "birch", "cedar", "dogwood", "elm", "fir", "größer", "ひのき", "ivy", "juniper", "🌲", "larch"}

func (g *Generator) word() string { return words[g.rand.IntN(len(words))] }

func (g *Generator) text(s string) {
	g.dst = append(binary.AppendVarint(g.dst, int64(len(s))), s...)
}

func (g *Generator) string(n *ast.Node) {
	if n.Logical == "uuid" {
		b := g.uuid()
		g.text(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
		return
	}
	list := make([]string, g.rand.IntN(4))
	for i := range list {
		list[i] = g.word()
	}
	g.text(strings.Join(list, " "))
}

// uuid makes a random one, version 4 of RFC 9562.
func (g *Generator) uuid() [16]byte {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], g.rand.Uint64())
	binary.BigEndian.PutUint64(b[8:], g.rand.Uint64())
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return b
}

// number makes an int or a long that its logical type allows.
func (g *Generator) number(n *ast.Node) int64 {
	if n.Kind == ast.Int {
		switch n.Logical {
		case "date":
			return g.rand.Int64N(generatedDays)
		case "time-millis":
			return g.rand.Int64N(secondsOfDay * 1e3)
		}
		return int64(int32(g.rand.Uint32()) >> g.rand.IntN(32))
	}
	switch strings.TrimPrefix(n.Logical, "local-") {
	case "time-micros":
		return g.rand.Int64N(secondsOfDay * 1e6)
	case "timestamp-millis":
		return g.rand.Int64N(generatedSecond * 1e3)
	case "timestamp-micros":
		return g.rand.Int64N(generatedSecond * 1e6)
	case "timestamp-nanos":
		return g.rand.Int64N(generatedSecond * 1e9)
	}
	return int64(g.rand.Uint64()) >> g.rand.IntN(64)
}

// binary makes bytes or a fixed that their logical type allows.
func (g *Generator) binary(n *ast.Node) {
	var b []byte
	uuid := g.uuid()
	switch {
	case n.Logical == "decimal" && n.Precision > 0:
		b = g.decimal(n)
	case n.Logical == "uuid" && n.Kind == ast.Fixed && n.Size == len(uuid):
		b = uuid[:]
	case n.Logical == "duration" && n.Kind == ast.Fixed && n.Size == 12:
		b = binary.LittleEndian.AppendUint32(b, uint32(g.rand.IntN(1200)))
		b = binary.LittleEndian.AppendUint32(b, uint32(g.rand.IntN(generatedDays)))
		b = binary.LittleEndian.AppendUint32(b, uint32(g.rand.IntN(secondsOfDay*1e3)))
	default:
		b = make([]byte, g.rand.IntN(9))
		if n.Kind == ast.Fixed {
			b = make([]byte, n.Size)
		}
		for i := range b {
			b[i] = byte(g.rand.Uint32())
		}
	}
	if n.Kind == ast.Bytes {
		g.dst = binary.AppendVarint(g.dst, int64(len(b)))
	}
	g.dst = append(g.dst, b...)
}

// decimal makes an unscaled number of at most as many digits as the precision
// allows, 18 at most, in two's complement, big endian.
func (g *Generator) decimal(n *ast.Node) []byte {
	const mostDigits = 18
	bound := int64(math.Pow10(min(n.Precision, mostDigits)))
	size := 8
	if n.Kind == ast.Fixed {
		size = n.Size
		if size < 8 {
			bound = min(bound, 1<<max(8*size-1, 0))
		}
	}
	unscaled := g.rand.Int64N(bound)
	if g.rand.IntN(2) == 0 {
		unscaled = -unscaled
	}
	if n.Kind == ast.Bytes {
		return shortestTwos(unscaled)
	}
	b := make([]byte, size)
	if unscaled < 0 {
		for i := range b {
			b[i] = 0xff
		}
	}
	var wide [8]byte
	binary.BigEndian.PutUint64(wide[:], uint64(unscaled))
	if size <= len(wide) {
		copy(b, wide[len(wide)-size:])
	} else {
		copy(b[size-len(wide):], wide[:])
	}
	return b
}

// shortestTwos returns a number in two's complement without needless bytes.
func shortestTwos(n int64) []byte {
	var wide [8]byte
	binary.BigEndian.PutUint64(wide[:], uint64(n))
	magnitude := new(big.Int).SetInt64(n)
	if n < 0 {
		magnitude.Not(magnitude)
	}
	return wide[len(wide)-magnitude.BitLen()/8-1:]
}
