package datum_test

import (
	"bytes"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/codecs/avro/internal/datum"
)

const everything = `{"type":"record","name":"a.All","fields":[
	{"name":"n","type":"null"},{"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":"long"},
	{"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"by","type":"bytes"},{"name":"s","type":"string"},
	{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},
	{"name":"x","type":{"type":"fixed","name":"X","size":3}},
	{"name":"list","type":{"type":"array","items":["null","E","string"]}},
	{"name":"map","type":{"type":"map","values":["int","X","All"]}},
	{"name":"next","type":["All","null"]},
	{"name":"day","type":{"type":"int","logicalType":"date"}},
	{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"time","type":{"type":"int","logicalType":"time-millis"}},
	{"name":"id","type":{"type":"string","logicalType":"uuid"}},
	{"name":"sum","type":{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}},
	{"name":"sum2","type":{"type":"fixed","name":"D","size":9,"logicalType":"decimal","precision":3}},
	{"name":"span","type":{"type":"fixed","name":"S","size":12,"logicalType":"duration"}}
]}`

func generated(t testing.TB, schema string, seed uint64, count int) [][]byte {
	t.Helper()
	g, err := datum.NewGenerator(parse(t, schema), seed)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]byte
	for range count {
		data, err := g.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, data)
	}
	return list
}

func TestGeneratedDataAreValidAndGoThroughJSONAndBack(t *testing.T) {
	t.Parallel()
	schema := datum.New(parse(t, everything), datum.Limits{})
	different := map[string]bool{}
	for _, data := range generated(t, everything, 7, 500) {
		if err := schema.Walk(data); err != nil {
			t.Fatalf("%x: %v", data, err)
		}
		text, err := schema.AppendJSON(nil, data, datum.Tagged)
		if err != nil {
			t.Fatal(err)
		}
		again, err := schema.AppendBinary(nil, text)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("from %s: got %x and %v, want %x", text, again, err, data)
		}
		if len(data) > 100_000 {
			t.Errorf("got %d bytes, want a datum of moderate size", len(data))
		}
		different[string(data)] = true
	}
	if len(different) != 500 {
		t.Errorf("got %d different data, want 500", len(different))
	}
}

func TestGeneratedDataDependOnTheSeedAlone(t *testing.T) {
	t.Parallel()
	first, same, other := generated(t, everything, 1, 3), generated(t, everything, 1, 3), generated(t, everything, 2, 3)
	for i := range first {
		if !bytes.Equal(first[i], same[i]) {
			t.Errorf("datum %d: the same seed gives another", i)
		}
		if bytes.Equal(first[i], other[i]) {
			t.Errorf("datum %d: another seed gives the same", i)
		}
	}
}

func TestGeneratedDataRespectLogicalTypes(t *testing.T) {
	t.Parallel()
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, data := range generated(t, `{"type":"string","logicalType":"uuid"}`, 1, 100) {
		if !uuid.Match(data[1:]) {
			t.Errorf("got %s, want a UUID", data[1:])
		}
	}
	for _, schema := range []string{
		`{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`,
		`{"type":"fixed","name":"F","size":2,"logicalType":"decimal","precision":4,"scale":2}`,
		`{"type":"fixed","name":"F","size":12,"logicalType":"decimal","precision":4,"scale":2}`,
	} {
		for _, data := range generated(t, schema, 1, 300) {
			if strings.Contains(schema, "bytes") {
				data = data[1:]
			}
			if n := twos(data); n.CmpAbs(big.NewInt(9999)) > 0 {
				t.Errorf("%s: got %s from %x, want four digits", schema, n, data)
			}
		}
	}
}

// twos reads a number in two's complement.
func twos(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}

func TestGeneratingEndsOrIsRefused(t *testing.T) {
	t.Parallel()
	tree := `{"type":"record","name":"T","fields":[{"name":"a","type":["T","null"]},{"name":"b","type":{"type":"array","items":"T"}},{"name":"c","type":{"type":"map","values":"T"}}]}`
	for _, data := range generated(t, tree, 3, 100) {
		if err := datum.Walk(parse(t, tree), data, datum.Limits{}); err != nil {
			t.Error(err)
		}
	}
	endless := `{"type":"record","name":"R","fields":[{"name":"r","type":["R"]}]}`
	if _, err := datum.NewGenerator(parse(t, endless), 1); err == nil || !strings.Contains(err.Error(), "recursive without end") {
		t.Errorf("got %v, want a refusal", err)
	}
	half := `["null",` + endless + `]`
	for _, data := range generated(t, half, 1, 20) {
		if data[0] != 0 {
			t.Errorf("got %x, want null always", data)
		}
	}
	g, err := datum.NewGenerator(parse(t, `{"type":"fixed","name":"F","size":1099511627776}`), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Append(nil); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("got %v, want a refusal", err)
	}
}
