package avro_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
)

type (
	event    interface{ isEvent() }
	signedUp struct {
		Name string `avro:"name"`
	}
	left struct {
		Why *string `avro:"why"`
	}
	leftOld struct {
		Reason *string `avro:"reason"`
	}
)

func (signedUp) isEvent() {}
func (left) isEvent()     {}
func (leftOld) isEvent()  {}

func TestTypedMayBeASealedInterfaceItself(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	codec := avro.Typed[event](reg.open(t, "events-value", avro.Sealed[event](signedUp{}, left{}))...)
	if err := codec.Check(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []event{signedUp{Name: "Ann"}, left{}} {
		data, err := codec.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		var got event
		if err := codec.Read(data, &got); err != nil || cmp.Diff(got, want) != "" {
			t.Errorf("got %#v, %v, want %#v", got, err, want)
		}
	}
	if _, err := codec.Encode(leftOld{}); err == nil || !strings.Contains(err.Error(), "the type avro_test.leftOld is none of the sealed avro_test.event") {
		t.Errorf("a type that was not declared: got %v", err)
	}
}

// What an older version of a program wrote under other names is read with the
// aliases of a given schema.
func TestSealedInterfacesReadOlderSchemas(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	const schema = `[{"type":"record","name":"signedUp","fields":[{"name":"name","type":"string"}]},
		{"type":"record","name":"left","aliases":["leftOld"],"fields":[{"name":"why","aliases":["reason"],"type":["null","string"]}]}]`
	before := avro.Typed[event](reg.open(t, "events-value", avro.Sealed[event](leftOld{}))...)
	now := avro.Typed[event](reg.open(t, "events-value", avro.Sealed[event](signedUp{}, left{}), avro.Schema(schema))...)
	why := "moved"
	data, err := before.Encode(leftOld{&why})
	if err != nil {
		t.Fatal(err)
	}
	got, err := now.Decode(data)
	want := event(left{&why})
	if diff := cmp.Diff(got, any(&want)); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestFaultsOfDeclaredTypesShowInCheck(t *testing.T) {
	t.Parallel()
	type row struct {
		E event `avro:"e"`
	}
	const schema = `{"type":"record","name":"row","fields":[{"name":"e","type":["null",{"type":"record","name":"left","fields":[{"name":"x","type":"int"}]}]}]}`
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"not declared": {avro.Typed[row](avro.Plain()).Check(), "e: the Go type avro_test.event stands for no Avro type"},
		"twice":        {avro.Typed[row](avro.Sealed[event](left{}), avro.Sealed[event](left{})).Check(), "avro_test.event is declared twice"},
		"no branch":    {avro.Typed[row](avro.Schema(schema), avro.Sealed[event](left{}, signedUp{})).Check(), "e: the union has no branch for the type avro_test.signedUp"},
		"no type":      {avro.Typed[row](avro.Schema(schema), avro.Sealed[event](leftOld{})).Check(), "e: no type of the sealed avro_test.event is for the union's branch record left"},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", name, tt.err, tt.want)
		}
	}
}

func TestCustomTypesAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	errZero := errors.New("no zero")
	type row struct {
		At []time.Month `avro:"at"`
	}
	codec := avro.Typed[row](avro.Plain(), avro.Custom(
		func(m time.Month) (string, error) {
			if m == 0 {
				return "", errZero
			}
			return m.String(), nil
		},
		func(name string) (time.Month, error) {
			m, err := time.Parse("January", name)
			return m.Month(), err
		}))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			want := row{At: []time.Month{time.May, time.June}}
			for range 50 {
				data, err := codec.Encode(want)
				var got row
				if err := errors.Join(err, codec.Read(data, &got)); err != nil || cmp.Diff(got, want) != "" {
					t.Errorf("got %v, %v, want %v", got, err, want)
				}
			}
			if _, err := codec.Encode(row{At: []time.Month{0}}); !errors.Is(err, errZero) || !strings.Contains(err.Error(), "at[0]: no zero") {
				t.Errorf("got %v, want %v", err, errZero)
			}
		})
	}
	group.Wait()
}

func TestEncodedMessagesShareNoMemory(t *testing.T) {
	t.Parallel()
	codec := avro.Typed[signedUp](avro.Plain())
	first, err1 := codec.Encode(signedUp{Name: "Ann"})
	second, err2 := codec.Encode(&signedUp{Name: "Bob"})
	_, err3 := codec.Encode(signedUp{Name: "\xff"})
	third, err4 := codec.Encode(signedUp{Name: strings.Repeat("x", 100_000)})
	fourth, err5 := codec.Encode(signedUp{Name: "Cid"})
	if err := errors.Join(err1, err2, err4, err5); err != nil || err3 == nil {
		t.Fatalf("got %v and %v, want an error for the third alone", err, err3)
	}
	if got := string(first) + string(second) + string(fourth); got != "\x06Ann\x06Bob\x06Cid" || len(third) != 100_003 {
		t.Errorf("got %q and %d bytes", got, len(third))
	}
}
