package compat_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/compat"
)

func FuzzCheck(f *testing.F) {
	for _, tt := range conformance[pairCase](f, "compat.jsonl") {
		f.Add(string(tt.Writer), string(tt.Reader))
	}
	for _, text := range recursive() {
		f.Add(text, recursive()[0])
	}
	f.Fuzz(func(t *testing.T, writerText, readerText string) {
		writer, err := ast.Parse(writerText)
		if err != nil {
			return
		}
		reader, err := ast.Parse(readerText)
		if err != nil {
			return
		}
		started := time.Now()
		faults := compat.Check(writer, reader)
		if took := time.Since(started); took > 10*time.Second { // far above what it takes
			t.Fatalf("took %s", took)
		}
		if diff := cmp.Diff(faults, compat.Check(writer, reader)); diff != "" {
			t.Fatalf("the second time (-first +second):\n%s", diff)
		}
		want, ok := fits(writer, reader)
		if ok && want != (len(faults) == 0) {
			t.Fatalf("got %v, want compatible %v", faults, want)
		}
		_ = compat.CheckLevel(compat.FullTransitive, reader, []*ast.Node{writer, reader})
	})
}

func BenchmarkCheck(b *testing.B) {
	item := record("Item", field("sku", `"string"`), field("price", `{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`))
	order := func(more string) *ast.Node {
		return parseAny(b, record("shop.Order", field("id", `"long"`), field("kind", `{"type":"enum","name":"Kind","symbols":["A","B"]}`),
			field("note", `["null","string"]`), field("items", `{"type":"array","items":`+item+`}`),
			field("gift", `["null","shop.Item"]`), field("tags", `{"type":"map","values":"string"}`), more))
	}
	cases := append([]hostilePair{
		{"orders that fit", order(field("a", `"int"`)), order(field("b", `"int"`, `,"default":0`))},
		{"orders that do not", order(field("a", `"int"`)), order(field("b", `"int"`))},
	}, hostilePairs()...)
	for _, tt := range cases {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				compat.Check(tt.writer, tt.reader)
			}
		})
	}
}
