package outline_test

import (
	"testing"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/outline"
)

func TestFieldTypesAreResolvedThroughNames(t *testing.T) {
	t.Parallel()
	const text = `{"type":"record","name":"Order","namespace":"shop","fields":[
		{"name":"state","type":{"type":"enum","name":"State","symbols":["NEW"]}},
		{"name":"before","type":["null","State"]},
		{"name":"day","type":{"type":"int","logicalType":"date"}},
		{"name":"line","type":{"type":"array","items":{"type":"record","name":"inner.Line","fields":[
			{"name":"code","type":{"type":"fixed","name":"Code","size":2}},
			{"name":"again","type":"Code"}]}}},
		{"name":"code","type":"shop.inner.Code"},
		{"name":"parent","type":["null","Order"]},
		{"name":"nested","type":{"type":{"type":"string"}}},
		{"name":"bag","type":{"type":"map","values":"long"}}]}`
	order, err := outline.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"state":  "enum shop.State",
		"before": "union of null, enum shop.State",
		"day":    "int (date)",
		"line":   "array",
		"parent": "union of null, record shop.Order",
		"nested": "string",
		"bag":    "map",
	}
	for name, text := range want {
		found, ok := order.Field(name)
		if !ok || found.String() != text {
			t.Errorf("field %s: got %v (found: %t), want %s", name, found, ok, text)
		}
	}
	line, _ := order.Field("line")
	if again, _ := line.Inner.Field("again"); again.String() != "fixed inner.Code" {
		t.Errorf("a name inside a record of another namespace: got %s, want fixed inner.Code", again)
	}
	if _, ok := order.Field("nothing"); ok {
		t.Error("a field that is not there was found")
	}
}

func TestParseRefusesWhatIsNoSchema(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "{", "7", `{"type":7}`, `["null",7]`, `{"type":"array"}`,
		`{"type":"record","name":"A","fields":[{"name":"x"}]}`,
	} {
		if got, err := outline.Parse(text); err == nil {
			t.Errorf("Parse(%q): got %v, want an error", text, got)
		}
	}
}
