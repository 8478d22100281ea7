package avro_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
)

func TestCorruptBlocksAreSkippedAndCounted(t *testing.T) {
	t.Parallel()
	header := join(long(1), text("avro.schema"), text(`"string"`), long(0))
	good := func(words ...string) []byte {
		var data []byte
		for _, word := range words {
			data = append(data, text(word)...)
		}
		return block(int64(len(words)), data)
	}
	wrong := good("x")
	wrong[len(wrong)-1] ^= 1
	tests := []struct {
		name   string
		bad    []byte
		blocks int64
		also   int64 // bytes of good blocks that are lost with it
	}{
		{"nothing", nil, 0, 0},
		{"a text that is not UTF-8", block(1, []byte{2, 0xff}), 1, 0},
		{"a last value that is cut", block(3, join(text("one"), text("two"), long(9))), 1, 0},
		{"a value too few", block(1, join(text("one"), text("two"))), 1, 0},
		{"a value too many", block(3, join(text("one"), text("two"))), 1, 0},
		{"-1 values", block(-1, text("one")), 1, 0},
		{"a size too small", join(long(1), long(1), text("one"), marker()), 1, 0},
		{"a size too large", join(long(1), long(5), text("one"), marker()), 1, 0},
		{"a size of 2^40", join(long(1), long(1<<40), text("one"), marker()), 1, 0},
		{"a size of -1", join(long(1), long(-1), text("one"), marker()), 1, 0},
		{"no number", join(bytes.Repeat([]byte{0xff}, 30), marker()), 1, 0},
		{"no size", join(long(1), marker()), 1, 0},
		{"no block", marker(), 1, 0},
		{"two", join(block(1, nil), block(1, nil)), 2, 0},
		{"another sync marker", wrong, 1, int64(len(good("c")))},
		{"10^8 values", block(1e8, nil), 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := byHand(header, join(good("a", "b"), tt.bad, good("c"), good("d")))
			want := []string{"a", "b", "c", "d"}
			if tt.also > 0 {
				want = []string{"a", "b", "d"}
			}
			got, skipped, err := drain[string](bytes.NewReader(file), avro.SkipCorrupt())
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("values: error %v (-want +got):\n%s", err, diff)
			}
			left := avro.SkippedBlocks{Blocks: tt.blocks, Bytes: int64(len(tt.bad)) + tt.also}
			if skipped != left {
				t.Errorf("skipped: got %+v, want %+v", skipped, left)
			}
			_, _, err = drain[string](bytes.NewReader(file))
			at := fmt.Sprintf("the block at byte %d: ", len(byHand(header, good("a", "b"))))
			// Broken text is read when nobody asks for more.
			if tt.blocks > 0 && tt.name != "a text that is not UTF-8" && (err == nil || !strings.Contains(err.Error(), at)) {
				t.Errorf("without skipping: got %v, want an error with %q", err, at)
			}
		})
	}
}

// Whatever byte is damaged, the blocks around it are read, and what was given
// and what was skipped are together the file.
func TestAnyDamagedByteCostsAtMostTwoBlocks(t *testing.T) {
	t.Parallel()
	users := manyUsers(5)
	whole, ends := joined(t, avro.Snappy, users) // it has checksums
	positions := make([]int, len(users)+1)
	for end, number := range ends {
		positions[number] = end
	}
	for at := positions[0]; at < len(whole); at++ {
		for _, flip := range []byte{1, 0x80, 0xff} {
			damaged := bytes.Clone(whole)
			damaged[at] ^= flip
			got, skipped, err := drain[user](bytes.NewReader(damaged), avro.SkipCorrupt())
			if err != nil || len(got) < 3 || skipped.Blocks != 1 {
				t.Fatalf("byte %d: got %v, error %v, skipped %+v", at, got, err, skipped)
			}
			size := int64(positions[0]) + skipped.Bytes
			for _, value := range got {
				if !slices.Contains(users, value) {
					t.Fatalf("byte %d: got %+v, which was never written", at, value)
				}
				size += int64(positions[value.ID+1] - positions[value.ID])
			}
			if size != int64(len(whole)) {
				t.Errorf("byte %d: %d of %d bytes are accounted for", at, size, len(whole))
			}
			parts, left, err := inRanges[user](damaged, true, []int64{int64(at), int64(at + 20)}, avro.SkipCorrupt())
			if err != nil || !slices.Equal(parts, got) || left != skipped {
				t.Errorf("byte %d, in ranges: got %v, error %v, skipped %+v, want %v, %+v", at, parts, err, left, got, skipped)
			}
		}
	}
}

func TestCutFilesAreReadToTheirLastWholeBlock(t *testing.T) {
	t.Parallel()
	users := manyUsers(3)
	for _, compression := range compressions() {
		whole, ends := joined(t, compression, users)
		begin, number := len(container[user](t, userSchema, compression)), 0
		for n := begin; n <= len(whole); n++ {
			if values, ok := ends[n]; ok {
				begin, number = n, values
			}
			want := avro.SkippedBlocks{Bytes: int64(n - begin)}
			if n > begin {
				want.Blocks = 1
			}
			got, skipped, err := drain[user](bytes.NewReader(whole[:n]), avro.SkipCorrupt())
			if err != nil || !slices.Equal(got, users[:number]) || skipped != want {
				t.Errorf("%s cut after %d bytes: got %v, error %v, skipped %+v, want %d values, skipped %+v", compression, n, got, err, skipped, number, want)
			}
		}
	}
}

