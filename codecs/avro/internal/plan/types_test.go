package plan_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
)

type (
	named    string
	small    int8
	fixed4   [4]byte
	nameMap  map[named]small
	days     struct{ Months, Days, Millis uint32 }
	bigBytes []byte
)

// level is an enum and a text of its own.
type level int

func (l level) MarshalText() ([]byte, error) {
	if l == 0 {
		return nil, errors.New("no level")
	}
	return []byte(strings.Repeat("A", int(l))), nil
}

func (l *level) UnmarshalText(text []byte) error {
	if strings.Trim(string(text), "A") != "" {
		return errors.New("not a level")
	}
	*l = level(len(text))
	return nil
}

func ratCompare() cmp.Option {
	return cmp.Comparer(func(a, b big.Rat) bool { return a.Cmp(&b) == 0 })
}

// both checks that value is written as hex, and read from it again.
func both[T any](t *testing.T, schema string, value T, hex string) {
	t.Helper()
	t.Run(strings.ReplaceAll(schema, " ", ""), func(t *testing.T) {
		t.Parallel()
		if got := encode(t, schema, value); got != hex {
			t.Errorf("writing %#v: got %s, want %s", value, got, hex)
		}
		got, err := decode[T](t, schema, schema, hex)
		if diff := cmp.Diff(got, value, ratCompare()); err != nil || diff != "" {
			t.Errorf("reading: %v\n%s", err, diff)
		}
	})
}

func TestTextsOfEachLengthAreWrittenAndReadAgain(t *testing.T) {
	t.Parallel()
	letters := strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", 2)
	for size := range 70 {
		for _, text := range []string{letters[:size], "é" + letters[:size], letters[:size] + "é"} {
			both(t, `"string"`, text, hex.EncodeToString(append(binary.AppendVarint(nil, int64(len(text))), text...)))
		}
	}
}

func TestGoTypesAreWrittenAndReadAgain(t *testing.T) {
	t.Parallel()
	text := "x"
	both(t, `"boolean"`, true, "01")
	both(t, `"int"`, int32(-64), "7f")
	both(t, `"int"`, small(-3), "05")
	both(t, `"int"`, int16(300), "d804")
	both(t, `"int"`, 1, "02")
	both(t, `"int"`, int64(math.MinInt32), "ffffffff0f")
	both(t, `"int"`, uint8(255), "fe03")
	both(t, `"int"`, uint16(65535), "feff07")
	both(t, `"int"`, uint32(7), "0e")
	both(t, `"long"`, int64(math.MaxInt64), "feffffffffffffffff01")
	both(t, `"long"`, int64(math.MinInt64), "ffffffffffffffffff01")
	both(t, `"long"`, -5, "09")
	both(t, `"long"`, uint32(math.MaxUint32), "feffffff1f")
	both(t, `"long"`, uint64(math.MaxInt64), "feffffffffffffffff01")
	both(t, `"float"`, float32(1.5), "0000c03f")
	both(t, `"float"`, 1.5, "0000c03f")
	both(t, `"double"`, 1.5, "000000000000f83f")
	both(t, `"double"`, float32(1.5), "000000000000f83f")
	both(t, `"string"`, "Gö", "0647c3b6")
	both(t, `"string"`, named("abc"), "06616263")
	both(t, `"string"`, []byte("abc"), "06616263")
	both(t, `"string"`, level(3), "06414141")
	both(t, `"bytes"`, []byte{0xff}, "02ff")
	both(t, `"bytes"`, bigBytes{1, 2}, "040102")
	both(t, `"bytes"`, "\xff", "02ff")
	both(t, `{"type":"fixed","name":"F","size":4}`, fixed4{1, 2, 3, 4}, "01020304")
	both(t, `{"type":"fixed","name":"F","size":2}`, []byte{1, 2}, "0102")
	both(t, `{"type":"enum","name":"E","symbols":["A","B"]}`, named("B"), "02")
	both(t, `{"type":"enum","name":"E","symbols":["A","AA"]}`, level(2), "02")
	both(t, `{"type":"enum","name":"E","symbols":["A","B","C","D","E","F","G","H","I"]}`, "I", "10")
	both(t, `{"type":"array","items":"long"}`, []int64{1, -1}, "04020100")
	both(t, `{"type":"array","items":"string"}`, []string{"a", strings.Repeat("b", 70)}, "0402618c01"+strings.Repeat("62", 70)+"00")
	both(t, `{"type":"array","items":{"type":"array","items":"int"}}`, [][]int32{{1}, {}}, "04020200"+"0000")
	both(t, `{"type":"array","items":"null"}`, []any{nil, nil}, "0400")
	both(t, `{"type":"map","values":"string"}`, map[string]string{"k": "v"}, "02026b027600")
	both(t, `{"type":"map","values":"int"}`, nameMap{"k": 1}, "02026b0200")
	both(t, `{"type":"map","values":"long"}`, map[string]int64{"k": 1}, "02026b0200")
	both(t, `{"type":"map","values":"int"}`, map[string]int32{"k": 1}, "02026b0200")
	both(t, `{"type":"map","values":"double"}`, map[string]float64{"k": 1.5}, "02026b000000000000f83f00")
	both(t, `{"type":"map","values":["null","string"]}`, map[string]*string{"k": &text}, "02026b02027800")
	both(t, `{"type":"map","values":{"type":"map","values":"string"}}`, map[string]map[string]string{"k": {"a": "b"}}, "02026b020261026200"+"00")
	both(t, `{"type":"map","values":"int"}`, map[string]any{"k": int32(1)}, "02026b0200")
	both(t, `["null","string"]`, &text, "020278")
	both(t, `["string","null"]`, &text, "000278")
	both(t, `["null","string"]`, (*string)(nil), "00")
	both(t, `["string","null"]`, (*string)(nil), "02")
	both(t, `["null","string"]`, "x", "020278")
	both(t, `["null",{"type":"array","items":"int"}]`, []int32(nil), "00")
	both(t, `["null",{"type":"array","items":"int"}]`, []int32{1}, "02020200")
	both(t, `"string"`, &text, "0278")
}

