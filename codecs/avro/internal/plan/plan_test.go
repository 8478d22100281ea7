package plan_test

import (
	"encoding/hex"
	"reflect"
	"testing"
	"unsafe"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

func hexOf(s string) string { return hex.EncodeToString([]byte(s)) }

func parse(t testing.TB, text string) *ast.Node {
	t.Helper()
	node, err := ast.Parse(text)
	if err != nil {
		t.Fatalf("parsing %s: %v", text, err)
	}
	return node
}

func encoderOf[T any](t testing.TB, schema string) *plan.Encoder {
	t.Helper()
	e, err := plan.NewEncoder(parse(t, schema), reflect.TypeFor[T](), nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func decoderOf[T any](t testing.TB, writer, reader string) *plan.Decoder {
	t.Helper()
	action := resolve.New(parse(t, writer), parse(t, reader))
	d, err := plan.NewDecoder(action, reflect.TypeFor[T](), nil, plan.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func encode[T any](t testing.TB, schema string, value T) string {
	t.Helper()
	out, err := encoderOf[T](t, schema).Append(nil, unsafe.Pointer(&value))
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(out)
}

func encodeError[T any](t testing.TB, schema string, value T) error {
	t.Helper()
	given := []byte("given")
	out, err := encoderOf[T](t, schema).Append(given, unsafe.Pointer(&value))
	if err != nil && string(out) != "given" {
		t.Errorf("got %q beside the error, want what was given", out)
	}
	return err
}

func decode[T any](t testing.TB, writer, reader, text string) (value T, err error) {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	err = decoderOf[T](t, writer, reader).Decode(data, unsafe.Pointer(&value))
	return value, err
}

func hexBytes(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
