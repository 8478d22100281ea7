package avro_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
)

// onDisk puts data into a file that is open for reading and writing.
func onDisk(t *testing.T, data []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "values.avro")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func contents(t *testing.T, file *os.File) []byte {
	t.Helper()
	data, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestAppendedFilesReadAsOne(t *testing.T) {
	t.Parallel()
	want := manyUsers(9_000)
	for _, compression := range append(compressions(), "") {
		t.Run("with "+string(compression), func(t *testing.T) {
			t.Parallel()
			first := container(t, userSchema, compression, want[:5000]...)
			file := onDisk(t, first)
			for _, part := range [][]user{want[5000:5001], nil, want[5001:]} {
				writer, err := avro.AppendFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if got := writer.Schema().String(); got != userSchema {
					t.Errorf("schema: got %s, want the file's %s", got, userSchema)
				}
				for i := range part {
					if err := writer.Write(&part[i]); err != nil {
						t.Fatal(err)
					}
				}
				if err := writer.Close(); err != nil {
					t.Fatal(err)
				}
			}
			whole := contents(t, file)
			got, err := readAll[user](whole, nil)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("values: error %v (-want +got):\n%s", err, diff)
			}
			if !bytes.HasPrefix(whole, first) || bytes.Count(whole, []byte("Obj\x01")) != 1 {
				t.Error("want what was there unchanged, and no second header")
			}
		})
	}
}

func TestAppendToFileWithoutValues(t *testing.T) {
	t.Parallel()
	file := onDisk(t, container[user](t, userSchema, avro.Snappy))
	writer, err := avro.AppendFile(file)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := writer.Schema().Append(nil, manyUsers(1)[0])
	if err := errors.Join(err, writer.WriteRaw(raw), writer.Close()); err != nil {
		t.Fatal(err)
	}
	got, err := readAll[user](contents(t, file), nil)
	if diff := cmp.Diff(manyUsers(1), got); err != nil || diff != "" {
		t.Errorf("values: error %v (-want +got):\n%s", err, diff)
	}
}

func TestAppendRefusesCutFilesWithThePosition(t *testing.T) {
	t.Parallel()
	whole, ends := joined(t, avro.Deflate, manyUsers(3))
	start := len(container[user](t, userSchema, avro.Deflate))
	file := onDisk(t, whole)
	for n := len(whole); n >= 0; n-- {
		if err := file.Truncate(int64(n)); err != nil {
			t.Fatal(err)
		}
		last := 0 // where the block that is cut begins
		for end := range ends {
			if end < n {
				last = max(last, end)
			}
		}
		want := "avro: appending to an object container file: "
		if n > start {
			want += fmt.Sprintf("the block at byte %d: ", last)
		}
		_, complete := ends[n]
		_, err := avro.AppendFile(file)
		if complete && err != nil || !complete && (err == nil || !strings.HasPrefix(err.Error(), want) || errors.Is(err, io.EOF)) {
			t.Errorf("cut after %d of %d bytes: got %v, want %q unless a block ends there", n, len(whole), err, want)
		}
		if got := contents(t, file); !bytes.Equal(got, whole[:n]) {
			t.Fatalf("cut after %d bytes: the file was changed", n)
		}
	}
}

func TestAppendRefusesDamagedFiles(t *testing.T) {
	t.Parallel()
	whole, _ := joined(t, avro.Null, manyUsers(2))
	start := len(container[user](t, userSchema, avro.Null))
	damaged := bytes.Clone(whole)
	damaged[start+1] += 2 // the size of the first block
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"other bytes behind it", append(bytes.Clone(whole), make([]byte, 40)...), fmt.Sprintf("the block at byte %d: the sync marker behind it is another one", len(whole))},
		{"a wrong size", damaged, fmt.Sprintf("the block at byte %d: the sync marker behind it is another one", start)},
		{"a block of 2^40 bytes", append(bytes.Clone(whole), join(long(1), long(1<<40))...), "the sync marker behind it"},
		{"an unknown compression", byHand(join(long(2), text("avro.schema"), text(`"int"`), text("avro.codec"), text("lzma"), long(0)), nil), "lzma"},
		{"a broken schema", byHand(join(long(1), text("avro.schema"), text(`"what"`), long(0)), nil), "what"},
		{"text", []byte("id,name\n"), "it begins with"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := onDisk(t, tt.file)
			_, err := avro.AppendFile(file)
			if err == nil || !strings.HasPrefix(err.Error(), "avro: appending to ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("append: got %v, want an error with %q", err, tt.want)
			}
			if !bytes.Equal(contents(t, file), tt.file) {
				t.Error("the file was changed")
			}
		})
	}
}

// pinned is a file whose seeking fails.
type pinned struct{ *os.File }

func (pinned) Seek(int64, int) (int64, error) { return 0, errors.New("it is a pipe") }

func TestAppendNeedsToSeek(t *testing.T) {
	t.Parallel()
	_, err := avro.AppendFile(pinned{onDisk(t, nil)})
	wantError(t, err, "avro: appending to an object container file: going to its start: it is a pipe")
}
