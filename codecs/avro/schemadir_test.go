package avro_test

import (
	"bytes"
	"context"
	"math/big"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
)

// texts returns the schemas' texts.
func texts(schemas []*avro.ParsedSchema) []string {
	var list []string
	for _, schema := range schemas {
		list = append(list, schema.String())
	}
	return list
}

func TestASchemaDirKeepsEachSchemaOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "schemas")
	dir := avro.NewSchemaDir(path)
	if kept, err := dir.Schemas(); err != nil || len(kept) > 0 {
		t.Errorf("got %v, %v of a folder that is not there, want nothing", texts(kept), err)
	}
	schema := mustParse(t, oldPoint)
	documented := mustParse(t, strings.Replace(oldPoint, `"fields"`, `"doc":"x","fields"`, 1))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := dir.Keep(schema); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := dir.Keep(documented); err != nil {
		t.Errorf("got %v for a schema of the same canonical form, want it taken for kept", err)
	}
	kept, err := avro.NewSchemaDir(path).Schemas()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(texts(kept), []string{oldPoint}); diff != "" {
		t.Errorf("kept (-got +want): %s", diff)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != schema.Fingerprint()+".avsc" {
		t.Errorf("got %v, want one file named by the fingerprint", entries)
	}
}

func TestASchemaDirKeepsTypesThatASchemaRefersTo(t *testing.T) {
	t.Parallel()
	dir := avro.NewSchemaDir(t.TempDir())
	schema, err := avro.ParseSchema(`{"type":"array","items":"point"}`, oldPoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Keep(schema); err != nil {
		t.Fatal(err)
	}
	kept, err := dir.Schemas()
	if err != nil || len(kept) != 1 || kept[0].Canonical() != schema.Canonical() {
		t.Errorf("got %v, %v, want %s", texts(kept), err, schema.Canonical())
	}
}

func TestASchemaDirFindsWhatAFrameNames(t *testing.T) {
	t.Parallel()
	dir := avro.NewSchemaDir(t.TempDir())
	kept := mustParse(t, oldPoint)
	if err := dir.Keep(kept); err != nil {
		t.Fatal(err)
	}
	got, err := dir.Schema(t.Context(), "", refOf(kept))
	if err != nil || got.Canonical() != kept.Canonical() {
		t.Errorf("got %v, %v, want the kept schema", got, err)
	}
	for _, ref := range []avro.SchemaRef{refOf(mustParse(t, `"int"`)), {ID: 7}} {
		if _, err := dir.Schema(t.Context(), "", ref); err == nil || !strings.Contains(err.Error(), ref.String()+" is not kept") {
			t.Errorf("%s: got %v, want it named", ref, err)
		}
	}
}

func TestASchemaDirNamesWhatIsDamaged(t *testing.T) {
	t.Parallel()
	known := mustParse(t, oldPoint)
	name := known.Fingerprint() + ".avsc"
	for title, text := range map[string]string{
		"a cut file":      oldPoint[:20],
		"an empty file":   "",
		"another schema":  `{"type":"record","name":"other","fields":[]}`,
		"no schema":       `{"type":"nothing"}`,
		"a file too long": `"` + strings.Repeat(" ", 600<<10) + `int"`,
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			path := t.TempDir()
			dir := avro.NewSchemaDir(path)
			if err := dir.Keep(avro.Typed[point]().Schema()); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(path, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			kept, err := dir.Schemas()
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "remove the file") {
				t.Errorf("got %v, want the file and what to do", err)
			}
			if len(kept) != 1 {
				t.Errorf("got %v, want the sound one", texts(kept))
			}
			if err := dir.Keep(known); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v from Keep, want the file", err)
			}
			codec := avro.Typed[point]().Bind(avro.Binding{Registry: startRegistry(t).client(t, time.Minute), Subject: "s", Kept: dir})
			_, err = codec.Decode(append(avro.AppendFrame(nil, refOf(known)), 2))
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v from Decode, want the file", err)
			}
		})
	}
}

// refOf returns how single-object data name a schema.
func refOf(schema *avro.ParsedSchema) avro.SchemaRef {
	ref, _ := avro.RegistrySchemas(nil).Ref(context.Background(), avro.SingleObject, "", schema)
	return ref
}

