package codecs_test

import (
	"testing"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/codectest"
)

func TestStringConforms(t *testing.T) {
	t.Parallel()
	codectest.Run(t, codectest.Suite[string]{
		New:       func(testing.TB) codecs.Codec[string] { return codecs.String() },
		Values:    []string{"", "a", "Zürich – 東京", "\x00"},
		Refused:   []string{"\xff", "cut \xc3"},
		Bad:       [][]byte{{0xff}, []byte("cut \xc3")},
		OpenEnded: true,
	})
}

func TestInt64Conforms(t *testing.T) {
	t.Parallel()
	codectest.Run(t, codectest.Suite[int64]{
		New:    func(testing.TB) codecs.Codec[int64] { return codecs.Int64() },
		Values: []int64{0, 1, -1, 1<<63 - 1, -1 << 63},
		Bad:    [][]byte{nil, {}, {1, 2, 3}, make([]byte, 9)},
	})
}

func TestBytesConforms(t *testing.T) {
	t.Parallel()
	codectest.Run(t, codectest.Suite[[]byte]{
		New:       func(testing.TB) codecs.Codec[[]byte] { return codecs.Bytes() },
		Values:    [][]byte{{}, {0}, {1, 2, 3}, make([]byte, 1000)},
		OpenEnded: true,
	})
}

type order struct {
	ID    int64             `json:"id"`
	Note  *string           `json:"note"`
	Lines []string          `json:"lines"`
	Tags  map[string]string `json:"tags"`
	Free  any               `json:"free"`
}

func TestJSONConforms(t *testing.T) {
	t.Parallel()
	note := "by hand"
	codectest.Run(t, codectest.Suite[order]{
		New: func(testing.TB) codecs.Codec[order] { return codecs.JSON[order]() },
		Values: []order{
			{},
			{ID: 1, Note: &note, Lines: []string{"a", "b"}, Tags: map[string]string{"k": "v"}},
			{ID: 2, Lines: []string{"c"}, Tags: map[string]string{"other": "w"}, Free: "text"},
		},
		Refused: []order{{Free: make(chan int)}},
		Bad: [][]byte{
			nil, []byte("x"), []byte(`[]`), []byte(`{"id":"1"}`),
			[]byte(`{"id":9,"lines":["z"],"tags":{"k":7}}`), // fails after two good members
		},
	})
}
