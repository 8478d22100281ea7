package topology_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

const program = `package p

import (
	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
)

func build() {
	t := topology.New("t")
	in := topology.Input(t, "in", codecs.String())
	lengths := topology.Each(in, "length", processors.Map(func(s string) int64 { return int64(len(s)) }))
	lengths.To("out", CODEC)
}
`

// TestWrongTypesBetweenStepsDoNotCompile type-checks a topology whose output
// has the right codec, and the same one with a codec of another type.
func TestWrongTypesBetweenStepsDoNotCompile(t *testing.T) {
	t.Parallel()
	for codec, want := range map[string]string{"codecs.Int64()": "", "codecs.String()": "codecs.Codec[int64]"} {
		err := check(t, strings.ReplaceAll(program, "CODEC", codec))
		switch {
		case want == "" && err != nil:
			t.Errorf("codec %s: got %v, want it to compile", codec, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("codec %s: got %v, want an error that names %s", codec, err, want)
		}
	}
}

func check(t *testing.T, source string) error {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	conf := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	_, err = conf.Check("p", fset, []*ast.File{file}, nil)
	return err
}
