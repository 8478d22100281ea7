package gotype

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// What is laid over the package, under names that nobody has.
	fileName, folderName = "gokavro_schema_of_type.go", "gokavro_schema_of_type"

	inPackage = `package %s

import gokavroAvro "github.com/gokavro/gokavro/codecs/avro"

// GokavroSchemaOfType is laid over the package by gokavro schema gen.
func GokavroSchemaOfType() (string, error) {
	codec := %s
	if err := codec.Check(); err != nil {
		return "", err
	}
	return codec.Schema().Standalone(), nil
}
`

	program = `package main

import (
	"encoding/json"
	"os"

	of %q
)

func main() {
	var answer struct{ Schema, Fault string }
	text, err := of.GokavroSchemaOfType()
	if answer.Schema = text; err != nil {
		answer.Fault = err.Error()
	}
	data, err := json.Marshal(answer)
	if err == nil {
		err = os.WriteFile(os.Args[1], data, 0o600)
	}
	if err != nil {
		panic(err)
	}
}
`
)

// expression returns the Go expression of the type's codec.
func (p *goPackage) expression(r Request) string {
	if r.Namespace == "" && r.Name == "" && slices.Contains(p.codecs, r.Type) {
		return r.Type + "Codec(gokavroAvro.Plain())" // an option that changes no schema uses the import
	}
	var options []string
	if r.Namespace != "" {
		options = append(options, fmt.Sprintf("gokavroAvro.Namespace(%q)", r.Namespace))
	}
	if r.Name != "" {
		options = append(options, fmt.Sprintf("gokavroAvro.Name(%q)", r.Name))
	}
	return fmt.Sprintf("gokavroAvro.Typed[%s](%s)", r.Type, strings.Join(options, ", "))
}

// run compiles and runs the program that asks for the schema. It is laid over
// the package's folder, in which nothing is written.
func (p *goPackage) run(ctx context.Context, r Request) (schema string, err error) {
	temp, err := os.MkdirTemp("", "gokavro-*")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	overlay := map[string]map[string]string{"Replace": {
		filepath.Join(p.Dir, fileName):              filepath.Join(temp, "type.go"),
		filepath.Join(p.Dir, folderName, "main.go"): filepath.Join(temp, "main.go"),
	}}
	replaced, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	for name, text := range map[string]string{
		"overlay.json": string(replaced),
		"type.go":      fmt.Sprintf(inPackage, p.Name, p.expression(r)),
		"main.go":      fmt.Sprintf(program, p.ImportPath),
	} {
		const onlyOwner = 0o600
		if err := os.WriteFile(filepath.Join(temp, name), []byte(text), onlyOwner); err != nil {
			return "", err
		}
	}
	answer := filepath.Join(temp, "answer.json")
	if _, err := goCommand(ctx, p.Dir, "run", "-overlay", filepath.Join(temp, "overlay.json"), "./"+folderName, answer); err != nil {
		return "", err
	}
	return read(answer)
}

func read(answer string) (string, error) {
	data, err := os.ReadFile(answer)
	if err != nil {
		return "", errors.New("the package ended the program before the schema was asked for: look at its init functions")
	}
	var got struct{ Schema, Fault string }
	if err := json.Unmarshal(data, &got); err != nil {
		return "", err
	}
	if got.Fault != "" {
		return "", errors.New(got.Fault)
	}
	return got.Schema, nil
}
