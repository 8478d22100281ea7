package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/registry"
)

func TestSchemaBundleKeepsWhatIsNamedAndWhatItRefersTo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for subject, text := range map[string]string{"points-value": pointV1, "points-key": `"string"`, "other-value": `"int"`} {
		if _, err := b.registry.Register(t.Context(), subject, text); err != nil {
			t.Fatal(err)
		}
	}
	ref := registry.Reference{Name: "point", Subject: "points-value", Version: 1}
	if _, err := b.registry.Register(t.Context(), "path", `{"type":"array","items":"long"}`, ref); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		want []string
	}{
		{"topic", []string{"--topic", "points"}, []string{"points-key", "points-value"}},
		{"topic and subject", []string{"--topic", "other", "--subject", "path"}, []string{"other-value", "path", "points-value"}},
		{"all", []string{"--all"}, []string{"other-value", "path", "points-key", "points-value"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "schemas.json")
			args := append([]string{"schema", "bundle", "-o", out, "--registry", b.stack.RegistryURL()}, tt.args...)
			var texts []string
			for range 2 {
				execute(t.Context(), nil, args...).ok(t)
				text, err := os.ReadFile(out)
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, string(text))
			}
			bundle, err := registry.ParseBundle([]byte(texts[0]))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(bundle.Subjects(), tt.want); diff != "" {
				t.Errorf("subjects (-got +want):\n%s", diff)
			}
			if len(slices.Compact(texts)) != 1 {
				t.Error("a second file of the same differs")
			}
		})
	}
}

func TestSchemaBundleNamesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	out := filepath.Join(t.TempDir(), "schemas.json")
	for _, what := range []string{"--topic", "--subject"} {
		execute(t.Context(), nil, "schema", "bundle", what, "nowhere", "-o", out, "--registry", b.stack.RegistryURL()).refused(t, 1, "nowhere")
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a file was written all the same")
	}
	execute(t.Context(), nil, "schema", "bundle", "--all", "-o", filepath.Join(out, "x"), "--registry", b.stack.RegistryURL()).refused(t, 1, "writing a bundle")
	execute(t.Context(), nil, "schema", "bundle", "--all", "-o", out, "--registry", "http://127.0.0.1:1", "--dial-timeout", "200ms").refused(t, 1, "start the registry")
}

func TestTheRegistrysAccessComesFromTheEnvironmentToo(t *testing.T) {
	t.Setenv("GOKAVRO_REGISTRY", "https://a")
	t.Setenv("GOKAVRO_REGISTRY_USER", "ann")
	t.Setenv("GOKAVRO_REGISTRY_TOKEN", "t0ken")
	got := execute(t.Context(), nil, "schema", "bundle", "--all", "-o", "f")
	got.refused(t, 2, "use one")
	if strings.Contains(got.stderr, "t0ken") {
		t.Errorf("the token is shown: %s", got.stderr)
	}
}
