package avro

import (
	"fmt"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/gen"
)

// SchemaFile is a schema that [GenerateGo] writes code for.
type SchemaFile struct {
	// Name is what the code's header and errors call the schema.
	Name string
	// Text is the schema's JSON. It may use the named types of the other files;
	// if it does, it must not define one of them itself.
	Text string
}

// GenerateGo returns a gofmt'ed Go file of package pkg: for each record of the
// schemas, nested ones too, a struct with tags, its schema as a constant and a
// function that returns its [TypedCodec]; for each enum a string type with
// constants. Types come in the order of the files and of their first use. The
// same files give the same bytes.
//
// A nullable type is a pointer, or the slice or map itself; any other union is
// an any. Times are time.Time, times of day time.Duration, decimals *big.Rat,
// UUIDs strings, and a fixed is an array of bytes.
//
// A schema that does not parse, a type that two files define differently and
// files without a record or an enum are errors.
func GenerateGo(pkg string, files ...SchemaFile) ([]byte, error) {
	sources, err := parseFiles(files)
	if err != nil {
		return nil, err
	}
	code, err := gen.File(pkg, sources)
	if err != nil {
		return nil, fmt.Errorf("avro: writing Go code: %w", err)
	}
	return code, nil
}

// parseFiles parses files in an order in which each comes after those that it
// refers to, and returns them in their own.
func parseFiles(files []SchemaFile) ([]gen.Source, error) {
	sources := make([]gen.Source, len(files))
	var known []*ast.Node
	for left := len(files); left > 0; {
		refs := gen.Texts(known)
		var fault error
		before := left
		for i, file := range files {
			if sources[i].Root != nil {
				continue
			}
			source, err := parseFile(file, refs)
			if err != nil {
				if fault == nil {
					fault = fmt.Errorf("%s: %w", file.Name, err)
				}
				continue
			}
			sources[i] = source
			known = append(known, source.Root)
			left--
		}
		if left == before {
			return nil, fault
		}
	}
	return sources, nil
}

// parseFile parses a file, by itself if that is possible.
func parseFile(file SchemaFile, refs []string) (gen.Source, error) {
	schema, err := ParseSchema(file.Text)
	if err != nil && len(refs) > 0 {
		schema, err = ParseSchema(file.Text, refs...)
	}
	if err != nil {
		return gen.Source{}, err
	}
	source := gen.Source{Name: file.Name}
	if !schema.refers {
		source.Text = file.Text
	}
	// Not from Standalone, which says less about the types of other files.
	source.Root, err = ast.Parse(file.Text, refsOf(schema, refs)...)
	return source, err
}

func refsOf(schema *ParsedSchema, refs []string) []string {
	if schema.refers {
		return refs
	}
	return nil
}
