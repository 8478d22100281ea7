package avro_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/codectest"
)

// seatV1 and seatV2 are the same key in two versions of its schema.
type seatV1 struct {
	Row    int32    `avro:"row"`
	Flight string   `avro:"flight"`
	Weight float32  `avro:"weight"`
	Path   []string `avro:"path"`
}

type seatV2 struct {
	Flight string   `avro:"flight"`
	Path   []string `avro:"path"`
	Weight float64  `avro:"weight"`
	Row    int64    `avro:"row"`
}

const (
	seatSchema1 = `{"type":"record","name":"Seat","fields":[{"name":"row","type":"int"},{"name":"flight","type":"string"},
		{"name":"weight","type":"float"},{"name":"path","type":{"type":"array","items":"string"}}]}`
	seatSchema2 = `{"type":"record","name":"Seat","doc":"where one sits","fields":[{"name":"flight","type":"string","doc":"its number"},
		{"name":"path","type":{"type":"array","items":"string"}},{"name":"weight","type":"double"},{"name":"row","type":"long"}]}`
)

func keyV1(opts ...avro.Option) *avro.KeyCodec[seatV1] {
	return avro.Key[seatV1](append(opts, avro.Name("Seat"))...)
}

func keyV2(opts ...avro.Option) *avro.KeyCodec[seatV2] {
	return avro.Key[seatV2](append(opts, avro.Name("Seat"))...)
}

func TestKeysConform(t *testing.T) {
	t.Parallel()
	codectest.Run(t, codectest.Suite[seatV1]{
		New: func(testing.TB) codecs.Codec[seatV1] { return keyV1() },
		Values: []seatV1{
			{Row: 1, Flight: "GK 1", Weight: 0.5, Path: []string{"a", "b"}},
			{Row: -1, Flight: "", Weight: 2, Path: []string{"c"}},
		},
		Refused: []seatV1{{Flight: "\xff"}},
		Bad:     [][]byte{nil, {1}, {2}},
	})
}

func TestAKeyIsTheSameWhicheverSchemaItCameWith(t *testing.T) {
	t.Parallel()
	for _, wire := range []avro.Wire{avro.Confluent, avro.SingleObject, avro.Apicurio, avro.ConfluentGUID} {
		t.Run(wire.String(), func(t *testing.T) {
			t.Parallel()
			reg := startRegistry(t)
			v1, v2 := seatV1{7, "GK 1", 0.5, []string{"a", "b"}}, seatV2{"GK 1", []string{"a", "b"}, 0.5, 7}
			want, err := keyV1().Encode(v1)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := keyV2().Encode(v2); err != nil || !bytes.Equal(again, want) {
				t.Errorf("the next version of the codec: got %x, %v, want %x", again, err, want)
			}
			from := reg.open(t, "seats-key", avro.Format(wire), avro.AsKey())
			open := func(schema string) []avro.Option { return append([]avro.Option{avro.Schema(schema)}, from...) }
			for _, writer := range []struct {
				name  string
				codec codecs.HeaderCodec
				value any
			}{
				{"v1", avro.Typed[seatV1](open(seatSchema1)...), v1}, {"v2", avro.Typed[seatV2](open(seatSchema2)...), v2},
			} {
				framed, err := writer.codec.Encode(writer.value)
				if err != nil {
					t.Fatal(err)
				}
				bare, headers, err := writer.codec.EncodeWithHeaders(writer.value)
				if err != nil {
					t.Fatal(err)
				}
				opts := []avro.Option{avro.Registry(reg.client(t, time.Minute)), avro.Subject("seats-key")}
				for reader, canonical := range map[string]func([]byte, map[string][]byte) ([]byte, error){
					"v2": keyV2(opts...).Canonical,
					// An int cannot hold what the next version's long may.
					"v1 with the wider types": avro.Key[seatV1](append(opts, avro.Schema(seatSchema2))...).Canonical,
				} {
					if got, err := canonical(framed, nil); err != nil || !bytes.Equal(got, want) {
						t.Errorf("%s read by %s: got %x, %v, want %x", writer.name, reader, got, err, want)
					}
					if got, err := canonical(bare, headers); err != nil || !bytes.Equal(got, want) {
						t.Errorf("%s read by %s, with headers: got %x, %v, want %x", writer.name, reader, got, err, want)
					}
				}
			}
		})
	}
}

// spelt has what may be written in more than one way.
type spelt struct {
	Zs   []int64       `avro:"zs"`
	Cost *big.Rat      `avro:"cost,decimal(9,2)"`
	F    float32       `avro:"f"`
	D    *float64      `avro:"d"`
	In   []speltInside `avro:"in"`
}

type speltInside struct {
	Y float64 `avro:"y"`
	X int32   `avro:"x"`
}

