package datum_test

import (
	"errors"
	"testing"

	"github.com/gokavro/gokavro/codecs/avro/internal/datum"
)

func TestFieldTextStopsAtTheField(t *testing.T) {
	t.Parallel()
	schema := datum.New(parse(t, `{"type":"record","name":"R","fields":[
		{"name":"a","type":{"type":"array","items":"int"}},{"name":"n","type":["null","double"]},{"name":"s","type":"string"}]}`), datum.Limits{})
	data := append(varint(-1, 1, 7, 0, 1), 0, 0, 0, 0, 0x65, 0xcd, 0xcd, 0x41)
	if got, err := schema.FieldText(data, "n"); err != nil || string(got) != "1000000000" {
		t.Errorf("got %q and %v, want a number without an exponent", got, err)
	}
	for name, tt := range map[string]struct {
		data   []byte
		field  string
		path   string
		offset int
	}{
		"a field before it is cut":   {data[:3], "n", "a", 3},
		"it is cut":                  {data[:8], "n", "n", 5},
		"it has parts":               {data, "a", "a", 0},
		"it is no UTF-8":             {append(varint(0, 0, 1), 0xff), "s", "s", 2},
		"its branch does not exist":  {varint(0, 2), "n", "n", 1},
		"a field before it is wrong": {varint(0, 9), "s", "n", 1},
	} {
		got, err := schema.FieldText(tt.data, tt.field)
		fault, ok := errors.AsType[*datum.Error](err)
		if !ok || got != nil || fault.Path != tt.path || fault.Offset != tt.offset {
			t.Errorf("%s: got %q and %v, want a fault in %s at byte %d", name, got, err, tt.path, tt.offset)
		}
	}
	if got, err := schema.FieldText(data, "x"); err == nil {
		t.Errorf("an unknown field: got %q, want an error", got)
	}
}
