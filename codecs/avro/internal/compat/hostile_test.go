package compat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/compat"
)

// ring is a schema of n records, each with the named fields of the next record
// and the last ones of the first. The last one has a field more, of type leaf.
func ring(prefix string, n int, leaf string, fields ...string) *ast.Node {
	text := ""
	for i := n - 1; i >= 0; i-- {
		next := text
		if i == n-1 {
			next = fmt.Sprintf(`"%s0"`, prefix)
		}
		var parts []string
		for _, field := range fields {
			parts = append(parts, fmt.Sprintf(`{"name":%q,"type":%s}`, field, next))
			// Only the first use of a type defines it.
			next = fmt.Sprintf(`"%s%d"`, prefix, (i+1)%n)
		}
		if i == n-1 {
			parts = append(parts, fmt.Sprintf(`{"name":"leaf","type":%q,"default":null}`, leaf))
		}
		text = fmt.Sprintf(`{"type":"record","name":"%s%d","fields":[%s]}`, prefix, i, strings.Join(parts, ","))
	}
	return mustParse(text)
}

// knot is a ring of records of one short name, each in a namespace of its own,
// so that no name keeps two of them apart.
func knot(n int, leaf string) *ast.Node {
	records := make([]*ast.Node, n)
	for i := range records {
		records[i] = &ast.Node{Kind: ast.Record, Name: fmt.Sprintf("n%d.R", i)}
	}
	for i, record := range records {
		record.Fields = []*ast.Field{
			{Name: "next", Type: records[(i+1)%n]},
			{Name: "down", Type: records[(i*i+1)%n]},
		}
	}
	records[n-1].Fields = append(records[n-1].Fields, &ast.Field{Name: "leaf", Type: mustParse(leaf)})
	return records[0]
}

func wide(n int, leaf string) *ast.Node {
	union := &ast.Node{Kind: ast.Union}
	for i := range n {
		union.Branches = append(union.Branches, &ast.Node{
			Kind: ast.Record, Name: fmt.Sprintf("n%d.R", i), Aliases: []string{"some.Old"},
			Fields: []*ast.Field{{Name: "leaf", Type: mustParse(leaf)}},
		})
	}
	return union
}

func symbols(n int, prefix string) *ast.Node {
	enum := &ast.Node{Kind: ast.Enum, Name: "E"}
	for i := range n {
		enum.Symbols = append(enum.Symbols, fmt.Sprint(prefix, i))
	}
	return enum
}

// tower is n records, each with the next one as its field.
func tower(n int, leaf string) *ast.Node {
	node := mustParse(leaf)
	for range n {
		node = &ast.Node{Kind: ast.Record, Name: "T", Fields: []*ast.Field{{Name: "down", Type: node}}}
	}
	return node
}

func mustParse(text string) *ast.Node {
	node, err := ast.Parse(text)
	if err != nil {
		panic(err)
	}
	return node
}

type hostilePair struct {
	name           string
	writer, reader *ast.Node
}

func hostilePairs() []hostilePair {
	return []hostilePair{
		{"rings of two fields", ring("W", 30, "int", "a", "b"), ring("R", 30, "string", "a", "b")},
		{"rings of two lengths", ring("W", 29, "int", "a", "b"), ring("R", 30, "string", "b", "a")},
		{"knots of one name", knot(200, "int"), knot(201, "string")},
		{"large knots of one name", knot(2000, "int"), knot(2001, "string")},
		{"wide unions of one name", wide(300, `"string"`), wide(300, `"int"`)},
		{"very wide unions of one name", wide(20_000, `"string"`), wide(20_000, `"int"`)},
		{"large enums", symbols(300_000, "A"), symbols(300_000, "B")},
		{"high towers", tower(100_000, `"string"`), tower(100_000, `"int"`)},
	}
}

// The bound is far above the time it takes, for machines that are busy and the
// race detector; without a bound on pairs these would take minutes or for ever.
func TestCheckEndsSoonOnHostilePairs(t *testing.T) {
	t.Parallel()
	for _, tt := range hostilePairs() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			started := time.Now()
			faults := compat.Check(tt.writer, tt.reader)
			took := time.Since(started)
			if len(faults) == 0 {
				t.Error("got no fault")
			}
			t.Logf("%d faults after %s, first: %.300s", len(faults), took, faults[0])
			if took > 10*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}