func TestLogicalTypesAreWrittenAndReadAgain(t *testing.T) {
	t.Parallel()
	at := time.Date(2023, 11, 14, 22, 13, 20, 123456789, time.UTC)
	long := func(logical string) string { return `{"type":"long","logicalType":"` + logical + `"}` }
	both(t, `{"type":"int","logicalType":"date"}`, time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC), "01")
	both(t, long("timestamp-millis"), at.Truncate(time.Millisecond), "f6a1abfef962")
	both(t, long("timestamp-micros"), at.Truncate(time.Microsecond), encode(t, `"long"`, at.UnixMicro()))
	both(t, long("timestamp-nanos"), at, encode(t, `"long"`, at.UnixNano()))
	both(t, long("local-timestamp-millis"), at.Truncate(time.Millisecond), "f6a1abfef962")
	both(t, long("local-timestamp-micros"), at.Truncate(time.Microsecond), encode(t, `"long"`, at.UnixMicro()))
	both(t, long("timestamp-micros"), time.UnixMicro(-1500001).UTC(), encode(t, `"long"`, int64(-1500001)))
	both(t, long("local-timestamp-nanos"), time.Unix(0, -1).UTC(), "01")
	both(t, long("local-timestamp-micros"), int64(-1), "01")
	both(t, `{"type":"int","logicalType":"date"}`, int32(-1), "01")
	both(t, `{"type":"int","logicalType":"time-millis"}`, int32(5), "0a")
	both(t, long("local-timestamp-nanos"), at, encode(t, `"long"`, at.UnixNano()))
	both(t, long("timestamp-millis"), time.UnixMilli(math.MinInt64).UTC(), "ffffffffffffffffff01")
	both(t, long("timestamp-nanos"), time.Unix(0, math.MaxInt64).UTC(), "feffffffffffffffff01")
	both(t, long("timestamp-millis"), int64(5), "0a")
	both(t, `{"type":"int","logicalType":"time-millis"}`, 1500*time.Millisecond, "b817")
	both(t, long("time-micros"), 1500*time.Microsecond, "b817")
	money := `{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}`
	both(t, money, *big.NewRat(-5, 4), "0283")
	both(t, money, big.NewRat(99999, 100), "0601869f")
	both(t, money, big.NewRat(0, 1), "0200")
	both(t, money, int64(-125), "0283")
	both(t, money, int64(128), "040080")
	both(t, money, int64(99999), "0601869f")
	both(t, money, int64(-99999), "06fe7961")
	both(t, money, int32(-129), "04ff7f")
	paid := `{"type":"fixed","name":"D","size":10,"logicalType":"decimal","precision":20,"scale":0}`
	both(t, paid, *big.NewRat(-1, 1), strings.Repeat("ff", 10))
	both(t, paid, int64(math.MinInt64), "ffff8000000000000000")
	both(t, paid, uint32(1), "00000000000000000001")
	id := [16]byte{0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3, 0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x00}
	const idText = "123e4567-e89b-12d3-a456-426614174000"
	both(t, `{"type":"string","logicalType":"uuid"}`, id, "48"+hexOf(idText))
	both(t, `{"type":"string","logicalType":"uuid"}`, idText, "48"+hexOf(idText))
	both(t, `{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}`, id, hexOf(string(id[:])))
	both(t, `{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}`, idText, hexOf(string(id[:])))
	both(t, `["null",{"type":"string","logicalType":"uuid"}]`, &id, "0248"+hexOf(idText))
	both(t, `{"type":"array","items":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}}`, [][16]byte{id}, "02"+hexOf(string(id[:]))+"00")
	span := `{"type":"fixed","name":"S","size":12,"logicalType":"duration"}`
	both(t, span, days{1, 2, 3}, "010000000200000003000000")
	both(t, span, plan.Duration{Months: 1, Days: 2, Millis: math.MaxUint32}, "0100000002000000ffffffff")
	both(t, `["null",`+span+`]`, &plan.Duration{Days: 1}, "02000000000100000000000000")
	both(t, span, [12]byte{1, 11: 9}, "010000000000000000000009")
	both(t, `{"type":"bytes","logicalType":"decimal","precision":0}`, []byte{1}, "0201")
}

