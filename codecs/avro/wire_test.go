package avro_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
)

var (
	fingerprint = [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	uuid        = [16]byte{0xb7, 0xb4, 0xa7, 0xf0, 0x9c, 0x96, 0x4e, 0x4a, 0xa6, 0x87, 0xfb, 0x5d, 0xe9, 0xef, 0x0c, 0x63}
)

func TestFramesAreToldApart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		ref  avro.SchemaRef
		hex  string // of the frame
		text string
	}{
		{"Confluent", avro.SchemaRef{ID: 258}, "0000000102", "schema id 258"},
		{"single-object", avro.SchemaRef{Wire: avro.SingleObject, Fingerprint: fingerprint}, "c3010102030405060708", "fingerprint 0102030405060708"},
		{"Apicurio", avro.SchemaRef{Wire: avro.Apicurio, ID: 258}, "000000000000000102", "schema id 258"},
		{"AWS Glue", avro.SchemaRef{Wire: avro.Glue, UUID: uuid}, "0300b7b4a7f09c964e4aa687fb5de9ef0c63", "Glue version b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63"},
		{"Confluent GUID", avro.SchemaRef{Wire: avro.ConfluentGUID, UUID: uuid}, "01b7b4a7f09c964e4aa687fb5de9ef0c63", "schema GUID b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			frame := avro.AppendFrame([]byte("x"), tt.ref)
			if got := hex.EncodeToString(frame[1:]); got != tt.hex || tt.ref.String() != tt.text || tt.ref.Wire.String() != tt.name {
				t.Errorf("got %s, %s of %s; want %s, %s", got, tt.ref, tt.ref.Wire, tt.hex, tt.text)
			}
			for _, datum := range []string{"", "\x00", "datum"} {
				ref, got, err := avro.SplitFrame(append(bytes.Clone(frame[1:]), datum...))
				if err != nil || ref != tt.ref || string(got) != datum {
					t.Errorf("datum %q: got %+v, %q, %v", datum, ref, got, err)
				}
			}
		})
	}
}