func TestSkippingChangesNothingInGoodFiles(t *testing.T) {
	t.Parallel()
	want := manyUsers(20_000)
	for _, compression := range compressions() {
		file := container(t, userSchema, compression, want...)
		// Bytes that come one by one put markers across all reads.
		for _, from := range []io.Reader{bytes.NewReader(file), iotest.OneByteReader(bytes.NewReader(file))} {
			got, skipped, err := drain[user](from, avro.SkipCorrupt())
			if err != nil || !slices.Equal(got, want) || skipped != (avro.SkippedBlocks{}) {
				t.Errorf("%s: got %d values, error %v, skipped %+v", compression, len(got), err, skipped)
			}
		}
	}
}

func TestLostFilesAreNotSkipped(t *testing.T) {
	t.Parallel()
	whole, _ := joined(t, avro.Null, manyUsers(3))
	for _, lost := range []error{errors.New("connection lost"), fmt.Errorf("connection lost: %w", io.EOF)} {
		from := io.MultiReader(bytes.NewReader(whole[:len(whole)-30]), iotest.ErrReader(lost))
		got, skipped, err := drain[user](from, avro.SkipCorrupt())
		if err == nil || errors.Is(err, io.EOF) || len(got) == 0 || skipped.Blocks != 0 {
			t.Errorf("%v: got %d values, skipped %+v and error %v, want the error", lost, len(got), skipped, err)
		}
	}
}

func TestSoundValuesThatDoNotFitAreNotSkipped(t *testing.T) {
	t.Parallel()
	file := container(t, userSchema, avro.Null, manyUsers(1)...)
	_, skipped, err := drain[struct {
		ID string `avro:"id"`
	}](bytes.NewReader(file), avro.SkipCorrupt())
	if err == nil || skipped.Blocks != 0 {
		t.Errorf("got error %v and skipped %+v, want an error and nothing skipped", err, skipped)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Not parallel: it looks at what the whole process allocates.
func TestEndlessBlocksAreSkippedInLittleMemory(t *testing.T) { //nolint:paralleltest // it measures the process
	const size = 300 << 20
	header := byHand(join(long(1), text("avro.schema"), text(`"string"`), long(0)), nil)
	behind := join(marker(), block(1, text("behind")))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	from := io.MultiReader(bytes.NewReader(header), io.LimitReader(zeros{}, size), bytes.NewReader(behind))
	got, skipped, err := drain[string](from, avro.SkipCorrupt())
	runtime.ReadMemStats(&after)
	want := avro.SkippedBlocks{Blocks: 1, Bytes: size + syncBytes}
	if err != nil || !slices.Equal(got, []string{"behind"}) || skipped != want {
		t.Errorf("got %q, skipped %+v and error %v, want %+v", got, skipped, err, want)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("reserved %d bytes for a block that is none", used)
	}
}

// selfOverlaps tells markers that can begin within themselves, as no file has
// that was not made by hand.
func selfOverlaps(marker []byte) bool {
	for n := 1; n < len(marker); n++ {
		if bytes.HasPrefix(marker, marker[n:]) {
			return true
		}
	}
	return false
}

func FuzzFileSkipping(f *testing.F) {
	for _, compression := range compressions() {
		whole, _ := joined(f, compression, manyUsers(3))
		start := len(container[user](f, userSchema, compression))
		f.Add(whole, start, uint32(start+20))
		f.Add(whole[:len(whole)-20], start, uint32(len(whole)))
		for at := start; at < len(whole); at += 7 {
			damaged := bytes.Clone(whole)
			damaged[at] ^= 0xff
			f.Add(damaged, start, uint32(at))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, start int, cut uint32) {
		whole, skipped, ended := rawValues(t, data)
		if skipped.Bytes > int64(len(data)) || skipped.Blocks > int64(len(data)) {
			t.Fatalf("skipped %+v of %d bytes", skipped, len(data))
		}
		if !ended || start < syncBytes || start > len(data) || selfOverlaps(data[start-syncBytes:start]) {
			return
		}
		if _, err := avro.NewFileReader(bytes.NewReader(data[:start]), nil); err != nil {
			return
		}
		if _, err := avro.NewFileReader(bytes.NewReader(data[:start-1]), nil); err == nil {
			return // the header ends elsewhere
		}
		left, before, _ := rawValues(t, data, avro.FileRange(0, int64(cut)))
		right, behind, _ := rawValues(t, data, avro.FileRange(int64(cut), 1<<62))
		if !slices.EqualFunc(slices.Concat(left, right), whole, bytes.Equal) || before.Bytes+behind.Bytes != skipped.Bytes {
			t.Fatalf("cut at %d: got %d and %d of %d values, skipped %+v and %+v of %+v", cut, len(left), len(right), len(whole), before, behind, skipped)
		}
	})
}

// rawValues reads the first values of what may be a file.
func rawValues(t *testing.T, data []byte, opts ...avro.FileOption) (values [][]byte, skipped avro.SkippedBlocks, ended bool) {
	t.Helper()
	file, err := avro.NewFileReader(bytes.NewReader(data), nil, append(opts, avro.SkipCorrupt())...)
	if err != nil {
		return nil, skipped, false
	}
	defer file.Close()
	for range 10_000 {
		datum, err := file.ReadRaw()
		if err == io.EOF { //nolint:errorlint // the end is io.EOF itself
			return values, file.Skipped(), true
		}
		if err != nil {
			t.Fatalf("read: got %v, want corrupt blocks skipped", err)
		}
		values = append(values, datum)
	}
	return values, file.Skipped(), false
}
