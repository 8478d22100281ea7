package avro_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
)

// drain reads all values, with what was skipped.
func drain[T any](r io.Reader, opts ...avro.FileOption) (values []T, skipped avro.SkippedBlocks, err error) {
	file, err := avro.NewFileReader(r, nil, opts...)
	if err != nil {
		return nil, skipped, err
	}
	defer file.Close()
	for {
		var value T
		if err := file.Read(&value); err == io.EOF { //nolint:errorlint // the end is io.EOF itself
			return values, file.Skipped(), nil
		} else if err != nil {
			return values, file.Skipped(), err
		}
		values = append(values, value)
	}
}

// stream hides that a reader can seek.
type stream struct{ io.Reader }

// inRanges reads a file range by range, cut at the given bytes.
func inRanges[T any](file []byte, seeks bool, cuts []int64, opts ...avro.FileOption) (values []T, skipped avro.SkippedBlocks, err error) {
	start := int64(0)
	for _, end := range append(slices.Clone(cuts), math.MaxInt64) {
		var from io.Reader = bytes.NewReader(file)
		if !seeks {
			from = stream{from}
		}
		got, left, err := drain[T](from, append(opts, avro.FileRange(start, end))...)
		if err != nil {
			return nil, skipped, fmt.Errorf("bytes %d to %d: %w", start, end, err)
		}
		values = append(values, got...)
		skipped.Blocks += left.Blocks
		skipped.Bytes += left.Bytes
		start = end
	}
	return values, skipped, nil
}

func TestEveryCutOfAFileGivesEachValueOnce(t *testing.T) {
	t.Parallel()
	want := manyUsers(4)
	for _, compression := range compressions() {
		file, _ := joined(t, compression, want)
		for cut := range int64(len(file) + 2) {
			for _, seeks := range []bool{true, false} {
				got, _, err := inRanges[user](file, seeks, []int64{cut})
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Fatalf("%s cut at %d of %d: error %v (-want +got):\n%s", compression, cut, len(file), err, diff)
				}
			}
		}
	}
}

func TestEveryPartitionOfAFileGivesEachValueOnce(t *testing.T) {
	t.Parallel()
	want := manyUsers(30_000)
	file := container(t, userSchema, avro.Null, want...)
	random := rand.New(rand.NewPCG(4, 4))
	for range 30 {
		cuts := make([]int64, random.IntN(40))
		for i := range cuts {
			cuts[i] = random.Int64N(int64(len(file)) + 100)
		}
		slices.Sort(cuts)
		got, _, err := inRanges[user](file, random.IntN(2) == 0, cuts)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("cut at %d: got %d values and error %v, want all %d in order", cuts, len(got), err, len(want))
		}
	}
}

func TestBlockBelongsToTheRangeOfTheMarkerBeforeIt(t *testing.T) {
	t.Parallel()
	users := manyUsers(3)
	file, ends := joined(t, avro.Null, users)
	for end, number := range ends {
		begin := int64(end - syncBytes)
		want := users[number:min(number+1, len(users))]
		tests := []struct {
			name       string
			start, end int64
			want       []user
		}{
			{"its first byte alone", begin, begin + 1, want},
			{"the rest of it", begin + 1, int64(end) + 1, nil},
			{"nothing", begin, begin, nil},
			{"all behind the file", int64(len(file)), math.MaxInt64, nil},
			{"all far behind the file", math.MaxInt64 - 1, math.MaxInt64, nil},
		}
		for _, tt := range tests {
			got, _, err := drain[user](bytes.NewReader(file), avro.FileRange(tt.start, tt.end))
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("marker %d, %s: got %v and error %v, want %v", number, tt.name, got, err, tt.want)
			}
		}
	}
}

func TestRangesReadOnlyTheirBytes(t *testing.T) {
	t.Parallel()
	file := container(t, userSchema, avro.Null, manyUsers(100_000)...)
	from := &counting{Reader: bytes.NewReader(file)}
	start := int64(len(file)) - 100<<10
	if got, _, err := drain[user](from, avro.FileRange(start, math.MaxInt64)); err != nil || len(got) == 0 {
		t.Fatalf("got %d values and error %v", len(got), err)
	}
	if most := 200 << 10; from.read > most {
		t.Errorf("read %d of %d bytes, want at most %d", from.read, len(file), most)
	}
}

type counting struct {
	*bytes.Reader
	read int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	return n, err
}

func TestErrorsOfRangesNameThePositionInTheFile(t *testing.T) {
	t.Parallel()
	file, ends := joined(t, avro.Null, manyUsers(3))
	for end, number := range ends {
		if number != 2 {
			continue
		}
		_, _, err := drain[user](bytes.NewReader(file[:len(file)-1]), avro.FileRange(int64(end-syncBytes), math.MaxInt64))
		wantError(t, err, fmt.Sprintf("avro: reading record 1 of an object container file: the block at byte %d: the sync marker behind it: unexpected EOF", end))
	}
}

func TestRangesThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	for _, bounds := range [][2]int64{{-1, 5}, {5, 4}} {
		_, err := avro.NewFileReader(bytes.NewReader(nil), nil, avro.FileRange(bounds[0], bounds[1]))
		if want := fmt.Sprintf("avro: reading bytes %d to %d of ", bounds[0], bounds[1]); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
