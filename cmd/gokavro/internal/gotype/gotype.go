// Package gotype finds the Avro schemas of Go types in source code. It lets the
// go command compile a program that asks package avro for them, in the user's
// module and with the user's version, so that they are exactly those that the
// types have in a running processor.
package gotype

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Request says which type's schema is wanted.
type Request struct {
	// Path is a Go file or the folder of a package.
	Path string
	// Type is the type's name. It may be left out when the file or the package
	// has one struct with avro tags.
	Type string
	// Namespace and Name are those of the schema, as of avro.Namespace and
	// avro.Name. Without them the schema is that of the function TypeCodec where
	// the package has one, as in code that gokavro wrote.
	Namespace, Name string
}

// Schema returns the text of the type's schema. It needs the go command, a
// package that compiles and is not main, and a module that requires gokavro.
func Schema(ctx context.Context, r Request) (string, error) {
	pkg, err := load(ctx, r.Path)
	if err != nil {
		return "", err
	}
	if r.Type, err = pkg.choose(r); err != nil {
		return "", err
	}
	return pkg.run(ctx, r)
}

// goPackage is a package of Go source.
type goPackage struct {
	Name, ImportPath, Dir string
	GoFiles               []string

	types  []declared
	codecs []string // functions TypeCodec, by the name of the type
}

// declared is a type of a package.
type declared struct {
	name, file string
	tagged     bool // a struct with avro tags
}

// load lists the package and reads its declarations.
func load(ctx context.Context, path string) (*goPackage, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, errors.New("there is no such file or folder")
	}
	dir := path
	if !info.IsDir() {
		dir = filepath.Dir(path)
	}
	listed, err := goCommand(ctx, dir, "list", "-json=Name,ImportPath,Dir,GoFiles", ".")
	if err != nil {
		return nil, err
	}
	pkg := &goPackage{}
	if err := json.Unmarshal(listed, pkg); err != nil {
		return nil, fmt.Errorf("reading the answer of go list: %w", err)
	}
	if pkg.Name == "main" {
		return nil, errors.New("package main cannot be imported: move the type into a package of its own")
	}
	if !info.IsDir() && !slices.Contains(pkg.GoFiles, filepath.Base(path)) {
		return nil, fmt.Errorf("the file is none of package %s on this system: %s", pkg.Name, strings.Join(pkg.GoFiles, ", "))
	}
	return pkg, pkg.read()
}

func (p *goPackage) read() error {
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			p.declare(name, decl)
		}
	}
	return nil
}

func (p *goPackage) declare(file string, decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if of, ok := strings.CutSuffix(d.Name.Name, "Codec"); ok && d.Recv == nil && isCodecFunc(d, of) {
			p.codecs = append(p.codecs, of)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if t, ok := spec.(*ast.TypeSpec); ok && t.TypeParams == nil {
				p.types = append(p.types, declared{name: t.Name.Name, file: file, tagged: isTagged(t.Type)})
			}
		}
	}
}

// isCodecFunc tells the functions of generated code: they take options and
// return a codec of the type.
func isCodecFunc(d *ast.FuncDecl, of string) bool {
	results := d.Type.Results
	if d.Type.Params.NumFields() != 1 || results.NumFields() != 1 {
		return false
	}
	if _, variadic := d.Type.Params.List[0].Type.(*ast.Ellipsis); !variadic {
		return false
	}
	pointer, ok := results.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	generic, ok := pointer.X.(*ast.IndexExpr)
	if !ok {
		return false
	}
	name, ok := generic.Index.(*ast.Ident)
	codec, selected := generic.X.(*ast.SelectorExpr)
	return ok && selected && name.Name == of && codec.Sel.Name == "TypedCodec"
}

func isTagged(t ast.Expr) bool {
	s, ok := t.(*ast.StructType)
	return ok && slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool {
		return f.Tag != nil && strings.Contains(f.Tag.Value, `avro:"`)
	})
}

// choose returns the type that is meant.
func (p *goPackage) choose(r Request) (string, error) {
	var all, tagged []string
	for _, t := range p.types {
		all = append(all, t.name)
		if t.tagged && (strings.HasSuffix(r.Path, ".go") && filepath.Base(r.Path) != t.file) {
			continue
		}
		if t.tagged {
			tagged = append(tagged, t.name)
		}
	}
	switch {
	case r.Type != "" && slices.Contains(all, r.Type):
		return r.Type, nil
	case r.Type != "":
		return "", fmt.Errorf("package %s has no type %s without parameters, only %s", p.Name, r.Type, strings.Join(all, ", "))
	case len(tagged) == 1:
		return tagged[0], nil
	case len(tagged) == 0:
		return "", errors.New("no struct has avro tags: name a type with --type")
	}
	return "", fmt.Errorf("several structs have avro tags: name one with --type: %s", strings.Join(tagged, ", "))
}

// goCommand runs the go command. Its error is the first line that tells what is
// wrong.
func goCommand(ctx context.Context, dir string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = dir
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("the go command is needed to read Go types, and is not in the PATH: install Go")
	case err != nil:
		return nil, fmt.Errorf("go %s: %s", args[0], firstLine(said.String(), err))
	}
	return out, nil
}

func firstLine(text string, otherwise error) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "go: downloading") {
			return line
		}
	}
	return otherwise.Error()
}
