package avro_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
)

// bindable is what both codecs offer to the runner.
type bindable interface {
	codecs.Untyped
	Bind(b avro.Binding) codecs.Untyped
	Check() error
}

func eachCodec(t *testing.T, test func(t *testing.T, value any, codec func(...avro.Option) bindable)) {
	t.Run("typed", func(t *testing.T) {
		t.Parallel()
		test(t, user{1, "Ann", 31}, func(opts ...avro.Option) bindable { return avro.Typed[user](append(opts, named()...)...) })
	})
	t.Run("generic", func(t *testing.T) {
		t.Parallel()
		value := map[string]any{"id": int32(1), "name": "Ann", "age": int32(31)}
		test(t, value, func(opts ...avro.Option) bindable { return avro.Generic(userSchema, opts...) })
	})
}

func TestUnboundCodecSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	eachCodec(t, func(t *testing.T, value any, codec func(...avro.Option) bindable) {
		unbound := codec()
		if err := unbound.Check(); err != nil {
			t.Errorf("check: got %v, want none: it may be bound later", err)
		}
		const noRegistry = "avro: the codec has no registry: pass avro.Registry, or avro.Plain for data without framing"
		_, err := unbound.Encode(value)
		wantError(t, err, noRegistry)
		_, err = unbound.Decode([]byte{0, 0, 0, 0, 1, 2})
		wantError(t, err, noRegistry)
		if _, ok := errors.AsType[*avro.DecodeError](err); ok {
			t.Error("decode: got a DecodeError, though nothing is wrong with the data")
		}
		_, err = codec(avro.Registry(startRegistry(t).client(t, time.Minute))).Encode(value)
		wantError(t, err, "avro: encoding example.data.User: the codec has no subject: pass avro.Topic or avro.Subject")
	})
}

func TestUnregisteredSchemaSaysWhatToDo(t *testing.T) {
	t.Parallel()
	eachCodec(t, func(t *testing.T, value any, codec func(...avro.Option) bindable) {
		reg := startRegistry(t)
		closed := codec(avro.Registry(reg.client(t, time.Minute)), avro.Subject("users-value"))
		_, err := closed.Encode(value)
		if _, ok := errors.AsType[*registry.NotFoundError](err); !ok {
			t.Fatalf("encode: got %v, want a registry.NotFoundError", err)
		}
		for _, part := range []string{"example.data.User", "users-value", "register it first, or allow auto-registration"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("error %q does not say %q", err, part)
			}
		}

		if _, err := codec(reg.open(t, "users-value")...).Encode(value); err != nil {
			t.Fatalf("encode with auto-registration: %v", err)
		}
		if _, err := closed.Encode(value); err != nil {
			t.Errorf("encode after somebody registered the schema: %v", err)
		}
	})
}

func TestRefusedRegistrationSaysWhy(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	if _, err := avro.Generic(record("User", `{"name":"id","type":"string"}`), reg.open(t, "users-value")...).Encode(map[string]any{"id": "1"}); err != nil {
		t.Fatal(err)
	}
	codec := avro.Typed[user](append(reg.open(t, "users-value"), avro.Namespace("example"), avro.Name("User"))...)
	_, err := codec.Encode(user{})
	var refused *registry.IncompatibleError
	if !errors.As(err, &refused) || !strings.HasPrefix(err.Error(), "avro: registering example.User: registry: the schema is incompatible") {
		t.Errorf("encode: got %v, want a registry.IncompatibleError", err)
	}
}

func TestUnknownSchemaIDIsADecodeError(t *testing.T) {
	t.Parallel()
	eachCodec(t, func(t *testing.T, _ any, codec func(...avro.Option) bindable) {
		_, err := codec(avro.Registry(startRegistry(t).client(t, time.Minute))).Decode([]byte{0, 0, 0, 0, 77, 2})
		var fault *avro.DecodeError
		if !errors.As(err, &fault) || fault.Schema.ID != 77 || fault.Reader != "example.data.User" || fault.Writer != "" {
			t.Fatalf("decode: got %#v (%v), want a DecodeError of schema 77", fault, err)
		}
		if want := "decoding example.data.User (schema id 77): registry: schema id 77 is not known at "; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error: got %q, want one that starts with %q", err, want)
		}
	})
}

