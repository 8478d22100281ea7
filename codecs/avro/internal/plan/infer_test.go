package plan_test

import (
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
)

type leaf struct {
	X int `avro:"x"`
}

type hash [4]byte

type inferred struct {
	base
	B     bool             `avro:"b"`
	I8    int8             `avro:"i8"`
	I32   int32            `avro:"i32,default=5"`
	I64   int64            `avro:"i64"`
	U16   uint16           `avro:"u16"`
	U32   uint32           `avro:"u32"`
	F32   float32          `avro:"f32,default=1.50"`
	F64   float64          `avro:"f64"`
	Str   string           `avro:"str,default=a, b"`
	Raw   []byte           `avro:"raw"`
	Hash  hash             `avro:"hash"`
	Anon  [3]byte          `avro:"anon"`
	Next  *inferred        `avro:"next,alias=[n1,n2]"`
	PP    **string         `avro:"pp"`
	List  []leaf           `avro:"list,type-alias=old.Leaf"`
	Map   map[string]*leaf `avro:"map,type-alias=old.Leaf"`
	Hs    []hash           `avro:"hs"`
	At    time.Time        `avro:"at"`
	Day   time.Time        `avro:"day,date"`
	Loc   *time.Time       `avro:"loc,local-timestamp-micros"`
	Dur   time.Duration    `avro:"dur"`
	Dur2  time.Duration    `avro:"dur2,time-micros"`
	Num   int64            `avro:"num,timestamp-nanos"`
	Rat   *big.Rat         `avro:"rat,decimal(9,2)"`
	Rat2  big.Rat          `avro:"rat2,decimal(4,0)"`
	ID    string           `avro:"id,uuid"`
	UU    [16]byte         `avro:"uu,uuid"`
	Lvl   level            `avro:"lvl,omitzero"`
	Def   *string          `avro:"def,default=null"`
	Plain string
	Skip  int                `avro:"-"`
	In    struct{ Deep int } `avro:",inline"`
}

const inferredSchema = `{"type":"record","name":"inferred","namespace":"a.b","fields":[
{"name":"id","type":{"type":"string","logicalType":"uuid"}},
{"name":"kind","type":"string"},
{"name":"b","type":"boolean"},
{"name":"i8","type":"int"},
{"name":"i32","type":"int","default":5},
{"name":"i64","type":"long"},
{"name":"u16","type":"int"},
{"name":"u32","type":"long"},
{"name":"f32","type":"float","default":1.50},
{"name":"f64","type":"double"},
{"name":"str","type":"string","default":"a, b"},
{"name":"raw","type":"bytes"},
{"name":"hash","type":{"type":"fixed","name":"hash","size":4}},
{"name":"anon","type":{"type":"fixed","name":"fixed_3","size":3}},
{"name":"next","type":["null","a.b.inferred"],"aliases":["n1","n2"],"default":null},
{"name":"pp","type":["null","string"],"default":null},
{"name":"list","type":{"type":"array","items":{"type":"record","name":"leaf","namespace":"a.b","aliases":["old.Leaf"],"fields":[{"name":"x","type":"long"}]}}},
{"name":"map","type":{"type":"map","values":["null","a.b.leaf"]}},
{"name":"hs","type":{"type":"array","items":"hash"}},
{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
{"name":"day","type":{"type":"int","logicalType":"date"}},
{"name":"loc","type":["null",{"type":"long","logicalType":"local-timestamp-micros"}],"default":null},
{"name":"dur","type":{"type":"int","logicalType":"time-millis"}},
{"name":"dur2","type":{"type":"long","logicalType":"time-micros"}},
{"name":"num","type":{"type":"long","logicalType":"timestamp-nanos"}},
{"name":"rat","type":["null",{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}],"default":null},
{"name":"rat2","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":0}},
{"name":"uu","type":{"type":"fixed","name":"uuid","logicalType":"uuid","size":16}},
{"name":"lvl","type":"string"},
{"name":"def","type":["null","string"],"default":null},
{"name":"Plain","type":"string"},
{"name":"Deep","type":"long"}]}`

func TestInferWritesWhatTheStructSays(t *testing.T) {
	t.Parallel()
	got, err := plan.Infer(reflect.TypeFor[*inferred](), nil, "a.b", "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.ReplaceAll(got, "},{\"name\":", "},\n{\"name\":"), strings.ReplaceAll(strings.ReplaceAll(inferredSchema, "[\n", "["), "},\n{\"name\":", "},\n{\"name\":")); diff != "" {
		t.Error(diff)
	}
	// The schema and the struct it comes from fit each other.
	if _, err := plan.NewEncoder(parse(t, got), reflect.TypeFor[inferred](), nil); err != nil {
		t.Error(err)
	}
}