func TestLocalTimesAreWhatTheClockShows(t *testing.T) {
	t.Parallel()
	there := time.FixedZone("there", 2*60*60)
	got := encode(t, `{"type":"long","logicalType":"local-timestamp-millis"}`, time.Date(1970, 1, 1, 2, 0, 0, 0, there))
	if want := encode(t, `"long"`, int64(2*60*60*1000)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAnyHoldsNaturalValues(t *testing.T) {
	t.Parallel()
	schema := `{"type":"record","name":"R","fields":[
		{"name":"n","type":"null"},{"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":"long"},
		{"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"y","type":"bytes"},{"name":"s","type":"string"},
		{"name":"a","type":{"type":"array","items":["null","string","int"]}},
		{"name":"m","type":{"type":"map","values":"long"}},
		{"name":"r","type":{"type":"record","name":"I","fields":[{"name":"x","type":"int"}]}},
		{"name":"t","type":{"type":"long","logicalType":"timestamp-millis"}},
		{"name":"p","type":{"type":"int","logicalType":"time-millis"}},
		{"name":"c","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":1}},
		{"name":"k","type":{"type":"fixed","name":"K","size":12,"logicalType":"duration"}},
		{"name":"u","type":["I",{"type":"map","values":"int"}]}]}`
	want := any(map[string]any{
		"n": nil, "b": true, "i": int32(1), "l": int64(2), "f": float32(3), "d": 4.0, "y": []byte{5}, "s": "6",
		"a": []any{nil, "x", int32(7)}, "m": map[string]any{"k": int64(8)}, "r": map[string]any{"x": int32(9)},
		"t": time.UnixMilli(10).UTC(), "p": 11 * time.Millisecond, "c": big.NewRat(3, 2),
		"k": plan.Duration{Months: 1}, "u": plan.Branch{Name: "I", Value: map[string]any{"x": int32(12)}},
	})
	got, err := decode[any](t, schema, schema, encode(t, schema, want))
	if diff := cmp.Diff(got, want, ratCompare()); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if hex := encode(t, `["int","string",{"type":"array","items":"long"}]`, any([]int64{1})); hex != "04020200" {
		t.Errorf("a typed slice in an any: got %s", hex)
	}
}

type node struct {
	Value int32 `avro:"value"`
	Next  *node `avro:"next"`
}

type tree struct {
	Name string          `avro:"name"`
	Sub  []tree          `avro:"sub"`
	By   map[string]tree `avro:"by"`
}

const nodeSchema = `{"type":"record","name":"Node","fields":[{"name":"value","type":"int"},{"name":"next","type":["null","Node"]}]}`

func TestRecursiveTypesWork(t *testing.T) {
	t.Parallel()
	both(t, nodeSchema, node{1, &node{2, nil}}, "02020400")
	schema := `{"type":"record","name":"T","fields":[{"name":"name","type":"string"},
		{"name":"sub","type":{"type":"array","items":"T"}},{"name":"by","type":{"type":"map","values":"T"}}]}`
	leaf := tree{Name: "leaf", Sub: []tree{}, By: map[string]tree{}}
	value := tree{Name: "root", Sub: []tree{leaf}, By: map[string]tree{"k": leaf}}
	got, err := decode[tree](t, schema, schema, encode(t, schema, value))
	if diff := cmp.Diff(got, value); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

type base struct {
	ID   int64  `avro:"id"`
	Kind string `avro:"kind"`
}

type extra struct{ Note string }

type embedding struct {
	base
	*extra
	Rest  struct{ Flag bool } `avro:",inline"`
	Other base                `avro:"other"`
	Kind  string              `avro:"kind"`
	Skip  func()              `avro:"-"`
	Count int32               `avro:"count,omitzero,alias=n,default=5"`
}

func TestStructsAreFlattenedAndTagged(t *testing.T) {
	t.Parallel()
	schema := `{"type":"record","name":"E","fields":[
		{"name":"Flag","type":"boolean"},{"name":"Note","type":"string"},{"name":"id","type":"long"},
		{"name":"kind","type":"string"},{"name":"count","type":"int","default":5},
		{"name":"other","type":{"type":"record","name":"B","fields":[{"name":"id","type":"long"},{"name":"kind","type":"string"}]}}]}`
	value := embedding{base: base{ID: 1}, extra: &extra{Note: "n"}, Other: base{ID: 2, Kind: "o"}, Kind: "k", Count: 7}
	value.Rest.Flag = true
	const want = "01026e02026b0e04026f"
	if got := encode(t, schema, value); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	got, err := decode[embedding](t, schema, schema, want)
	if diff := cmp.Diff(got, value, cmp.AllowUnexported(embedding{}), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Skip" }, cmp.Ignore())); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	value.Count = 0
	if got := encode(t, schema, value); got != "01026e02026b0a04026f" {
		t.Errorf("a zero count: got %s, want its default written", got)
	}
	value.extra = nil
	if err := encodeError(t, schema, value); !errors.Is(err, plan.ErrNil) {
		t.Errorf("a nil embedded struct: got %v, want %v", err, plan.ErrNil)
	}
}

func TestValuesThatDoNotFitAreErrors(t *testing.T) {
	t.Parallel()
	money := `{"type":"bytes","logicalType":"decimal","precision":3,"scale":1}`
	record := func(inner string) string {
		return `{"type":"record","name":"R","fields":[{"name":"f","type":` + inner + `}]}`
	}
	type holder[T any] struct {
		F T `avro:"f"`
	}
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"an int that is too large":   {encodeError(t, record(`"int"`), holder[int64]{1 << 31}), "f: a number does not fit its type: 2147483648 does not fit an int"},
		"a uint64 above a long":      {encodeError(t, record(`"long"`), holder[uint64]{1 << 63}), "f: a number does not fit its type: 9223372036854775808 does not fit a long"},
		"a float64 above a float":    {encodeError(t, record(`"float"`), holder[float64]{1e300}), "f: a number does not fit its type: 1e+300 does not fit a float"},
		"a string that is no text":   {encodeError(t, record(`"string"`), holder[string]{"a\xff"}), "f: a string is not valid UTF-8"},
		"a key that is no text":      {encodeError(t, record(`{"type":"map","values":"int"}`), holder[map[string]int32]{map[string]int32{"\xff": 1}}), `f["\xff"]: a string is not valid UTF-8`},
		"an unknown symbol":          {encodeError(t, record(`{"type":"enum","name":"E","symbols":["A"]}`), holder[string]{"B"}), `f: "B" is no symbol of the enum E`},
		"a text that fails":          {encodeError(t, record(`"string"`), holder[level]{}), "f: no level"},
		"a nil pointer":              {encodeError(t, record(`"string"`), holder[*string]{}), "f: the value is nil"},
		"a nil in an any":            {encodeError(t, record(`"string"`), holder[any]{}), "f: the value is nil"},
		"a decimal of too many":      {encodeError(t, record(money), holder[int64]{1000}), "f: a number does not fit its type: 1000 has more than 3 digits"},
		"a negative decimal":         {encodeError(t, record(money), holder[int64]{-1000}), "f: a number does not fit its type: -1000 has more than 3 digits"},
		"a Rat of too many":          {encodeError(t, record(money), holder[*big.Rat]{big.NewRat(100, 1)}), "f: a number does not fit its type: 100 has more than 3 digits"},
		"a Rat between the steps":    {encodeError(t, record(money), holder[*big.Rat]{big.NewRat(1, 3)}), "f: a number does not fit its type: 1/3 has more than 1 decimal places"},
		"a wrong fixed":              {encodeError(t, record(`{"type":"fixed","name":"F","size":2}`), holder[[]byte]{[]byte{1}}), "f: a number does not fit its type: 1 bytes for a fixed of 2"},
		"a year out of range":        {encodeError(t, record(`{"type":"long","logicalType":"timestamp-nanos"}`), holder[time.Time]{}), "f: a number does not fit its type: the year 1 does not fit timestamp-nanos"},
		"an ambiguous value":         {encodeError(t, record(`["null","int","long"]`), holder[any]{1}), "f: the Go type int fits several branches"},
		"a value of no branch":       {encodeError(t, record(`["null","int"]`), holder[any]{"x"}), "f: the Go type string cannot be written as Avro's int"},
		"an unknown branch":          {encodeError(t, record(`["null","int"]`), holder[any]{plan.Branch{Name: "x"}}), `f: the union has no branch "x"`},
		"a map without a field":      {encodeError(t, record(`"int"`), any(map[string]any{})), "f: the map has no value for it"},
		"a map with a field more":    {encodeError(t, record(`"int"`), any(map[string]any{"f": 1, "g": 2})), `the record R has no field "g"`},
		"a UUID that is none":        {encodeError(t, record(`{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}`), holder[string]{"x"}), "f: not a UUID"},
		"an item of an array":        {encodeError(t, record(`{"type":"array","items":"string"}`), holder[[]string]{[]string{"a", "\xff"}}), "f[1]: a string is not valid UTF-8"},
		"an endless circle of nodes": {encodeError(t, nodeSchema, nodeCircle()), "the datum is nested deeper than the limit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", tt.err, tt.want)
			}
		})
	}
}