func TestABoundCodecKeepsSchemasAndReadsThemWithoutTheRegistry(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	path := t.TempDir()
	bind := func(patience time.Duration) avro.Binding {
		return avro.Binding{
			Registry: reg.client(t, patience), Subject: "points-value", AutoRegister: true,
			Wire: avro.SingleObject, Kept: avro.NewSchemaDir(path),
		}
	}
	elsewhere := bind(time.Minute)
	elsewhere.Kept = avro.NewSchemaDir(t.TempDir())
	old, err := avro.Generic(oldPoint).Bind(elsewhere).Encode(map[string]any{"x": int32(5)})
	if err != nil {
		t.Fatal(err)
	}
	framed, err := avro.Generic(oldPoint, avro.Format(avro.Confluent)).Bind(bind(time.Minute)).Encode(map[string]any{"x": int32(6)})
	if err != nil {
		t.Fatal(err)
	}
	first := avro.Typed[point]().Bind(bind(time.Minute))
	own, err := first.Encode(point{X: 7, N: "seven"})
	if err != nil {
		t.Fatal(err)
	}
	if ref, _, err := avro.SplitFrame(own); err != nil || ref.Wire != avro.SingleObject {
		t.Errorf("got a message of %s, %v; want the binding's format", ref.Wire, err)
	}
	if ref, _, err := avro.SplitFrame(framed); err != nil || ref.Wire != avro.Confluent {
		t.Errorf("got a message of %s, %v; want the codec's own format", ref.Wire, err)
	}
	check := func(codec interface{ Decode([]byte) (any, error) }, data []byte, want point) {
		t.Helper()
		got, err := codec.Decode(data)
		if err != nil {
			t.Error(err)
			return
		}
		if diff := cmp.Diff(got, &want); diff != "" {
			t.Error(diff)
		}
	}
	check(first, old, point{X: 5, N: "none"})
	check(first, framed, point{X: 6, N: "none"})
	check(first, own, point{X: 7, N: "seven"})

	reg.down.Store(true)
	again := avro.Typed[point]().Bind(bind(50 * time.Millisecond))
	check(again, old, point{X: 5, N: "none"})
	check(again, own, point{X: 7, N: "seven"})
	if kept, err := avro.NewSchemaDir(path).Schemas(); err != nil || len(kept) != 2 {
		t.Errorf("got %v, %v; want both schemas kept", texts(kept), err)
	}
}

func TestAFingerprintIsFoundInAVersionThatWasDeleted(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	client := reg.client(t, time.Minute)
	for _, text := range []string{`"string"`, oldPoint} {
		reg.request(t, "PUT", "/config/points-value", `{"compatibility":"NONE"}`)
		if _, err := client.Register(t.Context(), "points-value", text); err != nil {
			t.Fatal(err)
		}
	}
	reg.request(t, "DELETE", "/subjects/points-value/versions/2", "")
	codec := avro.Typed[point](avro.Registry(client), avro.Subject("points-value"))
	var got point
	if err := codec.Read(append(avro.AppendFrame(nil, refOf(mustParse(t, oldPoint))), 4), &got); err != nil || got.X != 2 {
		t.Errorf("got %+v, %v; want the datum", got, err)
	}
	versions, err := avro.Versions(t.Context(), client, "points-value")
	if err != nil || len(versions) != 2 || versions[0].Deleted || !versions[1].Deleted || versions[1].Schema.String() != oldPoint {
		t.Errorf("got %+v, %v; want both versions, the second one deleted", versions, err)
	}
	if none, err := avro.Versions(t.Context(), client, "nothing"); err != nil || len(none) > 0 {
		t.Errorf("got %v, %v of a subject that is not there, want nothing", none, err)
	}
	reg.down.Store(true)
	if _, err := avro.Versions(t.Context(), reg.client(t, time.Millisecond), "points-value"); err == nil {
		t.Error("got no error of a registry that is away")
	}
}