func TestBrokenDatumNamesTheWriter(t *testing.T) {
	t.Parallel()
	eachCodec(t, func(t *testing.T, value any, codec func(...avro.Option) bindable) {
		bound := codec(startRegistry(t).open(t, "users-value")...)
		data, err := bound.Encode(value)
		if err != nil {
			t.Fatal(err)
		}
		_, err = bound.Decode(data[:len(data)-1])
		var fault *avro.DecodeError
		if !errors.As(err, &fault) || fault.Schema.ID != 1 || fault.Writer != "example.data.User" {
			t.Fatalf("decode: got %#v (%v), want a DecodeError of schema 1", fault, err)
		}
		if want := "decoding example.data.User (schema id 1, written as example.data.User): avro: "; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error: got %q, want one that starts with %q", err, want)
		}
		_, err = codec(avro.Plain()).Decode(nil)
		if want := "decoding example.data.User: avro: "; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error of plain data: got %v, want one that starts with %q", err, want)
		}
	})
}

func TestSameBytesDecodeOnceTheRegistryIsUp(t *testing.T) {
	t.Parallel()
	eachCodec(t, func(t *testing.T, value any, codec func(...avro.Option) bindable) {
		reg := startRegistry(t)
		data, err := codec(reg.open(t, "users-value")...).Encode(value)
		if err != nil {
			t.Fatal(err)
		}
		late := codec(avro.Registry(reg.client(t, 50*time.Millisecond)), avro.Subject("users-value"))
		reg.down.Store(true)
		var away *registry.UnavailableError
		var fault *avro.DecodeError
		if _, err := late.Decode(data); !errors.As(err, &away) || errors.As(err, &fault) {
			t.Errorf("decode while the registry is down: got %v, want a registry.UnavailableError and no DecodeError", err)
		}
		if _, err := late.Encode(value); !errors.As(err, &away) {
			t.Errorf("encode while the registry is down: got %v, want a registry.UnavailableError", err)
		}

		reg.down.Store(false)
		eventually(t, func() error {
			_, err := late.Decode(data)
			return err
		})
		eventually(t, func() error {
			_, err := late.Encode(value)
			return err
		})
		reg.down.Store(true)
		if _, err := late.Decode(data); err != nil {
			t.Errorf("decode after the registry went down again: got %v, want its cached answer", err)
		}
	})
}

// eventually tries until try gives no error: a client with a short time-out
// may miss the first answers on a busy machine.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestBindLeavesTheCodecsOwnOptionsAlone(t *testing.T) {
	t.Parallel()
	eachCodec(t, func(t *testing.T, value any, codec func(...avro.Option) bindable) {
		own, other := startRegistry(t), startRegistry(t)
		binding := avro.Binding{Registry: other.client(t, time.Minute), Subject: "bound-value", AutoRegister: true}

		subjects := func(reg *testRegistry) string {
			found, err := reg.client(t, time.Minute).Subjects(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return strings.Join(found, ",")
		}
		for _, c := range []bindable{
			codec(),                             // registry and subject of the binding
			codec(avro.Subject("chosen-value")), // its own subject there
			codec(avro.Registry(own.client(t, time.Minute)), avro.Subject("own-value")),
			codec(avro.Plain()), // none at all
		} {
			bound := c.Bind(binding)
			data, err := bound.Encode(value)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bound.Decode(data); err != nil {
				t.Error(err)
			}
		}
		if got, want := subjects(own), "own-value"; got != want {
			t.Errorf("subjects of the codec's own registry: got %q, want %q", got, want)
		}
		if got, want := subjects(other), "bound-value,chosen-value"; got != want {
			t.Errorf("subjects of the binding's registry: got %q, want %q", got, want)
		}
		unbound := codec()
		unbound.Bind(binding)
		if _, err := unbound.Encode(value); err == nil {
			t.Error("encode of a codec whose copy was bound: got no error, want it to be unbound still")
		}
	})
}