func TestInferTakesScaledIntegersAndDurations(t *testing.T) {
	t.Parallel()
	type record struct {
		Cents int64         `avro:"cents,decimal(12,2)"`
		One   plan.Duration `avro:"one"`
		Two   plan.Duration `avro:"two"`
	}
	got, err := plan.Infer(reflect.TypeFor[record](), nil, "", "Named")
	want := `{"type":"record","name":"Named","fields":[` +
		`{"name":"cents","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}},` +
		`{"name":"one","type":{"type":"fixed","name":"duration","logicalType":"duration","size":12}},` +
		`{"name":"two","type":"duration"}]}`
	if err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if _, err := plan.NewEncoder(parse(t, got), reflect.TypeFor[record](), nil); err != nil {
		t.Error(err)
	}
}

func TestInferNamesAllThatHasNoSchema(t *testing.T) {
	t.Parallel()
	type inner struct {
		C chan int `avro:"c"`
		D any      `avro:"d"`
	}
	type record struct {
		A int              `avro:"a,what"`
		B map[string]inner `avro:"b"`
		E int              `avro:"e"`
		F int              `avro:"e"`
		G *big.Rat         `avro:"g"`
	}
	_, err := plan.Infer(reflect.TypeFor[record](), nil, "", "")
	want := `inferring a schema from plan_test.record: a: the tag has an unknown option "what"; ` +
		`b.c: the Go type chan int stands for no Avro type: declare how it is written with Custom; ` +
		`b.d: the Go type interface {} stands for no Avro type: declare its types with Sealed, or give the schema; ` +
		`e: the fields E and F of plan_test.record have the same name; ` +
		`g: a big.Rat needs the option decimal(precision,scale)`
	if diff := cmp.Diff(strings.Split(errorText(err), "; "), strings.Split(want, "; ")); diff != "" {
		t.Error(diff)
	}
}

func TestInferIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	want, err := plan.Infer(reflect.TypeFor[inferred](), allShapes(), "n", "R")
	for range 20 {
		got, again := plan.Infer(reflect.TypeFor[inferred](), allShapes(), "n", "R")
		if err != nil || again != nil || got != want {
			t.Fatalf("got %s, %v, want %s, %v", got, again, want, err)
		}
	}
}

// halfText can be written as a text, but not read.
type halfText struct{}

func (halfText) MarshalText() ([]byte, error) { return nil, nil }

func TestInferRefusesWhatHasNoSchema(t *testing.T) {
	t.Parallel()
	type endless []endless
	type other struct {
		Leaf struct{ leaf } `avro:"leaf"`
	}
	for name, tt := range map[string]struct {
		typ  reflect.Type
		want string
	}{
		"no struct":         {reflect.TypeFor[int](), "it is no struct"},
		"a channel":         {reflect.TypeFor[struct{ C chan int }](), "C: the Go type chan int stands for no Avro type"},
		"an any":            {reflect.TypeFor[struct{ C any }](), "stands for no Avro type"},
		"a map by int":      {reflect.TypeFor[struct{ M map[int]int }](), "the keys of a map are strings"},
		"a nameless struct": {reflect.TypeFor[other](), "needs a name"},
		"a list of itself":  {reflect.TypeFor[struct{ E endless }](), "has no end"},
		"half a text":       {reflect.TypeFor[struct{ H halfText }](), "a string needs both"},
		"a Rat without tag": {reflect.TypeFor[struct{ R *big.Rat }](), "needs the option decimal"},
		"a decimal string": {reflect.TypeFor[struct {
			S string `avro:",decimal(4,2)"`
		}](), "a decimal is a big.Rat or an integer"},
		"a half decimal": {reflect.TypeFor[struct {
			S int64 `avro:",decimal(4)"`
		}](), "is not decimal(precision,scale)"},
		"a date of a long": {reflect.TypeFor[struct {
			S int64 `avro:",date"`
		}](), "cannot be a date, which is an int"},
		"a uuid of a long": {reflect.TypeFor[struct {
			S int64 `avro:",uuid"`
		}](), "a uuid is a string"},
		"a time as a uuid": {reflect.TypeFor[struct {
			S time.Time `avro:",uuid"`
		}](), "cannot be a uuid"},
		"an unknown option": {reflect.TypeFor[struct {
			S int64 `avro:",what"`
		}](), `unknown option "what"`},
		"an empty alias": {reflect.TypeFor[struct {
			S int64 `avro:",alias="`
		}](), "an alias in the tag is empty"},
		"an alias of a long": {reflect.TypeFor[struct {
			S int64 `avro:",type-alias=x"`
		}](), "type-alias is for records and fixed types"},
		"a late alias": {reflect.TypeFor[struct {
			A leaf
			B leaf `avro:",type-alias=x"`
		}](), "must be where the type leaf comes up first"},
		"two fields of a name": {reflect.TypeFor[struct {
			A int `avro:"x"`
			B int `avro:"x"`
		}](), `x: the fields A and B of struct`},
		"two types of a name": {reflect.TypeFor[struct {
			A [16]byte `avro:"a,uuid"`
			B otherUUID
		}](), "two different types have the name uuid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := plan.Infer(tt.typ, nil, "", "R"); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %s, %v, want an error with %q", got, err, tt.want)
			}
		})
	}
}

// uuid has the name that tagged arrays take.
type uuid [16]byte

type otherUUID struct {
	U uuid
}
