package integration_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// layers lists the module's folders from left to right: a package imports from
// its own folder and from those before it. The longest matching folder counts.
func layers() []string {
	return []string{
		"codecs",
		"codecs/codectest",
		"codecs/registry",
		"codecs/avro",
		"codecs/registry/embedded",
		"processors",
		"topology/graph",
		"topology/draw",
		"topology",
		"topology/kafka",
		"topology/internal",
		"topology/runner",
		"topology/topologytest",
		"integration/devstack",
		"examples",
		"integration",
		"cmd",
	}
}

// confined is a library that only some folders may import.
type confined struct {
	library   string
	folders   []string
	testsOnly []string // folders whose _test.go files may import it as well
}

func confinedLibraries() []confined {
	kafkaSide := []string{
		"topology/kafka", "topology/internal", "topology/runner", "topology/topologytest",
		"examples", "integration", "cmd",
	}
	return []confined{
		{library: "github.com/linkedin/goavro", folders: []string{"codecs/avro"}},
		{library: "github.com/twmb/avro", folders: []string{"codecs/avro"}},
		{library: "github.com/lovoo/goka", folders: kafkaSide},
		{library: "github.com/IBM/sarama", folders: kafkaSide},
		{
			library:   "github.com/cockroachdb/pebble",
			folders:   []string{"topology/internal/store"},
			testsOnly: []string{"topology/internal/task", "topology/internal/standby", "topology/internal/engine", "topology/runner"},
		},
		{
			library:   "github.com/twmb/franz-go/pkg/kfake",
			folders:   []string{"integration/devstack"},
			testsOnly: []string{"topology/kafka", "topology/internal/txn"},
		},
	}
}

// leftLibraries are all that code left of topology may use besides the standard
// library: it stays free of Kafka.
func leftLibraries() []string {
	return []string{
		"github.com/linkedin/goavro",
		"github.com/twmb/avro",
		"github.com/twmb/franz-go/pkg/sr",
		"github.com/klauspost/compress",
		"github.com/golang/snappy",
		"golang.org/x/sync",
	}
}

// goFile is what the layer rules look at: where a file is and what it imports.
type goFile struct {
	name    string // path from the module's root
	imports []string
}

func (f goFile) folder() string { return path.Dir(f.name) }
func (f goFile) isTest() bool   { return strings.HasSuffix(f.name, "_test.go") }

func TestImportsFollowTheLayers(t *testing.T) {
	t.Parallel()
	files := treeFiles(t, ".go")
	if len(files) == 0 {
		t.Fatal("no Go files found: the test looks at the wrong folder")
	}
	for _, name := range files {
		for _, fault := range importFaults(parseImports(t, name)) {
			t.Error(fault)
		}
	}
}

func TestTopLevelHoldsOnlyFoldersOfTheDesign(t *testing.T) {
	t.Parallel()
	for _, fault := range topLevelFaults(treeFiles(t, ".go")) {
		t.Error(fault)
	}
}

func TestTopLevelCheckSeesStrangeFolders(t *testing.T) {
	t.Parallel()
	got := topLevelFaults([]string{"codecs/a.go", "main.go", "pkg/x/a.go", "pkg/x/b.go", "cmd/flights/main.go"})
	want := []string{
		"main.go: no Go files beside go.mod",
		"pkg: not a code folder of the design (cmd, codecs, examples, integration, processors, topology)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestImportCheckSeesViolations(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		file   string
		module string // import below the module's path
		other  string // any other import
		want   string // part of the fault; empty when the import is right
	}{
		{name: "left", file: "topology/a.go", module: "codecs/avro"},
		{name: "own folder", file: "processors/enrich/a.go", module: "processors"},
		{name: "right", file: "codecs/avro/a.go", module: "topology", want: "codecs/avro may not import topology"},
		{name: "right inside codecs", file: "codecs/registry/a.go", module: "codecs/avro", want: "may not import codecs/avro"},
		{name: "embedded is right of avro", file: "codecs/registry/embedded/a.go", module: "codecs/avro"},
		{name: "avro does not need embedded", file: "codecs/avro/a.go", module: "codecs/registry/embedded", want: "may not import"},
		{name: "graph from topology", file: "topology/a.go", module: "topology/graph"},
		{name: "topology from graph", file: "topology/graph/a.go", module: "topology", want: "may not import"},
		{name: "runner from internal", file: "topology/internal/task/a.go", module: "topology/runner", want: "may not import"},
		{name: "cmd from examples", file: "examples/users/main.go", module: "cmd/gokavro", want: "may not import"},
		{name: "a test may look right", file: "codecs/avro/a_test.go", module: "codecs/registry/embedded"},
		{name: "a runner test may use devstack", file: "topology/runner/a_test.go", module: "integration/devstack"},
		{name: "no layer", file: "pkg/util/a.go", module: "codecs", want: "pkg/util: belongs to no layer"},
		{name: "import without layer", file: "cmd/gokavro/a.go", module: "pkg/util", want: "pkg/util belongs to no layer"},

		{name: "goavro in avro", file: "codecs/avro/a.go", other: "github.com/linkedin/goavro/v2"},
		{name: "goavro elsewhere", file: "cmd/gokavro/a.go", other: "github.com/linkedin/goavro/v2", want: "only codecs/avro"},
		{name: "twmb avro in a test", file: "examples/users/a_test.go", other: "github.com/twmb/avro/ocf", want: "only codecs/avro"},
		{name: "goka in runner", file: "topology/runner/a.go", other: "github.com/lovoo/goka"},
		{name: "goka in topology", file: "topology/a.go", other: "github.com/lovoo/goka", want: "only topology/kafka"},
		{name: "sarama in graph", file: "topology/graph/a.go", other: "github.com/IBM/sarama", want: "only topology/kafka"},
		{name: "kfake in devstack", file: "integration/devstack/a.go", other: "github.com/twmb/franz-go/pkg/kfake"},
		{name: "kfake in a kafka test", file: "topology/kafka/a_test.go", other: "github.com/twmb/franz-go/pkg/kfake"},
		{name: "kfake in kafka", file: "topology/kafka/a.go", other: "github.com/twmb/franz-go/pkg/kfake", want: "only integration/devstack"},
		{name: "kfake's sibling", file: "topology/kafka/a.go", other: "github.com/twmb/franz-go/pkg/kfakelike"},

		{name: "processors and codecs", file: "processors/enrich/a.go", module: "codecs"},
		{name: "processors and avro", file: "processors/enrich/a.go", module: "codecs/avro", want: "processors import only"},
		{name: "processors and a library", file: "processors/a.go", other: "golang.org/x/sync/errgroup", want: "processors import only"},
		{name: "a processor's test and go-cmp", file: "processors/a_test.go", other: "github.com/google/go-cmp/cmp"},
		{name: "std", file: "processors/a.go", other: "encoding/json"},

		{name: "registry and sr", file: "codecs/registry/a.go", other: "github.com/twmb/franz-go/pkg/sr"},
		{name: "cobra in codecs", file: "codecs/a.go", other: "github.com/spf13/cobra", want: "left of topology"},
		{name: "go-cmp outside tests", file: "codecs/a.go", other: "github.com/google/go-cmp/cmp", want: "left of topology"},

		{name: "examples and runner", file: "examples/flights/a.go", module: "topology/runner"},
		{name: "examples and internal", file: "examples/flights/a.go", module: "topology/internal/compile", want: "public packages"},
		{name: "cmd and flights", file: "cmd/gokavro/a.go", module: "examples/flights"},
		{name: "cmd and another example", file: "cmd/gokavro/a.go", module: "examples/users", want: "only examples/flights"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			imported := tt.other
			if tt.module != "" {
				imported = modulePath + "/" + tt.module
			}
			got := strings.Join(importFaults(goFile{name: tt.file, imports: []string{imported}}), "\n")
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("%s importing %s: got fault %q, want %q", tt.file, imported, got, tt.want)
			}
		})
	}
}