func TestPrepareFindsFaultsBeforeTheFirstRecord(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	closed := avro.Typed[user](append(named(), avro.Registry(reg.client(t, time.Minute)), avro.Subject("users-value"))...)
	var missing *registry.NotFoundError
	if err := closed.Prepare(t.Context()); !errors.As(err, &missing) {
		t.Errorf("prepare without the schema: got %v, want a registry.NotFoundError", err)
	}
	open := avro.Typed[user](append(named(), reg.open(t, "users-value")...)...)
	if err := open.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := reg.asks.Load()
	if _, err := open.Encode(user{}); err != nil {
		t.Fatal(err)
	}
	if got := reg.asks.Load() - before; got != 0 {
		t.Errorf("requests of a prepared codec: got %d, want none", got)
	}
	if err := closed.Prepare(t.Context()); err != nil {
		t.Errorf("prepare with the schema: %v", err)
	}
	for name, plain := range map[string]interface{ Check() error }{
		"typed": avro.Typed[user](avro.Plain()), "generic": avro.Generic(userSchema, avro.Plain()),
	} {
		if err := plain.Check(); err != nil {
			t.Errorf("check of the plain %s codec: %v", name, err)
		}
	}
	if err := avro.Typed[user](avro.Plain()).Prepare(t.Context()); err != nil {
		t.Errorf("prepare of a plain codec: %v", err)
	}
	if err := avro.Generic(userSchema, reg.open(t, "generic-value")...).Prepare(t.Context()); err != nil {
		t.Errorf("prepare of a generic codec: %v", err)
	}
}

func TestFaultyDeclarationShowsInEveryMethod(t *testing.T) {
	t.Parallel()
	for name, codec := range map[string]bindable{
		"schema does not parse": avro.Typed[user](avro.Schema("{")),
		"schema does not fit":   avro.Typed[user](avro.Schema(record("User", `{"name":"id","type":"string"},{"name":"name","type":"string"},{"name":"age","type":"int"}`))),
		"field is missing":      avro.Typed[user](avro.Schema(record("User", `{"name":"more","type":"int"}`))),
		"item does not fit":     avro.Typed[struct{ List []string }](avro.Schema(record("L", `{"name":"List","type":{"type":"array","items":"int"}}`))),
		"type has no schema":    avro.Typed[struct{ C chan int }](),
		"generic no record":     avro.Generic(`"string"`),
		"generic no schema":     avro.Generic(""),
		"generic fault":         avro.Generic(`{"type":"record"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fault := codec.Check()
			if fault == nil || strings.Contains(fault.Error(), "\n") || !strings.HasPrefix(fault.Error(), "avro: ") {
				t.Fatalf("check: got %v, want one line from avro", fault)
			}
			if _, err := codec.Decode([]byte{0}); !errors.Is(err, fault) {
				t.Errorf("decode: got %v, want %v", err, fault)
			}
			if _, err := codec.Bind(avro.Binding{}).Decode(nil); !errors.Is(err, fault) {
				t.Errorf("decode of the bound codec: got %v, want %v", err, fault)
			}
			if err := codec.(interface{ Schema() *avro.ParsedSchema }).Schema(); err != nil {
				t.Errorf("schema: got %v, want none", err)
			}
		})
	}
	if _, err := avro.Typed[user](avro.Schema("{")).Encode(user{}); err == nil || !strings.Contains(err.Error(), "parsing a schema") {
		t.Errorf("encode: got %v, want the fault of the declaration", err)
	}
	if _, err := avro.Generic("").Encode(map[string]any{}); err == nil || !strings.Contains(err.Error(), "parsing a schema") {
		t.Errorf("encode: got %v, want the fault of the declaration", err)
	}
}
