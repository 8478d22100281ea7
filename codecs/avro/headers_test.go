package avro_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
)

func TestGUIDsTravelInAHeaderOrBeforeTheDatum(t *testing.T) {
	t.Parallel()
	eachCodec(t, func(t *testing.T, value any, codec func(...avro.Option) bindable) {
		reg := startRegistry(t)
		writer := codec(reg.open(t, "users-value", avro.Format(avro.ConfluentGUID))...).(codecs.HeaderCodec)
		data, headers, err := writer.EncodeWithHeaders(value)
		if err != nil {
			t.Fatal(err)
		}
		named := headers[avro.ValueSchemaHeader]
		if len(headers) != 1 || len(named) != 17 || named[0] != 1 {
			t.Fatalf("headers: got %x, want one with a byte 1 and 16 bytes", headers)
		}
		framed, err := writer.Encode(value)
		if err != nil || !bytes.Equal(framed, append(bytes.Clone(named), data...)) {
			t.Errorf("got %x, %v without headers, want the header's bytes before the datum", framed, err)
		}
		reader := codec(avro.Registry(reg.client(t, time.Minute))).(codecs.HeaderCodec)
		want, err := reader.Decode(framed)
		if err != nil {
			t.Fatal(err)
		}
		// The id in a header is legal too.
		byID := avro.AppendConfluent(nil, 1)
		for name, tt := range map[string]struct {
			data    []byte
			headers map[string][]byte
		}{
			"in the header":     {data, headers},
			"id in the header":  {data, map[string][]byte{avro.ValueSchemaHeader: byID}},
			"before the datum":  {framed, nil},
			"a header of keys":  {framed, map[string][]byte{avro.KeySchemaHeader: {9}}},
			"id before a datum": {append(byID, data...), map[string][]byte{"other": nil}},
		} {
			got, err := reader.DecodeWithHeaders(tt.data, tt.headers)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestOtherFormatsNeedNoHeaders(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	for name, codec := range map[string]*avro.TypedCodec[point]{
		"Confluent": avro.Typed[point](reg.open(t, "points-value")...),
		"plain":     avro.Typed[point](avro.Plain(), avro.Format(avro.ConfluentGUID)),
	} {
		data, headers, err := codec.EncodeWithHeaders(point{X: 1})
		want, _ := codec.Encode(point{X: 1})
		if err != nil || headers != nil || !bytes.Equal(data, want) {
			t.Errorf("%s: got %x, %v, %v; want the bytes of Encode and no headers", name, data, headers, err)
		}
	}
	key := avro.Typed[point](reg.open(t, "points-key", avro.Format(avro.ConfluentGUID), avro.AsKey())...)
	if _, headers, err := key.EncodeWithHeaders(point{}); err != nil || headers[avro.KeySchemaHeader] == nil {
		t.Errorf("key: got %v, %v; want the header of keys", headers, err)
	}
	if data, headers, err := key.EncodeWithHeaders("text"); err == nil || data != nil || headers != nil {
		t.Errorf("got %x, %v, %v for a value of another type, want an error alone", data, headers, err)
	}
}

func TestABrokenHeaderIsADecodeErrorThatShowsIt(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	codec := avro.Typed[point](avro.Registry(reg.client(t, time.Minute)))
	for name, tt := range map[string]struct{ header, want string }{
		"empty":         {"", "the message is empty"},
		"cut":           {"0100", "holds 2 bytes"},
		"a single one":  {"c3010102030405060708", "neither a zero byte with an id nor"},
		"with more":     {"01" + strings.Repeat("00", 17), "neither a zero byte with an id nor"},
		"unknown":       {"01" + strings.Repeat("00", 16), "schema GUID 00000000-0000-0000-0000-000000000000"},
		"another magic": {"0200000001", "0x02"},
	} {
		header, err := hex.DecodeString(tt.header)
		if err != nil {
			t.Fatal(err)
		}
		_, err = codec.DecodeWithHeaders([]byte{2, 0}, map[string][]byte{avro.ValueSchemaHeader: header})
		if _, ok := errors.AsType[*avro.DecodeError](err); !ok || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want a DecodeError with %q", name, err, tt.want)
		}
	}
}

func TestARegistryWithoutGUIDsIsNamed(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	reg.noGUIDs.Store(true)
	_, err := avro.Typed[point](reg.open(t, "points-value", avro.Format(avro.ConfluentGUID))...).Encode(point{})
	if err == nil || !strings.Contains(err.Error(), "gives its schemas no GUID") {
		t.Errorf("got %v, want to be told that the registry has no GUIDs", err)
	}
}

func TestARegistryThatIsAwayIsNoFaultOfAGUID(t *testing.T) {
	t.Parallel()
	away, err := registry.New(registry.Config{URLs: []string{"http://127.0.0.1:1"}, Timeout: 1})
	if err != nil {
		t.Fatal(err)
	}
	codec := avro.Typed[point](avro.Registry(away))
	_, err = codec.DecodeWithHeaders([]byte{2, 0}, map[string][]byte{avro.ValueSchemaHeader: append([]byte{1}, uuid[:]...)})
	if _, ok := errors.AsType[*registry.UnavailableError](err); !ok {
		t.Errorf("got %v, want an UnavailableError", err)
	}
}
