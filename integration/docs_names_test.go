package integration_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExportedNamesAreDocumented(t *testing.T) {
	t.Parallel()
	folders := map[string][]string{}
	for _, name := range treeFiles(t, ".go") {
		if !strings.HasSuffix(name, "_test.go") && !slices.Contains(strings.Split(name, "/"), "internal") {
			folders[path.Dir(name)] = append(folders[path.Dir(name)], readTree(t, name))
		}
	}
	for folder, sources := range folders {
		for _, fault := range docFaults(t, sources) {
			t.Errorf("%s: %s", folder, fault)
		}
	}
}

func TestDocCheckSeesMissingComments(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		source string
		want   []string
	}{
		{name: "documented", source: "// Package p is.\npackage p\n\n// F does.\nfunc F() {}\n"},
		{name: "no package comment", source: "package p\n", want: []string{"package p: no comment that starts with \"Package p\""}},
		{name: "a command", source: "package main\n\nfunc F() {}\n"},
		{name: "function", source: pkg + "func F() {}\n", want: []string{"F"}},
		{name: "another first word", source: pkg + "// It does.\nfunc F() {}\n", want: []string{"F"}},
		{name: "only a prefix of the word", source: pkg + "// Fs do.\nfunc F() {}\n", want: []string{"F"}},
		{name: "only a directive", source: pkg + "//go:noinline\nfunc F() {}\n", want: []string{"F"}},
		{name: "unexported", source: pkg + "func f() {}\ntype t int\nfunc (t) M() {}\n"},
		{name: "method", source: pkg + "// T is.\ntype T[A any] int\nfunc (t *T[A]) M() {}\n", want: []string{"T.M"}},
		{name: "type", source: pkg + "type T int\n", want: []string{"T"}},
		{name: "types in a group", source: pkg + "// T and U.\ntype (\n\tT int\n\t// U is.\n\tU int\n)\n", want: []string{"T"}},
		{name: "constants in a group", source: pkg + "// Some.\nconst (\n\tA = 1\n\t// B is.\n\tB = 2\n\tc = 3\n)\n", want: []string{"A"}},
		{name: "variable", source: pkg + "// ErrX is.\nvar ErrX = error(nil)\nvar ErrY = error(nil)\n", want: []string{"ErrY"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := docFaults(t, []string{tt.source})
			for i := range got {
				got[i], _ = strings.CutSuffix(got[i], ": no comment that starts with its name")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// pkg opens the sources of the table above.
const pkg = "// Package p is.\npackage p\n\n"

// docFaults reports the exported names of one package that lack a comment which
// starts with the name. Commands export nothing.
func docFaults(t *testing.T, sources []string) []string {
	t.Helper()
	var faults []string
	opening := "" // the first word of the package's name, once a comment has it
	name := ""
	for _, source := range sources {
		file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("parsing: %v", err)
		}
		if name = file.Name.Name; name == "main" {
			return nil
		}
		if startsWith(file.Doc, "Package "+name) {
			opening = name
		}
		for _, decl := range file.Decls {
			faults = append(faults, declFaults(decl)...)
		}
	}
	if opening == "" {
		faults = append(faults, fmt.Sprintf("package %s: no comment that starts with \"Package %s\"", name, name))
	}
	return faults
}

func declFaults(decl ast.Decl) []string {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		return funcFaults(decl)
	case *ast.GenDecl:
		var faults []string
		for _, spec := range decl.Specs {
			faults = append(faults, specFaults(decl, spec)...)
		}
		return faults
	}
	return nil
}

func funcFaults(decl *ast.FuncDecl) []string {
	name := decl.Name.Name
	if !ast.IsExported(name) {
		return nil
	}
	shown := name
	if decl.Recv != nil {
		receiver := receiverName(decl.Recv.List[0].Type)
		if !ast.IsExported(receiver) {
			return nil
		}
		shown = receiver + "." + name
	}
	return missing(shown, startsWith(decl.Doc, name))
}

func receiverName(expr ast.Expr) string {
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}

// specFaults looks at one name of a declaration; one without parentheses carries
// the comment itself.
func specFaults(decl *ast.GenDecl, spec ast.Spec) []string {
	comment := decl.Doc
	if decl.Lparen.IsValid() {
		comment = nil
	}
	var names []*ast.Ident
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		names = []*ast.Ident{spec.Name}
		if spec.Doc != nil {
			comment = spec.Doc
		}
	case *ast.ValueSpec:
		names = spec.Names
		if spec.Doc != nil {
			comment = spec.Doc
		}
	}
	for _, name := range names {
		if name.IsExported() {
			return missing(name.Name, startsWith(comment, name.Name))
		}
	}
	return nil
}

func missing(name string, documented bool) []string {
	if documented {
		return nil
	}
	return []string{name + ": no comment that starts with its name"}
}

// startsWith tells whether the comment's text opens with the words, as whole words.
func startsWith(comment *ast.CommentGroup, words string) bool {
	rest, found := strings.CutPrefix(comment.Text(), words)
	return found && rest != "" && strings.ContainsAny(rest[:1], " ,.:'\n(")
}
