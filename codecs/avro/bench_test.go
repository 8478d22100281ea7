package avro_test

import (
	"testing"

	"github.com/linkedin/goavro/v2"
	twmb "github.com/twmb/avro"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/avro/internal/handwritten"
)

func nativeUser(u handwritten.User) map[string]any {
	return map[string]any{"id": u.ID, "name": u.Name, "age": u.Age}
}

// users are the ways to write and read a user without a frame.
type users struct {
	typed   *avro.TypedCodec[handwritten.User]
	generic *avro.GenericCodec
	twmb    *twmb.Schema
	goavro  *goavro.Codec
}

func usersOf(tb testing.TB) users {
	tb.Helper()
	foreign, err := goavro.NewCodec(handwritten.UserSchema)
	if err != nil {
		tb.Fatal(err)
	}
	schema, err := twmb.Parse(handwritten.UserSchema)
	if err != nil {
		tb.Fatal(err)
	}
	return users{
		typed:   avro.Typed[handwritten.User](avro.Plain(), avro.Schema(handwritten.UserSchema)),
		generic: avro.Generic(handwritten.UserSchema, avro.Plain()), twmb: schema, goavro: foreign,
	}
}

func BenchmarkUserEncode(b *testing.B) {
	value, with := handwritten.SomeUser(), usersOf(b)
	record := nativeUser(value)
	buffer := make([]byte, 0, 64)
	run := func(name string, encode func() ([]byte, error)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := encode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("hand-written", func() ([]byte, error) { return handwritten.AppendUser(buffer, &value), nil })
	run("typed-append", func() ([]byte, error) { return with.typed.Append(buffer, &value) })
	run("typed-encode", func() ([]byte, error) { return with.typed.Encode(&value) })
	run("generic-append", func() ([]byte, error) { return with.generic.Append(buffer, &record) })
	run("twmb", func() ([]byte, error) { return with.twmb.AppendEncode(buffer, &value) })
	run("goavro", func() ([]byte, error) { return with.goavro.BinaryFromNative(buffer, nativeUser(value)) })
	run("goavro-maps", func() ([]byte, error) { return with.goavro.BinaryFromNative(buffer, record) })
}

func BenchmarkUserDecode(b *testing.B) {
	value, with := handwritten.SomeUser(), usersOf(b)
	data := handwritten.AppendUser(nil, &value)
	var into handwritten.User
	run := func(name string, decode func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := decode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("hand-written", func() error { return handwritten.ReadUser(data, &into) })
	run("typed-read", func() error { return with.typed.Read(data, &into) })
	run("typed-decode", func() error {
		_, err := with.typed.Decode(data)
		return err
	})
	run("generic-decode", func() error {
		_, err := with.generic.Decode(data)
		return err
	})
	run("twmb", func() error {
		_, err := with.twmb.Decode(data, &into)
		return err
	})
	run("goavro", func() error {
		native, _, err := with.goavro.NativeFromBinary(data)
		if err != nil {
			return err
		}
		f := fieldsOf(native)
		into = handwritten.User{ID: field[int32](&f, "id"), Name: field[string](&f, "name"), Age: field[int32](&f, "age")}
		return f.err
	})
	run("goavro-maps", func() error {
		_, _, err := with.goavro.NativeFromBinary(data)
		return err
	})
}
