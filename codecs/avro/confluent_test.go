package avro_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/gokavro/gokavro/codecs/avro"
)

func TestConfluentFrame(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		id    int
		datum string
		want  []byte
	}{
		{"small id", 1, "ab", []byte{0, 0, 0, 0, 1, 'a', 'b'}},
		{"big endian", 0x01020304, "", []byte{0, 1, 2, 3, 4}},
		{"zero", 0, "x", []byte{0, 0, 0, 0, 0, 'x'}},
		{"largest id", math.MaxInt32, "", []byte{0, 0x7f, 0xff, 0xff, 0xff}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := append(avro.AppendConfluent([]byte("before"), tt.id), tt.datum...)
			if want := append([]byte("before"), tt.want...); !bytes.Equal(got, want) {
				t.Errorf("frame: got %v, want %v", got, want)
			}
			id, datum, err := avro.SplitConfluent(tt.want)
			if id != tt.id || string(datum) != tt.datum || err != nil {
				t.Errorf("split: got id %d, datum %q, error %v; want %d, %q", id, datum, err, tt.id, tt.datum)
			}
		})
	}
}

func TestSplitConfluentRefusesOtherBytes(t *testing.T) {
	t.Parallel()
	const short = "bytes are too few for the Confluent wire format, which starts with a zero byte and a 4-byte schema id"
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "avro: 0 " + short},
		{"magic byte only", []byte{0}, "avro: 1 " + short},
		{"cut id", []byte{0, 0, 0, 1}, "avro: 4 " + short},
		{"another magic byte", []byte{0xc3, 0x01, 0, 0, 1, 2}, "avro: the first byte is 0xc3; the Confluent wire format starts with 0x00"},
		{"text", []byte(`{"id":1}`), "avro: the first byte is 0x7b; the Confluent wire format starts with 0x00"},
		{"negative id", []byte{0, 0xff, 0xff, 0xff, 0xff, 2}, "avro: the schema id is -1; the Confluent wire format has none below 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			id, datum, err := avro.SplitConfluent(tt.data)
			wantError(t, err, tt.want)
			if id != 0 || datum != nil {
				t.Errorf("split: got id %d and datum %q beside the error", id, datum)
			}
		})
	}
}
