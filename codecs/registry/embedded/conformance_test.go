package embedded_test

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"github.com/gokavro/gokavro/codecs/registry/embedded"
	"github.com/gokavro/gokavro/codecs/registry/registrytest"
)

// apicurio is what integration/registry.sh starts.
var apicurio = registrytest.Features{SpacingCounts: true, NoneIsUnset: true}

// onEachRegistry runs a test on the embedded registry, and on the one that
// SCHEMA_REGISTRY_URL names if it is set.
func onEachRegistry(t *testing.T, test func(t *testing.T, url string, features registrytest.Features)) {
	t.Helper()
	other := os.Getenv("SCHEMA_REGISTRY_URL")
	if other == "" && os.Getenv("REQUIRE_REGISTRY") == "1" {
		t.Fatal("REQUIRE_REGISTRY=1, but SCHEMA_REGISTRY_URL names no registry")
	}
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		_, url := server(t, embedded.Config{})
		test(t, url, registrytest.Features{})
	})
	if other != "" {
		t.Run("other", func(t *testing.T) {
			t.Parallel()
			test(t, other, apicurio)
		})
	}
}

func TestRegistriesConform(t *testing.T) {
	t.Parallel()
	onEachRegistry(t, registrytest.Run)
}

func TestRegistriesHaveOneVerdictOnEachLevel(t *testing.T) {
	t.Parallel()
	file, err := os.Open("../../avro/internal/compat/testdata/compat_levels.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var cases []registrytest.LevelCase
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c registrytest.LevelCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil || len(cases) < 100 {
		t.Fatalf("got %d cases and %v, want the whole file", len(cases), err)
	}
	onEachRegistry(t, func(t *testing.T, url string, features registrytest.Features) {
		registrytest.RunLevels(t, url, features, cases)
	})
}
