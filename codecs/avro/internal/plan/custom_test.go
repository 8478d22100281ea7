package plan_test

import (
	"database/sql"
	"errors"
	"math/big"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// money is in cents, and written as a decimal.
type money struct{ cents int64 }

var errDebt = errors.New("no debts")

func (m money) Area() float64 { return float64(m.cents) }

func writeMoney(m money) (int64, error) {
	switch m.cents {
	case -1:
		return 0, errDebt
	case -2:
		panic("out of money")
	}
	return m.cents, nil
}

func readMoney(cents int64) (money, error) {
	switch cents {
	case -3:
		return money{}, errDebt
	case -4:
		panic("too much money")
	}
	return money{cents}, nil
}

func customs() *plan.Types {
	var ts plan.Types
	ts.Add(plan.NewCustom("", writeMoney, readMoney))
	ts.Add(plan.NewCustom("", func(u *url.URL) (string, error) { return u.String(), nil }, url.Parse))
	ts.Add(plan.NewCustom("", func(n sql.NullInt64) (*int64, error) {
		if !n.Valid {
			return nil, nil
		}
		return &n.Int64, nil
	}, func(p *int64) (sql.NullInt64, error) {
		if p == nil {
			return sql.NullInt64{}, nil
		}
		return sql.NullInt64{Int64: *p, Valid: true}, nil
	}))
	ts.Add(plan.NewCustom(`{"type":"fixed","name":"weekday","size":1}`,
		func(d time.Weekday) ([1]byte, error) { return [1]byte{byte(d)}, nil },
		func(b [1]byte) (time.Weekday, error) { return time.Weekday(b[0]), nil }))
	return &ts
}

type bill struct {
	Total  money                   `avro:"total"`
	Tip    *money                  `avro:"tip"`
	Parts  []money                 `avro:"parts"`
	By     map[string]money        `avro:"by"`
	Link   *url.URL                `avro:"link"`
	Opened sql.NullInt64           `avro:"opened"`
	Days   map[string]time.Weekday `avro:"days"`
	Day    time.Weekday            `avro:"day"`
	Price  money                   `avro:"price,decimal(9,2)"`
}

const billSchema = `{"type":"record","name":"bill","namespace":"n","fields":[
{"name":"total","type":"long"},
{"name":"tip","type":["null","long"],"default":null},
{"name":"parts","type":{"type":"array","items":"long"}},
{"name":"by","type":{"type":"map","values":"long"}},
{"name":"link","type":"string"},
{"name":"opened","type":["null","long"],"default":null},
{"name":"days","type":{"type":"map","values":{"type":"fixed","name":"weekday","size":1}}},
{"name":"day","type":"n.weekday"},
{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}]}`

func TestCustomTypesAreInferredFromWhatTheyAreWrittenAs(t *testing.T) {
	t.Parallel()
	got, err := plan.Infer(reflect.TypeFor[bill](), customs(), "n", "")
	if want := strings.ReplaceAll(billSchema, "\n", ""); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestCustomTypesWorkAnywhereInAType(t *testing.T) {
	t.Parallel()
	c := coderOf[bill](t, billSchema, customs())
	link, err := url.Parse("http://x")
	if err != nil {
		t.Fatal(err)
	}
	full := bill{
		Total: money{1}, Tip: &money{2}, Parts: []money{{3}, {4}}, By: map[string]money{"k": {5}}, Link: link,
		Opened: sql.NullInt64{Int64: 6, Valid: true}, Days: map[string]time.Weekday{"d": time.Monday}, Day: time.Friday, Price: money{7},
	}
	write := func(value bill, hex string) {
		t.Helper()
		out, err := plan.Append(c.e, nil, &value)
		if err != nil || string(out) != string(hexBytes(t, hex)) {
			t.Errorf("writing: got %x, %v, want %s", out, err, hex)
		}
		var got bill
		err = plan.Decode(c.d, out, &got)
		if diff := cmp.Diff(got, value, cmp.AllowUnexported(money{})); err != nil || diff != "" {
			t.Errorf("reading: %v\n%s", err, diff)
		}
	}
	write(full, "02"+"0204"+"04060800"+"02026b0a00"+"10"+hexOf("http://x")+"020c"+"0202640100"+"05"+"0207")
	write(bill{Parts: []money{}, By: map[string]money{}, Link: link, Days: map[string]time.Weekday{}},
		"00"+"00"+"00"+"00"+"10"+hexOf("http://x")+"00"+"00"+"00"+"0200")
}

func TestNullIsForWhatCanBeNil(t *testing.T) {
	t.Parallel()
	types := customs()
	coderOf[*url.URL](t, `["null","string"]`, types).both(t, nil, "00")
	coderOf[*url.URL](t, `["string","null"]`, types).both(t, &url.URL{Path: "/x"}, "00042f78")
	coderOf[sql.NullInt64](t, `["long","null"]`, types).both(t, sql.NullInt64{}, "02")
	coderOf[*sql.NullInt64](t, `["long","null"]`, types).both(t, &sql.NullInt64{Int64: 1, Valid: true}, "0002")
	got := money{9}
	if err := plan.Decode(coderOf[money](t, `["null","long"]`, types).d, []byte{0}, &got); err != nil {
		t.Error(err)
	}
}

func TestCustomTypesTakeOtherSchemasToo(t *testing.T) {
	t.Parallel()
	types := customs()
	// The writer's int is promoted before the function sees it.
	d, err := plan.NewDecoder(resolve.New(parse(t, `"int"`), parse(t, `["string","long"]`)), reflect.TypeFor[money](), types, plan.Limits{})
	var got money
	if err == nil {
		err = plan.Decode(d, []byte{4}, &got)
	}
	if err != nil || got.cents != 2 {
		t.Errorf("got %v, %v, want 2", got, err)
	}
	// An any may hold it, and a sealed interface.
	any2 := any(money{2})
	out, err := plan.Append(coderOf[any](t, `["int","long"]`, types).e, nil, &any2)
	if err != nil || string(out) != "\x02\x04" {
		t.Errorf("in an any: got %x, %v", out, err)
	}
	types.Seal(reflect.TypeFor[shape](), reflect.TypeFor[circle](), reflect.TypeFor[money]())
	held := shape(money{3})
	out, err = plan.Append(coderOf[shape](t, `["long",{"type":"record","name":"circle","fields":[{"name":"r","type":"int"}]}]`, types).e, nil, &held)
	if err != nil || string(out) != "\x00\x06" {
		t.Errorf("in a sealed interface: got %x, %v", out, err)
	}
}

func TestFaultsOfCustomFunctionsHaveTheFieldsPath(t *testing.T) {
	t.Parallel()
	c := coderOf[bill](t, billSchema, customs())
	bad := func(cents int64) bill {
		return bill{Parts: []money{{0}, {cents}}, Link: &url.URL{}}
	}
	for name, tt := range map[string]struct {
		value bill
		is    error
		want  string
	}{
		"an error":  {bad(-1), errDebt, "parts[1]: no debts"},
		"a panic":   {bad(-2), nil, "parts[1]: the function that writes it panicked: out of money"},
		"a decimal": {bill{Link: &url.URL{}, Price: money{1e9}}, plan.ErrRange, "price: a number does not fit its type: 1000000000 has more than 9 digits"},
	} {
		out, err := plan.Append(c.e, []byte("given"), &tt.value)
		if err == nil || err.Error() != tt.want || tt.is != nil && !errors.Is(err, tt.is) || string(out) != "given" {
			t.Errorf("writing, %s: got %q, %v, want %s", name, out, err, tt.want)
		}
	}
	for name, tt := range map[string]struct {
		hex  string
		is   error
		want string
	}{
		"an error":       {"02" + "0205", errDebt, "tip: no debts (at byte 2)"},
		"a panic":        {"07", nil, "total: the function that reads it panicked: too much money (at byte 0)"},
		"what is cut":    {"02" + "02", plan.ErrShort, "tip: the datum ends too early (at byte 2)"},
		"what is cut 2":  {"02" + "00" + "0402", plan.ErrShort, "parts: the datum ends too early: 2 items are claimed in 1 bytes (at byte 2)"},
		"what is no URL": {"02" + "00" + "00" + "00" + "043a3a", nil, `link: parse "::": missing protocol scheme (at byte 4)`},
	} {
		var into bill
		err := plan.Decode(c.d, hexBytes(t, tt.hex), &into)
		if err == nil || err.Error() != tt.want || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("reading, %s: got %v, want %s", name, err, tt.want)
		}
	}
}

func TestCustomMismatchesAreNamed(t *testing.T) {
	t.Parallel()
	type record struct {
		Total money    `avro:"total"`
		Link  *url.URL `avro:"link"`
	}
	node := parse(t, `{"type":"record","name":"R","fields":[{"name":"total","type":"string"},{"name":"link","type":"int"}]}`)
	_, err := plan.NewEncoder(node, reflect.TypeFor[record](), customs())
	want := `writing plan_test.record as record R: total: the Go type int64 cannot be written as Avro's string; link: the Go type string cannot be written as Avro's int`
	if errorText(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = plan.NewDecoder(resolve.New(node, node), reflect.TypeFor[record](), customs(), plan.Limits{})
	want = `reading record R into plan_test.record: total: the Go type int64 cannot hold Avro's string; link: the Go type string cannot hold Avro's int`
	if errorText(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestEmbeddedStructsThatAreOneValueAreOneField(t *testing.T) {
	t.Parallel()
	type outer struct {
		time.Time
		*big.Rat `avro:",decimal(4,1)"`
		base
	}
	got, err := plan.Infer(reflect.TypeFor[outer](), nil, "", "")
	want := `{"type":"record","name":"outer","fields":[{"name":"Time","type":{"type":"long","logicalType":"timestamp-millis"}},` +
		`{"name":"Rat","type":["null",{"type":"bytes","logicalType":"decimal","precision":4,"scale":1}],"default":null},` +
		`{"name":"id","type":"long"},{"name":"kind","type":"string"}]}`
	if err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	value := outer{Time: time.UnixMilli(1).UTC(), Rat: big.NewRat(1, 2), base: base{ID: 1, Kind: "k"}}
	if hex := encode(t, got, value); hex != "02"+"020205"+"02"+"026b" {
		t.Errorf("got %s", hex)
	}
}
