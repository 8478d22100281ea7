package avro_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
)

// byHand writes a container file's parts one by one, as other libraries may
// order and split them.
func byHand(members, blocks []byte) []byte {
	return join([]byte("Obj\x01"), members, marker(), blocks)
}

func marker() []byte { return []byte("0123456789abcdef") }

func block(values int64, data []byte) []byte {
	return join(long(values), long(int64(len(data))), data, marker())
}

func TestFilesOfOtherLibrariesAreRead(t *testing.T) {
	t.Parallel()
	one := join(text("avro.schema"), text(`"int"`))
	plain := join(long(1), one, long(0))
	values := block(2, join(long(7), long(-8)))
	tests := []struct {
		name string
		file []byte
		want []int32
	}{
		{"no compression named", byHand(plain, values), []int32{7, -8}},
		{"members of their own", byHand(join(long(2), text("user.note"), text("x"), one, long(1), text("avro.codec"), text("null"), long(0)), values), []int32{7, -8}},
		{"members with their size", byHand(join(long(-1), long(int64(len(one))), one, long(0)), values), []int32{7, -8}},
		{"blocks without values", byHand(plain, join(block(0, nil), values, block(0, []byte("ignored")), block(1, long(9)), block(0, nil))), []int32{7, -8, 9}},
		{"no block", byHand(plain, nil), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := readAll[int32](tt.file, nil)
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("values: %v (-want +got):\n%s", err, diff)
			}
			reader, err := avro.NewFileReader(bytes.NewReader(tt.file), nil)
			if err != nil {
				t.Fatal(err)
			}
			for range tt.want {
				if _, err := reader.ReadRaw(); err != nil {
					t.Error(err)
				}
			}
			if _, err := reader.ReadRaw(); !errors.Is(err, io.EOF) {
				t.Errorf("behind the last value: got %v, want io.EOF", err)
			}
		})
	}
}

func TestHostileFilesAreRefused(t *testing.T) {
	t.Parallel()
	header := func(schema string) []byte {
		return join(long(1), text("avro.schema"), text(schema), long(0))
	}
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"member of 2^40 bytes", byHand(join(long(1), long(1<<40)), nil), "a member of 1099511627776 bytes"},
		{"member of -1 bytes", byHand(join(long(1), long(-1)), nil), "a member of -1 bytes"},
		{"2^62 members", byHand(join(long(1<<62), text("a"), text("b")), nil), "its header"},
		{"-2^63 members", byHand(join(long(-1<<63), long(1), text("a"), text("b")), nil), "its header"},
		{"no schema", byHand(join(long(1), text("avro.codec"), text("null"), long(0)), nil), "holds no schema"},
		{"block of 2^40 bytes", byHand(header(`"int"`), join(long(1), long(1<<40))), "16777216 are the most"},
		{"block of -1 bytes", byHand(header(`"int"`), join(long(1), long(-1))), "it has 1 values in -1 bytes"},
		{"-1 values", byHand(header(`"int"`), join(long(-1), long(0))), "it has -1 values"},
		{"10^8 nulls", byHand(header(`"null"`), block(1e8, nil)), "too many values that take no bytes"},
		{"2*10^6 nulls beside as many bytes", byHand(header(`"null"`), block(2e6, make([]byte, 2e6))), "too many values that take no bytes"},
		{"a value too few", byHand(header(`"int"`), block(1, join(long(1), long(2)))), "the block at byte 40: 1 bytes are left behind its last value"},
		{"a value too many", byHand(header(`"int"`), block(3, join(long(1), long(2)))), "record 3"},
		{"block that is promised only", byHand(header(`"int"`), join(long(1), long(15<<20), make([]byte, 100))), "the block at byte 40: its 15728640 bytes"},
	}
	for _, tt := range tests {
		for name, read := range map[string]func(*avro.FileReader) error{
			"Read":    func(f *avro.FileReader) error { return f.Read(new(any)) },
			"ReadRaw": func(f *avro.FileReader) error { _, err := f.ReadRaw(); return err },
		} {
			reader, err := avro.NewFileReader(bytes.NewReader(tt.file), nil)
			for err == nil {
				err = read(reader)
			}
			if !strings.HasPrefix(err.Error(), "avro: reading ") || !strings.Contains(err.Error(), tt.want) || errors.Is(err, io.EOF) {
				t.Errorf("%s with %s: got %v, want an error with %q", tt.name, name, err, tt.want)
			}
		}
	}
}

func TestABlockMayHaveAMillionValuesWithoutBytes(t *testing.T) {
	t.Parallel()
	header := join(long(1), text("avro.schema"), text(`"null"`), long(0))
	reader, err := avro.NewFileReader(bytes.NewReader(byHand(header, join(block(1e6, nil), block(1e6, nil)))), nil)
	values := 0
	for err == nil {
		if _, err = reader.ReadRaw(); err == nil {
			values++
		}
	}
	if values != 2e6 || !errors.Is(err, io.EOF) {
		t.Errorf("got %d values and %v, want two million", values, err)
	}
}

// Not parallel: it looks at what the whole process allocates.
func TestPromisedBlocksReserveLittle(t *testing.T) { //nolint:paralleltest // it measures the process
	header := join(long(1), text("avro.schema"), text(`"int"`), long(0))
	for name, file := range map[string][]byte{
		"block":  byHand(header, join(long(1), long(15<<20), make([]byte, 100))),
		"member": byHand(join(long(1), long(3<<20), make([]byte, 100)), nil),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		reader, err := avro.NewFileReader(bytes.NewReader(file), nil)
		if err == nil {
			err = reader.Read(new(any))
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; err == nil || used > 1<<20 {
			t.Errorf("%s: a file of %d bytes: error %v, %d bytes reserved", name, len(file), err, used)
		}
	}
}

// A reader that fails with an error about an end has not come to the end.
func TestFailingReaderIsNotTheEnd(t *testing.T) {
	t.Parallel()
	whole := byHand(join(long(1), text("avro.schema"), text(`"int"`), long(0)), block(1, long(7)))
	lost := fmt.Errorf("connection lost: %w", io.EOF)
	reader, err := avro.NewFileReader(io.MultiReader(bytes.NewReader(whole), iotest.ErrReader(lost)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.ReadRaw(); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.ReadRaw(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read: got %v, want an error that is not io.EOF", err)
	}
}
