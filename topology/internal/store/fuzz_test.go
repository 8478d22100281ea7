package store

import (
	"bytes"
	"testing"
)

// FuzzStored reads what could be on a damaged disk.
func FuzzStored(f *testing.F) {
	f.Add(appendTimed(nil, 1_700_000_000_000, []byte("value")))
	f.Add(encodeOffset(42))
	f.Add(seal{manifest: "MANIFEST-000001", length: 90, sum: 7}.encode())
	f.Add([]byte("MANIFEST-000001 -1 0 0"))
	f.Fuzz(func(t *testing.T, stored []byte) {
		if millis, value, err := splitTimed(stored); err == nil {
			if again := appendTimed(nil, millis, value); !bytes.Equal(again, stored) {
				t.Errorf("row %x became %x", stored, again)
			}
		}
		if offset, err := decodeOffset(stored); err == nil && !bytes.Equal(encodeOffset(offset), stored) {
			t.Errorf("offset %x became %d", stored, offset)
		}
		if s, err := decodeSeal(stored); err == nil && (!bytes.Equal(s.encode(), stored) || s.length < 0) {
			t.Errorf("seal %q became %+v", stored, s)
		}
	})
}

func TestTimesSortAsBytes(t *testing.T) {
	t.Parallel()
	times := []int64{-1 << 63, -5, -1, 0, 1, 255, 256, 1<<63 - 1}
	for i, millis := range times {
		stored := appendMillis(nil, millis)
		if got := readMillis(stored); got != millis {
			t.Errorf("%d became %d", millis, got)
		}
		if i > 0 && bytes.Compare(appendMillis(nil, times[i-1]), stored) >= 0 {
			t.Errorf("%d does not sort behind %d", millis, times[i-1])
		}
	}
}

func TestNoKeyIsBehindAPrefixOfFF(t *testing.T) {
	t.Parallel()
	tests := map[string][]byte{"a": []byte("b"), "a\xff": []byte("b"), "\xff\xff": nil, "": nil}
	for prefix, want := range tests {
		if got := after([]byte(prefix)); !bytes.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", prefix, got, want)
		}
	}
}
