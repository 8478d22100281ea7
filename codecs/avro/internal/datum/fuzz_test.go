package datum_test

import (
	"encoding/hex"
	"testing"

	"github.com/gokavro/gokavro/codecs/avro/internal/datum"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// fuzzed keeps each run of a fuzz target short.
var fuzzed = datum.Limits{Depth: 50, ZeroSizeItems: 500}

func FuzzWalk(f *testing.F) {
	schemas := []string{everything, list, nulls, tree, endless, `["null","string",{"type":"map","values":"bytes"}]`}
	for i := range schemas {
		f.Add(uint8(i), []byte{2, 2, 0})
	}
	for _, data := range generated(f, everything, 5, 5) {
		f.Add(uint8(0), data)
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		schema := datum.New(parse(t, schemas[int(which)%len(schemas)]), fuzzed)
		n, err := schema.Skim(data)
		if err != nil {
			return
		}
		data = data[:n]
		if err := schema.Walk(data); err != nil {
			t.Fatalf("%x was skimmed, but not walked: %v", data, err)
		}
		text, err := schema.AppendJSON(nil, data, datum.Tagged)
		if err != nil {
			t.Fatalf("%x was walked, but not printed: %v", data, err)
		}
		binary, err := schema.AppendBinary(nil, text)
		if err != nil {
			t.Fatalf("%s was printed, but not read: %v", text, err)
		}
		again, err := schema.AppendJSON(nil, binary, datum.Tagged)
		if err != nil || string(again) != string(text) {
			t.Fatalf("got %s and %v, want %s", again, err, text)
		}
	})
}

func FuzzDecode(f *testing.F) {
	cases := evolutions(f)
	for i, c := range cases {
		data, _ := hex.DecodeString(c.Encoded)
		f.Add(uint8(i), data)
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		c := cases[int(which)%len(cases)]
		writer, reader := parse(t, string(c.Writer)), parse(t, string(c.Reader))
		there, err := datum.NewDecoder(resolve.New(writer, reader), fuzzed)
		if err != nil {
			return // the pair has a default that does not fit
		}
		out, err := there.Append(nil, data)
		if err != nil {
			return
		}
		if err := datum.Walk(writer, data, fuzzed); err != nil {
			t.Errorf("decoding takes what walking refuses: %v", err)
		}
		again, err := datum.NewDecoder(resolve.New(reader, reader), datum.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		same, err := again.Append(nil, out)
		if err != nil || string(same) != string(out) {
			t.Errorf("read again: got %x and %v, want %x", same, err, out)
		}
	})
}

func FuzzJSON(f *testing.F) {
	schema := parse(f, everything)
	s := datum.New(schema, datum.Limits{})
	for _, data := range generated(f, everything, 9, 5) {
		text, err := s.AppendJSON(nil, data, datum.Tagged)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		data, err := s.AppendBinary(nil, text)
		if err != nil {
			return
		}
		if err := s.Walk(data); err != nil {
			t.Errorf("%s was read as %x, which is no datum: %v", text, data, err)
		}
	})
}