func TestSplitFrameRefusesWhatIsNoFrame(t *testing.T) {
	t.Parallel()
	glue := "03%s" + hex.EncodeToString(uuid[:])
	for name, tt := range map[string]struct{ hex, want string }{
		"nothing":              {"", "the message is empty"},
		"text":                 {"6a756e6b", "too few for the Confluent wire format"},
		"a short Confluent":    {"00000000", "too few"},
		"half a single-object": {"c30101020304", "no single-object encoding"},
		"another marker":       {"c3020102030405060708", "no single-object encoding"},
		"a short Glue":         {"0300b7b4", "too few for the AWS Glue format"},
		"a short GUID":         {"01b7b4", "too few for a message that names its schema by GUID"},
		"a Glue compression":   {strings.Replace(glue, "%s", "09", 1), "compression 9 is not known"},
		"a broken zlib":        {strings.Replace(glue, "%s", "05", 1) + "ffff", "compressed with zlib"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := hex.DecodeString(tt.hex)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := avro.SplitFrame(data); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func deflated(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestGlueDataMayBeCompressedButNotABomb(t *testing.T) {
	t.Parallel()
	frame := avro.AppendFrame(nil, avro.SchemaRef{Wire: avro.Glue, UUID: uuid})
	frame[1] = 5
	ref, datum, err := avro.SplitFrame(append(bytes.Clone(frame), deflated(t, []byte("datum"))...))
	if err != nil || ref.UUID != uuid || string(datum) != "datum" {
		t.Errorf("got %s, %q, %v; want the datum", ref, datum, err)
	}
	bomb := deflated(t, make([]byte, 16<<20+1))
	if _, _, err := avro.SplitFrame(append(frame, bomb...)); err == nil || !strings.Contains(err.Error(), "grows beyond") {
		t.Errorf("got %v for %d bytes that grow to 16 MiB and one, want an error", err, len(bomb))
	}
}

// glueSchemas is a store of two versions of User.
type glueSchemas struct {
	byUUID map[[16]byte]*avro.ParsedSchema
}

func (s glueSchemas) Schema(_ context.Context, _ string, ref avro.SchemaRef) (*avro.ParsedSchema, error) {
	if schema := s.byUUID[ref.UUID]; schema != nil {
		return schema, nil
	}
	return nil, errors.New("no such version")
}

func (s glueSchemas) Ref(_ context.Context, wire avro.Wire, _ string, schema *avro.ParsedSchema) (avro.SchemaRef, error) {
	for id, known := range s.byUUID {
		if known.Canonical() == schema.Canonical() {
			return avro.SchemaRef{Wire: wire, UUID: id}, nil
		}
	}
	return avro.SchemaRef{}, errors.New("not registered")
}

type point struct {
	X int32  `avro:"x"`
	N string `avro:"n,default=none"`
}

const oldPoint = `{"type":"record","name":"point","fields":[{"name":"x","type":"int"}]}`

func TestCodecsWriteAFormatAndReadAll(t *testing.T) {
	t.Parallel()
	client := startRegistry(t).client(t, 5*time.Second)
	if _, err := client.Register(t.Context(), "points-value", oldPoint); err != nil {
		t.Fatal(err)
	}
	reader := avro.Typed[point](avro.Registry(client), avro.Subject("points-value"))
	for _, wire := range []avro.Wire{avro.Confluent, avro.SingleObject, avro.Apicurio, avro.ConfluentGUID} {
		writer := avro.Typed[point](avro.Format(wire), avro.Registry(client), avro.Subject("points-value"), avro.AutoRegister())
		old := avro.Generic(oldPoint, avro.Format(wire), avro.Registry(client), avro.Subject("points-value"))
		for name, tt := range map[string]struct {
			codec interface{ Encode(any) ([]byte, error) }
			value any
			want  point
		}{
			"its own schema": {writer, point{X: 7, N: "seven"}, point{X: 7, N: "seven"}},
			"an older one":   {old, map[string]any{"x": int32(8)}, point{X: 8, N: "none"}},
		} {
			data, err := tt.codec.Encode(tt.value)
			if err != nil {
				t.Fatalf("%s, %s: %v", wire, name, err)
			}
			if ref, _, err := avro.SplitFrame(data); err != nil || ref.Wire != wire {
				t.Errorf("%s, %s: got a message of %s, %v", wire, name, ref.Wire, err)
			}
			var got point
			if err := reader.Read(data, &got); err != nil {
				t.Fatalf("%s, %s: %v", wire, name, err)
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("%s, %s: %s", wire, name, diff)
			}
		}
	}
}

func TestGlueFormatStandsOnAStoreOfItsOwn(t *testing.T) {
	t.Parallel()
	store := glueSchemas{map[[16]byte]*avro.ParsedSchema{uuid: mustParse(t, oldPoint), {1}: avro.Typed[point]().Schema()}}
	codec := avro.Typed[point](avro.Format(avro.Glue), avro.WithSchemas(store))
	data, err := codec.Encode(point{X: 1, N: "one"})
	if err != nil {
		t.Fatal(err)
	}
	if ref, _, err := avro.SplitFrame(data); err != nil || ref.UUID != [16]byte{1} {
		t.Errorf("got %s, %v; want the version of the codec's schema", ref, err)
	}
	old := append(avro.AppendFrame(nil, avro.SchemaRef{Wire: avro.Glue, UUID: uuid}), 4)
	var got point
	if err := codec.Read(old, &got); err != nil || got != (point{X: 2, N: "none"}) {
		t.Errorf("got %+v, %v; want the older version resolved", got, err)
	}
	_, err = avro.Typed[point](avro.Format(avro.Glue)).Encode(point{})
	if err == nil || !strings.Contains(err.Error(), "avro.WithSchemas") {
		t.Errorf("got %v without a store, want to be told of avro.WithSchemas", err)
	}
}

func TestSingleObjectsOfTheCodecsOwnSchemaNeedNoRegistry(t *testing.T) {
	t.Parallel()
	codec := avro.Typed[point](avro.Format(avro.SingleObject))
	data, err := codec.Encode(point{X: 3, N: "three"})
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(data[2:10]); got != codec.Schema().Fingerprint() {
		t.Errorf("got fingerprint %s, want %s", got, codec.Schema().Fingerprint())
	}
	var got point
	if err := codec.Read(data, &got); err != nil || got != (point{X: 3, N: "three"}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAnUnknownFingerprintIsADecodeError(t *testing.T) {
	t.Parallel()
	client := startRegistry(t).client(t, 5*time.Second)
	unknown := avro.AppendFrame(nil, avro.SchemaRef{Wire: avro.SingleObject, Fingerprint: fingerprint})
	for name, tt := range map[string]struct {
		codec *avro.TypedCodec[point]
		want  string
	}{
		"no subject":        {avro.Typed[point](avro.Registry(client)), "pass avro.Subject"},
		"an empty subject":  {avro.Typed[point](avro.Registry(client), avro.Subject("nothing-value")), "nothing-value"},
		"no version has it": {avro.Typed[point](avro.Registry(client), avro.Subject("points-value"), avro.AutoRegister()), "no version of subject points-value has the fingerprint 0102030405060708"},
	} {
		if name == "no version has it" {
			if err := tt.codec.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var got point
		err := tt.codec.Read(unknown, &got)
		fault, ok := errors.AsType[*avro.DecodeError](err)
		if !ok || !strings.Contains(err.Error(), tt.want) || fault.Schema.Fingerprint != fingerprint {
			t.Errorf("%s: got %v, want a DecodeError with %q", name, err, tt.want)
		}
	}
}

func TestARegistryThatIsAwayIsNoFaultOfASingleObject(t *testing.T) {
	t.Parallel()
	away, err := registry.New(registry.Config{URLs: []string{"http://127.0.0.1:1"}, Timeout: 1})
	if err != nil {
		t.Fatal(err)
	}
	codec := avro.Typed[point](avro.Registry(away), avro.Subject("points-value"))
	var got point
	err = codec.Read(avro.AppendFrame(nil, avro.SchemaRef{Wire: avro.SingleObject, Fingerprint: fingerprint}), &got)
	if _, ok := errors.AsType[*registry.UnavailableError](err); !ok {
		t.Errorf("got %v, want an UnavailableError", err)
	}
}

func FuzzSplitFrame(f *testing.F) {
	for _, ref := range []avro.SchemaRef{{ID: 1}, {Wire: avro.SingleObject, Fingerprint: fingerprint}, {Wire: avro.Apicurio, ID: 1}, {Wire: avro.Glue, UUID: uuid}, {Wire: avro.ConfluentGUID, UUID: uuid}} {
		f.Add(append(avro.AppendFrame(nil, ref), "datum"...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ref, datum, err := avro.SplitFrame(data)
		if err != nil || ref.Wire == avro.Glue && data[1] != 0 {
			return
		}
		if got := append(avro.AppendFrame(nil, ref), datum...); !bytes.Equal(got, data) {
			t.Errorf("got %x back, want %x", got, data)
		}
	})
}

func FuzzSplitRecord(f *testing.F) {
	f.Add([]byte("datum"), append([]byte{1}, uuid[:]...))
	f.Add([]byte("datum"), []byte{0, 0, 0, 0, 1})
	f.Add([]byte{0, 0, 0, 0, 1, 2}, []byte(nil))
	f.Fuzz(func(t *testing.T, data, header []byte) {
		ref, datum, err := avro.SplitRecord(data, header)
		if err != nil || header == nil {
			return
		}
		if !bytes.Equal(datum, data) || !bytes.Equal(avro.AppendFrame(nil, ref), header) {
			t.Errorf("got %+v and %x for the header %x", ref, datum, header)
		}
	})
}
