package ast

// Form is a logical type that fits its type.
type Form uint8

// The logical types of the Avro specification. Plain is none.
const (
	Plain Form = iota
	Date
	TimeMillis
	TimeMicros
	TimestampMillis
	TimestampMicros
	TimestampNanos
	LocalMillis
	LocalMicros
	LocalNanos
	Decimal
	UUID
	Duration
)

// IntForm returns the logical type of that name for an int.
func IntForm(word string) Form {
	switch word {
	case "date":
		return Date
	case "time-millis":
		return TimeMillis
	}
	return Plain
}

// LongForm returns the logical type of that name for a long.
func LongForm(word string) Form {
	switch word {
	case "time-micros":
		return TimeMicros
	case "timestamp-millis":
		return TimestampMillis
	case "timestamp-micros":
		return TimestampMicros
	case "timestamp-nanos":
		return TimestampNanos
	case "local-timestamp-millis":
		return LocalMillis
	case "local-timestamp-micros":
		return LocalMicros
	case "local-timestamp-nanos":
		return LocalNanos
	}
	return Plain
}

// MaxPrecision bounds the digits of decimals: working with one takes time that grows with
// the square of its digits.
const MaxPrecision = 4096

// Form returns the logical type of a node. One that does not fit the node's
// type is ignored, as the specification demands.
func (n *Node) Form() Form {
	switch {
	case n.Kind == Int:
		return IntForm(n.Logical)
	case n.Kind == Long:
		return LongForm(n.Logical)
	case n.Logical == "decimal" && n.fitsDecimal():
		return Decimal
	case n.Logical == "uuid" && (n.Kind == String || n.Kind == Fixed && n.Size == 16):
		return UUID
	case n.Logical == "duration" && n.Kind == Fixed && n.Size == 12:
		return Duration
	}
	return Plain
}

func (n *Node) fitsDecimal() bool {
	if n.Precision <= 0 || n.Scale < 0 || n.Scale > n.Precision || n.Precision > MaxPrecision {
		return false
	}
	return n.Kind == Bytes || n.Kind == Fixed && n.Precision <= DigitsIn(n.Size)
}

// DigitsIn returns how many decimal digits a number of size bytes always holds.
func DigitsIn(size int) int {
	const digitsPerByte = 2.408239965311849 // log10(256)
	return int(float64(min(size, MaxPrecision))*digitsPerByte - 0.30103)
}

// IsTime reports whether a value is a point in time.
func (f Form) IsTime() bool { return f == Date || f >= TimestampMillis && f <= LocalNanos }
