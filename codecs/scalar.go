package codecs

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"unicode/utf8"
)

// String returns a codec of UTF-8 text; its bytes are the text itself. Bytes
// that are not UTF-8 are refused both ways.
func String() Codec[string] { return stringCodec{} }

// Int64 returns a codec of 64-bit integers as eight bytes, big endian, as
// Kafka's LongSerializer writes them.
func Int64() Codec[int64] { return int64Codec{} }

// Bytes returns a codec that hands bytes through. Decoded slices are copies.
func Bytes() Codec[[]byte] { return bytesCodec{} }

// JSON returns a codec of T as encoding/json writes it. Reading ignores unknown
// members, and null gives the zero T. Decode gives a *T.
func JSON[T any]() Codec[T] { return jsonCodec[T]{} }

type stringCodec struct{}

func (c stringCodec) Encode(value any) ([]byte, error) { return encode(c, value) }

func (c stringCodec) Decode(data []byte) (any, error) { return decode(c, data) }

func (stringCodec) Append(dst []byte, value *string) ([]byte, error) {
	if value == nil {
		return dst, errNil[string]("encoding")
	}
	if !utf8.ValidString(*value) {
		return dst, fmt.Errorf("codecs: encoding text: %q is not UTF-8", *value)
	}
	return append(dst, *value...), nil
}

func (stringCodec) Read(data []byte, into *string) error {
	if into == nil {
		return errNil[string]("decoding into")
	}
	if !utf8.Valid(data) {
		return fmt.Errorf("codecs: decoding text: %q is not UTF-8", data)
	}
	*into = string(data)
	return nil
}

type int64Codec struct{}

func (c int64Codec) Encode(value any) ([]byte, error) { return encode(c, value) }

func (c int64Codec) Decode(data []byte) (any, error) { return decode(c, data) }

func (int64Codec) Append(dst []byte, value *int64) ([]byte, error) {
	if value == nil {
		return dst, errNil[int64]("encoding")
	}
	return binary.BigEndian.AppendUint64(dst, uint64(*value)), nil
}

func (int64Codec) Read(data []byte, into *int64) error {
	if into == nil {
		return errNil[int64]("decoding into")
	}
	if len(data) != 8 {
		return fmt.Errorf("codecs: decoding a 64-bit integer: got %d bytes, want 8", len(data))
	}
	*into = int64(binary.BigEndian.Uint64(data))
	return nil
}

type bytesCodec struct{}

func (c bytesCodec) Encode(value any) ([]byte, error) { return encode(c, value) }

func (c bytesCodec) Decode(data []byte) (any, error) { return decode(c, data) }

func (bytesCodec) Append(dst []byte, value *[]byte) ([]byte, error) {
	if value == nil {
		return dst, errNil[[]byte]("encoding")
	}
	return append(dst, *value...), nil
}

func (bytesCodec) Read(data []byte, into *[]byte) error {
	if into == nil {
		return errNil[[]byte]("decoding into")
	}
	*into = append([]byte{}, data...)
	return nil
}

type jsonCodec[T any] struct{}

func (c jsonCodec[T]) Encode(value any) ([]byte, error) { return encode(c, value) }

func (c jsonCodec[T]) Decode(data []byte) (any, error) {
	into := new(T)
	if err := c.Read(data, into); err != nil {
		return nil, err
	}
	return into, nil
}

func (jsonCodec[T]) Append(dst []byte, value *T) ([]byte, error) {
	if value == nil {
		return dst, errNil[T]("encoding")
	}
	data, err := json.Marshal(value)
	if err != nil {
		return dst, fmt.Errorf("codecs: encoding %T as JSON: %w", *value, err)
	}
	return append(dst, data...), nil
}

func (jsonCodec[T]) Read(data []byte, into *T) error {
	if into == nil {
		return errNil[T]("decoding into")
	}
	var value T
	if err := json.Unmarshal(data, &value); err != nil {
		return fmt.Errorf("codecs: decoding JSON into %T: %w", value, err)
	}
	*into = value
	return nil
}

func encode[T any](c Codec[T], value any) ([]byte, error) {
	v, err := Value[T](value)
	if err != nil {
		return nil, err
	}
	return c.Append([]byte{}, &v) // not nil, so that an empty value is no tombstone
}

func decode[T any](c Codec[T], data []byte) (any, error) {
	var v T
	if err := c.Read(data, &v); err != nil {
		return nil, err
	}
	return v, nil
}

func errNil[T any](doing string) error {
	return fmt.Errorf("codecs: %s a nil %v", doing, reflect.TypeFor[*T]())
}
