package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gokavro/gokavro/codecs/avro"
)

// words returns a container file with a block for each word, and where the
// blocks begin.
func words(t *testing.T, words ...string) (data []byte, begin []int) {
	t.Helper()
	schema, err := avro.ParseSchema(`"string"`)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	writer, err := avro.NewFileWriter(&out, schema, avro.Null)
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	sync := bytes.Clone(out.Bytes()[out.Len()-16:])
	for _, word := range words {
		begin = append(begin, out.Len())
		out.Write(varints(1, int64(len(word)+1), int64(len(word))))
		out.WriteString(word)
		out.Write(sync)
	}
	return out.Bytes(), begin
}

func TestAvroCatSkipsCorruptBlocksWhenAsked(t *testing.T) {
	t.Parallel()
	data, begin := words(t, "one", "two", "three", "four")
	text := bytes.Clone(data)
	text[begin[2]+3] = utf8.RuneSelf // not UTF-8 from here on
	size := bytes.Clone(data)
	size[begin[2]+1] += 2
	tests := []struct {
		name       string
		data       []byte
		want, left string
	}{
		{"a whole file", data, "one two three four", "corrupt blocks left out: 0 (0 bytes)\n"},
		{"broken text", text, "one two four", "corrupt blocks left out: 1 (24 bytes)\n"},
		{"a wrong size", size, "one two four", "corrupt blocks left out: 1 (24 bytes)\n"},
		{"a cut file", data[:begin[3]+5], "one two three", "corrupt blocks left out: 1 (5 bytes)\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := "\"" + strings.ReplaceAll(tt.want, " ", "\"\n\"") + "\"\n"
			for _, args := range [][]string{{"--skip-corrupt", file(t, "in.avro", tt.data)}, {"--skip-corrupt", "-"}} {
				got := execute(t.Context(), bytes.NewReader(tt.data), append([]string{"avro", "cat"}, args...)...).ok(t)
				if got.stdout != want || got.stderr != tt.left {
					t.Errorf("got %q and %q, want %q and %q", got.stdout, got.stderr, want, tt.left)
				}
			}
		})
	}
}

func TestAvroCatNamesThePositionOfACorruptBlock(t *testing.T) {
	t.Parallel()
	data, begin := words(t, "one", "two", "three")
	data[begin[1]+1] += 2
	got := execute(t.Context(), nil, "avro", "cat", file(t, "in.avro", data))
	if got.code != 1 || got.stdout != "\"one\"\n" {
		t.Errorf("got code %d and %q, want 1 and the datum before the block", got.code, got.stdout)
	}
	got.oneLine(t, "in.avro", "record 2", fmt.Sprintf("the block at byte %d", begin[1]))
}

func TestAvroCatSkipsNoHeader(t *testing.T) {
	t.Parallel()
	execute(t.Context(), strings.NewReader("text"), "avro", "cat", "--skip-corrupt", "-").refused(t, 1, "standard input", "begins with")
}