func TestEqualKeysHaveEqualBytes(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	zero, negative := 0.0, math.Copysign(0, -1)
	nan, otherNaN := math.NaN(), math.Float64frombits(0xfff8000000000123)
	key := avro.Key[spelt](avro.Registry(reg.client(t, time.Minute)))
	if err := key.Check(); err != nil {
		t.Fatal(err)
	}
	encode := func(w spelt) string {
		data, err := key.Encode(w)
		if err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(data)
	}
	base := spelt{Zs: []int64{1, 2}, Cost: big.NewRat(1, 4), F: 0, D: &zero, In: []speltInside{{0, 1}}}
	signed := base
	signed.F, signed.D, signed.In = float32(negative), &negative, []speltInside{{negative, 1}}
	if got, want := encode(signed), encode(base); got != want {
		t.Errorf("zero with a sign: got %s, want %s", got, want)
	}
	one, other := base, base
	one.D, one.F, other.D, other.F = &nan, float32(nan), &otherNaN, float32(otherNaN)
	if got, want := encode(other), encode(one); got != want {
		t.Errorf("NaN: got %s, want %s", got, want)
	}
	if got := encode(base); got == encode(one) {
		t.Errorf("got %s for zero and for NaN", got)
	}

	// Another producer writes arrays in blocks and numbers in more bytes.
	writer := avro.Typed[spelt](reg.open(t, "wides-key")...)
	framed, err := writer.Encode(base)
	if err != nil {
		t.Fatal(err)
	}
	const tight, loose = "04020400", "010202" + "028400" + "00"
	text := hex.EncodeToString(framed)
	if !strings.Contains(text, tight) {
		t.Fatalf("got %s, want the array %s in it", text, tight)
	}
	foreign, err := hex.DecodeString(strings.Replace(text, tight, loose, 1))
	if err != nil {
		t.Fatal(err)
	}
	got, err := key.Canonical(foreign, nil)
	if err != nil || hex.EncodeToString(got) != encode(base) {
		t.Errorf("another spelling: got %x, %v, want %s", got, err, encode(base))
	}
}

func TestTheSchemaOfKeysIsTheirCanonicalForm(t *testing.T) {
	t.Parallel()
	if got := strings.Join(keyV2().Schema().Fields(), " "); got != "flight path row weight" {
		t.Errorf("fields: got %s, want the order of their names", got)
	}
	data, err := keyV1().Encode(seatV1{7, "GK 1", 0.5, nil})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := keyV1().Schema().JSON(data); err != nil || string(text) != `{"flight":"GK 1","path":[],"row":7,"weight":0.5}` {
		t.Errorf("got %s, %v; want a datum of the codec's schema", text, err)
	}
	type node struct {
		Next *node  `avro:"next"`
		Name string `avro:"name"`
	}
	recursive := avro.Key[node]()
	if data, err := recursive.Encode(node{Name: "a", Next: &node{Name: "b"}}); err != nil || hex.EncodeToString(data) != "0261"+"02"+"0262"+"00" {
		t.Errorf("recursive: got %x, %v", data, err)
	}
}

func TestKeysThatHaveNoCanonicalFormAreRefused(t *testing.T) {
	t.Parallel()
	type inner struct {
		Tags []map[string]string `avro:"tags"`
	}
	type outer struct {
		In *inner `avro:"in"`
	}
	for name, tt := range map[string]struct {
		codec interface {
			codecs.Untyped
			Check() error
		}
		want string
	}{
		"a map":        {avro.Key[outer](), "avro: making a key of outer: field in.tags is a map, whose entries have no order"},
		"no frame":     {avro.Key[seatV1](avro.Plain()), "avro: avro.Key always writes plain data: leave out avro.Plain"},
		"a misfit":     {avro.Key[seatV1](avro.Schema(`"string"`)), "avro: the type avro_test.seatV1 does not fit the schema string"},
		"a bad schema": {avro.Key[seatV1](avro.Schema(`{`)), "avro: parsing a schema"},
	} {
		fault := tt.codec.Check()
		if fault == nil || !strings.Contains(fault.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", name, fault, tt.want)
			continue
		}
		if _, err := tt.codec.Decode([]byte{2}); !errors.Is(err, fault) {
			t.Errorf("%s: decode: got %v", name, err)
		}
	}
}

func TestFramedKeysSayWhyTheyCannotBeRead(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	unbound := keyV2()
	if _, err := unbound.Canonical([]byte{0, 0, 0, 0, 1, 2}, nil); err == nil || !strings.Contains(err.Error(), "the codec has no registry") {
		t.Errorf("got %v, want to be told of the registry", err)
	}
	bound := unbound.Bind(avro.Binding{Registry: reg.client(t, time.Minute)}).(*avro.KeyCodec[seatV2])
	framed, err := avro.Typed[user](reg.open(t, "users-key", named()...)...).Encode(user{1, "Ann", 31})
	if err != nil {
		t.Fatal(err)
	}
	_, err = bound.Canonical(framed, nil)
	if _, ok := errors.AsType[*avro.DecodeError](err); !ok || !strings.Contains(err.Error(), "written as example.data.User") {
		t.Errorf("got %v, want a DecodeError that names the writer's schema", err)
	}
	if err := bound.ReadFramed(framed, nil, nil); err == nil {
		t.Error("got no error for a nil pointer")
	}
	kept := seatV2{Flight: "kept"}
	if err := bound.ReadFramed(framed, nil, &kept); err == nil || kept.Flight != "kept" {
		t.Errorf("got %+v, %v; want what was there", kept, err)
	}
}

func FuzzKeys(f *testing.F) {
	key := avro.Key[spelt](avro.Format(avro.SingleObject))
	if err := key.Check(); err != nil {
		f.Fatal(err)
	}
	seed, err := key.Encode(spelt{Zs: []int64{1}, Cost: big.NewRat(1, 2), In: []speltInside{{1, 2}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		var value spelt
		if key.Read(data, &value) != nil {
			return
		}
		once, err := key.Append(nil, &value)
		if err != nil {
			t.Fatalf("%+v was read and is not written: %v", value, err)
		}
		if err := key.Read(once, &value); err != nil {
			t.Fatal(err)
		}
		if twice, err := key.Append(nil, &value); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("got %x and then %x, %v", once, twice, err)
		}
	})
}