// importFaults reports every import of a file that breaks a rule.
func importFaults(f goFile) []string {
	if layerOf(f.folder()) < 0 {
		return []string{f.folder() + ": belongs to no layer: put it into a folder of the design"}
	}
	var faults []string
	for _, imported := range f.imports {
		fault := libraryFault(f, imported)
		if inside, found := strings.CutPrefix(imported, modulePath+"/"); found {
			fault = moduleFault(f, inside)
		}
		if fault != "" {
			faults = append(faults, f.name+": "+fault)
		}
	}
	return faults
}

// moduleFault judges the import of a package of this module.
func moduleFault(f goFile, imported string) string {
	from, to := layerOf(f.folder()), layerOf(imported)
	switch {
	case to < 0:
		return imported + " belongs to no layer: put it into a folder of the design"
	case to > from && !f.isTest():
		return fmt.Sprintf("%s may not import %s, which is right of it", f.folder(), imported)
	case within(f.folder(), "processors") && !f.isTest() && imported != "codecs" && !within(imported, "processors"):
		return "processors import only codecs, processors and the standard library, not " + imported
	case within(f.folder(), "examples") && slices.Contains(strings.Split(imported, "/"), "internal"):
		return "examples import only public packages, not " + imported
	case within(f.folder(), "cmd") && within(imported, "examples") && imported != "examples/flights":
		return "cmd imports only examples/flights of the examples, not " + imported
	}
	return ""
}

// libraryFault judges the import of a package of another module.
func libraryFault(f goFile, imported string) string {
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return "" // the standard library
	}
	for _, c := range confinedLibraries() {
		if !within(imported, c.library) || withinAny(f.folder(), c.folders) {
			continue
		}
		if !f.isTest() || !withinAny(f.folder(), c.testsOnly) {
			return fmt.Sprintf("only %s may import %s", strings.Join(c.folders, ", "), imported)
		}
	}
	if f.isTest() && within(imported, "github.com/google/go-cmp") {
		return ""
	}
	if within(f.folder(), "processors") {
		return "processors import only codecs, processors and the standard library, not " + imported
	}
	if layerOf(f.folder()) < layerOf("topology") && !withinAny(imported, leftLibraries()) {
		return "not one of the libraries for code left of topology: " + imported
	}
	return ""
}

// layerOf returns the layer's place in the order, -1 when there is none.
func layerOf(folder string) int {
	best, length := -1, -1
	for i, layer := range layers() {
		if within(folder, layer) && len(layer) > length {
			best, length = i, len(layer)
		}
	}
	return best
}

// within tells whether a slash-separated path is folder or lies below it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func withinAny(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return within(path, folder) })
}

func topLevelFaults(files []string) []string {
	code := []string{"cmd", "codecs", "examples", "integration", "processors", "topology"}
	var faults []string
	for _, name := range files {
		top, _, below := strings.Cut(name, "/")
		switch {
		case !below:
			faults = append(faults, name+": no Go files beside go.mod")
		case !slices.Contains(code, top):
			faults = append(faults, fmt.Sprintf("%s: not a code folder of the design (%s)", top, strings.Join(code, ", ")))
		}
	}
	return slices.Compact(faults)
}

func parseImports(t *testing.T, name string) goFile {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(moduleRoot, name), nil, parser.ImportsOnly)
	if err != nil {
		t.Fatalf("parsing %s: %v", name, err)
	}
	f := goFile{name: name}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("%s: import %s: %v", name, spec.Path.Value, err)
		}
		f.imports = append(f.imports, imported)
	}
	return f
}
