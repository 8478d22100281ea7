package avro_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/linkedin/goavro/v2"

	"github.com/gokavro/gokavro/codecs/avro"
)

func benchUser() user { return user{ID: 4711, Name: "Ann Example", Age: 31} }

func benchMap() map[string]any {
	u := benchUser()
	return map[string]any{"id": u.ID, "name": u.Name, "age": u.Age}
}

// appendUser and readUser are what one would write by hand for this record.
func appendUser(dst []byte, u *user) []byte {
	dst = binary.AppendVarint(dst, int64(u.ID))
	dst = append(binary.AppendVarint(dst, int64(len(u.Name))), u.Name...)
	return binary.AppendVarint(dst, int64(u.Age))
}

var errShort = errors.New("short")

func readUser(data []byte, u *user) error {
	id, n := binary.Varint(data)
	if n <= 0 {
		return errShort
	}
	data = data[n:]
	size, n := binary.Varint(data)
	if n <= 0 || size < 0 || size > int64(len(data)-n) {
		return errShort
	}
	name := string(data[n : n+int(size)])
	age, m := binary.Varint(data[n+int(size):])
	if m <= 0 {
		return errShort
	}
	*u = user{ID: int32(id), Name: name, Age: int32(age)}
	return nil
}

func TestHandWrittenBaselineAgrees(t *testing.T) {
	t.Parallel()
	want := benchUser()
	var got, byHand user
	err := avro.Typed[user](avro.Plain()).Read(appendUser(nil, &want), &got)
	if err := errors.Join(err, readUser(appendUser(nil, &want), &byHand)); err != nil {
		t.Fatal(err)
	}
	if got != want || byHand != want {
		t.Errorf("read: got %+v, by hand %+v, want %+v", got, byHand, want)
	}
}

func BenchmarkTypedEncode(b *testing.B) {
	value, record := benchUser(), benchMap()
	codec := avro.Typed[user](avro.Plain())
	generic := avro.Generic(userSchema, avro.Plain())
	foreign, err := goavro.NewCodec(userSchema)
	if err != nil {
		b.Fatal(err)
	}
	buffer := make([]byte, 0, 64)
	run := func(name string, encode func() ([]byte, error)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(appendUser(nil, &value))))
			for b.Loop() {
				if _, err := encode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("hand-written", func() ([]byte, error) { return appendUser(buffer, &value), nil })
	run("typed-append", func() ([]byte, error) { return codec.Append(buffer, &value) })
	run("typed-encode", func() ([]byte, error) { return codec.Encode(&value) })
	run("generic-append", func() ([]byte, error) { return generic.Append(buffer, &record) })
	run("goavro", func() ([]byte, error) { return foreign.BinaryFromNative(buffer, record) })
}

func BenchmarkTypedDecode(b *testing.B) {
	value := benchUser()
	data := appendUser(nil, &value)
	codec := avro.Typed[user](avro.Plain())
	generic := avro.Generic(userSchema, avro.Plain())
	foreign, err := goavro.NewCodec(userSchema)
	if err != nil {
		b.Fatal(err)
	}
	var into user
	run := func(name string, decode func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if err := decode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("hand-written", func() error { return readUser(data, &into) })
	run("typed-read", func() error { return codec.Read(data, &into) })
	run("typed-decode", func() error {
		_, err := codec.Decode(data)
		return err
	})
	run("generic-decode", func() error {
		_, err := generic.Decode(data)
		return err
	})
	run("goavro", func() error {
		_, _, err := foreign.NativeFromBinary(data)
		return err
	})
}