func TestReadsFindsWhatWouldBeReadAsAnotherValue(t *testing.T) {
	t.Parallel()
	type inner struct {
		At    time.Time `avro:"at,timestamp-micros"`
		Price *big.Rat  `avro:"price,decimal(9,3)"`
	}
	type outer struct {
		List []inner           `avro:"list"`
		Map  map[string]*inner `avro:"map"`
		Raw  int64             `avro:"raw"`
		Next *outer            `avro:"next"`
	}
	codec := avro.Typed[outer]()
	if err := codec.Check(); err != nil {
		t.Fatal(err)
	}
	own := codec.Schema().String()
	if got := codec.Reads(codec.Schema()); len(got) > 0 {
		t.Errorf("got %v of the codec's own schema, want nothing", got)
	}
	if got := codec.Reads(mustParse(t, strings.ReplaceAll(own, `"logicalType":"timestamp-micros"`, `"unit":"micros"`))); len(got) > 0 {
		t.Errorf("got %v of a writer without logical types, want nothing", got)
	}
	writer := strings.NewReplacer("timestamp-micros", "timestamp-millis", `"scale":3`, `"scale":2`).Replace(own)
	var got []string
	for _, fault := range codec.Reads(mustParse(t, writer)) {
		if fault.Kind != avro.LogicalTypeMismatch {
			t.Errorf("got the kind %s", fault.Kind)
		}
		got = append(got, fault.Path)
	}
	if diff := cmp.Diff(got, []string{"list[].at", "list[].price"}); diff != "" {
		t.Errorf("paths (-got +want): %s", diff)
	}
	if got := codec.Reads(mustParse(t, `"string"`)); len(got) != 1 || got[0].Kind == avro.LogicalTypeMismatch {
		t.Errorf("got %v of a writer of text, want Java's verdict alone", got)
	}
	if got := avro.Generic(oldPoint).Reads(codec.Schema()); len(got) > 0 {
		t.Errorf("got %v of a generic codec, which reads any record", got)
	}
}

func TestSubjectIsWhereACodecsSchemaIs(t *testing.T) {
	t.Parallel()
	binding := avro.Binding{Subject: "bound-value"}
	for want, codec := range map[string]*avro.TypedCodec[point]{
		"bound-value": avro.Typed[point](), "own-value": avro.Typed[point](avro.Subject("own-value")),
	} {
		if got := codec.Bind(binding).(*avro.TypedCodec[point]).Subject(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for name, option := range map[string]avro.Option{"plain": avro.Plain(), "schemas of its own": avro.WithSchemas(glueSchemas{})} {
		if got := avro.Typed[point](option).Bind(binding).(*avro.TypedCodec[point]).Subject(); got != "" {
			t.Errorf("%s: got %q, want none", name, got)
		}
	}
}

// twins returns two schemas of the same fingerprint. It is a checksum: what a
// letter changes in it does not depend on the other letters, so of 65 such
// changes some cancel each other out.
func twins(t *testing.T) (a, b *avro.ParsedSchema) {
	t.Helper()
	schema := func(name []byte) *avro.ParsedSchema {
		return mustParse(t, `{"type":"record","name":"`+string(name)+`","fields":[]}`)
	}
	number := func(s *avro.ParsedSchema) uint64 {
		n, err := strconv.ParseUint(s.Fingerprint(), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	type change struct {
		effect  uint64
		letters [65]bool
	}
	name := bytes.Repeat([]byte("a"), 65)
	first := schema(name)
	var basis [64]*change // by the highest bit of the effect
	for i := range name {
		name[i] = 'b'
		c := &change{effect: number(first) ^ number(schema(name))}
		c.letters[i] = true
		name[i] = 'a'
		for c.effect != 0 && basis[bits.Len64(c.effect)-1] != nil {
			other := basis[bits.Len64(c.effect)-1]
			c.effect ^= other.effect
			for at := range c.letters {
				c.letters[at] = c.letters[at] != other.letters[at]
			}
		}
		if c.effect != 0 {
			basis[bits.Len64(c.effect)-1] = c
			continue
		}
		for at, changed := range c.letters {
			if changed {
				name[at] = 'b'
			}
		}
		return first, schema(name)
	}
	t.Fatal("no changes cancel each other out")
	return nil, nil
}

func TestASchemaDirTellsSchemasOfOneFingerprintApart(t *testing.T) {
	t.Parallel()
	a, b := twins(t)
	if a.Fingerprint() != b.Fingerprint() || a.Name() == b.Name() {
		t.Fatalf("got %s and %s, want two schemas of one fingerprint", a.Name(), b.Name())
	}
	dir := avro.NewSchemaDir(t.TempDir())
	if err := dir.Keep(a); err != nil {
		t.Fatal(err)
	}
	err := dir.Keep(b)
	if err == nil || !strings.Contains(err.Error(), a.Name()) || !strings.Contains(err.Error(), a.Fingerprint()) {
		t.Errorf("got %v, want both schemas named", err)
	}
}