func nodeCircle() node {
	n := node{}
	n.Next = &n
	return n
}

func TestNumbersThatDoNotFitTheGoTypeAreErrors(t *testing.T) {
	t.Parallel()
	check := func(name string, err error, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
	_, err := decode[int8](t, `"int"`, `"int"`, "8002")
	check("128 into an int8", err, plan.ErrRange)
	_, err = decode[uint16](t, `"long"`, `"long"`, "01")
	check("-1 into a uint16", err, plan.ErrRange)
	_, err = decode[uint64](t, `"long"`, `"long"`, "01")
	check("-1 into a uint64", err, plan.ErrRange)
	_, err = decode[int32](t, `"long"`, `"long"`, "8080808010")
	check("2^31 into an int32", err, plan.ErrRange)
	_, err = decode[float32](t, `"double"`, `"double"`, "9c7500883ce4377e")
	check("1e300 into a float32", err, plan.ErrRange)
	_, err = decode[time.Duration](t, `{"type":"long","logicalType":"time-micros"}`, `"long"`, "feffffffffffffffff01")
	check("a plain long into a time.Duration", err, nil)
	_, err = decode[time.Duration](t, `"long"`, `{"type":"long","logicalType":"time-micros"}`, "feffffffffffffffff01")
	check("microseconds above a time.Duration", err, plan.ErrRange)
	_, err = decode[int64](t, `"bytes"`, `{"type":"bytes","logicalType":"decimal","precision":30}`, "12010000000000000000")
	check("a decimal above an int64", err, plan.ErrRange)
	_, err = decode[big.Rat](t, `"bytes"`, `{"type":"bytes","logicalType":"decimal","precision":3}`, "12010000000000000000")
	check("a decimal above its precision", err, plan.ErrRange)
	_, err = decode[[16]byte](t, `"string"`, `{"type":"string","logicalType":"uuid"}`, "0278")
	if err == nil {
		t.Error("a UUID that is none: got no error")
	}
	_, err = decode[level](t, `"string"`, `"string"`, "0242")
	if err == nil || !strings.Contains(err.Error(), "not a level (at byte 0)") {
		t.Errorf("a text that its type refuses: got %v", err)
	}
}
