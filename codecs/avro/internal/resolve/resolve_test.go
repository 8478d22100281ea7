package resolve_test

import (
	"testing"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// What the compatibility checker lets pass has to be readable.
func TestABranchOfAnotherNamespaceIsReadByItsShortName(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, writer, reader string
		want                 int
	}{
		{
			"an enum", `{"type":"enum","name":"a.E","symbols":["X"]}`,
			`["null",{"type":"enum","name":"F","symbols":["X"]},{"type":"enum","name":"b.E","symbols":["X"]}]`, 2,
		},
		{"a fixed", `{"type":"fixed","name":"a.E","size":2}`, `["null",{"type":"fixed","name":"b.E","size":2}]`, 1},
		{
			"the full name first", `{"type":"fixed","name":"a.E","size":2}`,
			`[{"type":"fixed","name":"b.E","size":2},{"type":"fixed","name":"a.E","size":2}]`, 1,
		},
		{"a fixed of another size", `{"type":"fixed","name":"a.E","size":2}`, `["null",{"type":"fixed","name":"b.E","size":3}]`, -1},
		{"an enum of another name", `{"type":"enum","name":"a.E","symbols":["X"]}`, `[{"type":"enum","name":"a.F","symbols":["X"]}]`, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := resolve.New(parse(t, tt.writer), parse(t, tt.reader))
			if got := a.Kind == resolve.ReaderUnion; got != (tt.want >= 0) || got && a.Branch != tt.want {
				t.Errorf("got %+v, want branch %d", a, tt.want)
			}
		})
	}
}

func parse(t *testing.T, text string) *ast.Node {
	t.Helper()
	node, err := ast.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return node
}
