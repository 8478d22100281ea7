package codecs_test

import (
	"bytes"
	"testing"

	"github.com/gokavro/gokavro/codecs"
)

func TestBytesOnTheWire(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		codec codecs.Untyped
		value any
		want  []byte
	}{
		{"text is itself", codecs.String(), "key", []byte("key")},
		{"integers are eight bytes, big endian", codecs.Int64(), int64(258), []byte{0, 0, 0, 0, 0, 0, 1, 2}},
		{"negative integers are two's complement", codecs.Int64(), int64(-2), []byte{255, 255, 255, 255, 255, 255, 255, 254}},
		{"bytes are themselves", codecs.Bytes(), []byte{0, 255}, []byte{0, 255}},
		{"JSON is compact", codecs.JSON[[]int](), []int{1, 2}, []byte("[1,2]")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.codec.Encode(tt.value)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, tt.want) {
				t.Errorf("encode: got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestErrorsSayWhatWasGiven(t *testing.T) {
	t.Parallel()
	encode := func(c codecs.Untyped, value any) error {
		_, err := c.Encode(value)
		return err
	}
	decode := func(c codecs.Untyped, data string) error {
		_, err := c.Decode([]byte(data))
		return err
	}
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"wrong type", encode(codecs.String(), 7), "codecs: got a value of type int, want string"},
		{"nil", encode(codecs.Int64(), nil), "codecs: got a value of type <nil>, want int64"},
		{"nil pointer", encode(codecs.JSON[order](), (*order)(nil)), "codecs: got a nil *codecs_test.order, want a value"},
		{"interface", encode(codecs.JSON[error](), 7), "codecs: got a value of type int, want error"},
		{"text", encode(codecs.String(), "\xff"), `codecs: encoding text: "\xff" is not UTF-8`},
		{"bytes of text", decode(codecs.String(), "\xff"), `codecs: decoding text: "\xff" is not UTF-8`},
		{"short integer", decode(codecs.Int64(), "1234"), "codecs: decoding a 64-bit integer: got 4 bytes, want 8"},
		{"no JSON", decode(codecs.JSON[order](), "x"), "codecs: decoding JSON into codecs_test.order: invalid character 'x' looking for beginning of value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.err == nil || tt.err.Error() != tt.want {
				t.Errorf("error: got %v, want %s", tt.err, tt.want)
			}
		})
	}
}

func TestValueTakesBothForms(t *testing.T) {
	t.Parallel()
	seven := 7
	tests := []struct {
		name  string
		value any
		want  int
		fails bool
	}{
		{"value", 7, 7, false},
		{"pointer", &seven, 7, false},
		{"nil", nil, 0, true},
		{"nil pointer", (*int)(nil), 0, true},
		{"another type", "7", 0, true},
		{"another width", int64(7), 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := codecs.Value[int](tt.value)
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("Value(%v): got %d and error %v, want %d, failing %v", tt.value, got, err, tt.want, tt.fails)
			}
		})
	}
}
