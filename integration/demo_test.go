package integration_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/examples/flights"
)

// demoResult is the object that demo --json prints.
type demoResult struct {
	RecordsIn   int64   `json:"records_in"`
	EnrichedOut int64   `json:"enriched_out"`
	Origins     int     `json:"origins"`
	DeadLetters int64   `json:"dead_letters"`
	ElapsedMs   int64   `json:"elapsed_ms"`
	P50         float64 `json:"latency_p50_ms"`
	P99         float64 `json:"latency_p99_ms"`
}

func runDemo(t *testing.T, args ...string) demoResult {
	t.Helper()
	stdout, stderr, code := run(t, "gokavro", append([]string{"demo", "--json"}, args...)...)
	if code != 0 || stderr != "" {
		t.Fatalf("got exit code %d and standard error %q, want 0 and nothing", code, stderr)
	}
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.DisallowUnknownFields()
	var result demoResult
	if err := decoder.Decode(&result); err != nil || decoder.More() {
		t.Fatalf("got %q (%v), want one JSON object", stdout, err)
	}
	if result.ElapsedMs <= 0 || result.P50 <= 0 || result.P99 < result.P50 {
		t.Errorf("got %+v, want times above 0 and p99 not below p50", result)
	}
	result.ElapsedMs, result.P50, result.P99 = 0, 0, 0
	return result
}

func TestDemoAccountsForEveryFlight(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "made", "for", "it")
	got := runDemo(t, "--out", out)
	if diff := cmp.Diff(got, demoResult{RecordsIn: 20000, EnrichedOut: 20000, Origins: 220}); diff != "" {
		t.Error(diff)
	}
	enriched := readPath(t, filepath.Join(out, "flights-enriched.avro"), flights.EnrichedCodec())
	stats := readPath(t, filepath.Join(out, "airport-stats.avro"), flights.StatsCodec())
	checkResults(t, enriched, stats)
	if len(stats) != 220 {
		t.Errorf("got %d rows of statistics, want one for each of 220 origins", len(stats))
	}
	compareWithForeignReader(t, out)
}

// compareWithForeignReader reads the demo's files with fastavro.
func compareWithForeignReader(t *testing.T, dir string) {
	t.Helper()
	python := os.Getenv("FASTAVRO_PYTHON")
	if python == "" && os.Getenv("REQUIRE_FOREIGN") == "1" {
		t.Fatal("REQUIRE_FOREIGN=1, but FASTAVRO_PYTHON names no Python with fastavro")
	}
	if python == "" {
		t.Log("FASTAVRO_PYTHON names no Python with fastavro: the files were read by our own library only")
		return
	}
	script, err := filepath.Abs(filepath.Join("testdata", "totals.py"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := exec.CommandContext(t.Context(), python, script, dir).Output()
	if err != nil {
		t.Fatalf("reading the files with fastavro: %v", err)
	}
	var foreign struct {
		Enriched int               `json:"enriched"`
		Codecs   []string          `json:"codecs"`
		Stats    map[string]totals `json:"stats"`
	}
	if err := json.Unmarshal(text, &foreign); err != nil {
		t.Fatal(err)
	}
	if foreign.Enriched != 20000 || slices.ContainsFunc(foreign.Codecs, func(c string) bool { return c != "deflate" }) {
		t.Errorf("fastavro read %d enriched flights in files of %v, want 20000 in deflate", foreign.Enriched, foreign.Codecs)
	}
	input := readFile(t, flights.FlightsFile(), flights.FlightCodec())
	if diff := cmp.Diff(foreign.Stats, expectedTotals(input)); diff != "" {
		t.Errorf("the statistics that fastavro read differ (-got +want): %s", diff)
	}
}

func TestDemoRunsOnAGivenCluster(t *testing.T) {
	t.Parallel()
	onEachCluster(t, func(t *testing.T, c *cluster) {
		for range 2 {
			got := runDemo(t, c.args("--topic-prefix", c.prefix)...)
			if diff := cmp.Diff(got, demoResult{RecordsIn: 20000, EnrichedOut: 20000, Origins: 220}); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func TestDemoPrintsFlightsAndTheWorstOrigins(t *testing.T) {
	t.Parallel()
	stdout := mustRun(t, "gokavro", "demo", "--partitions", "1")
	for _, part := range []string{`"origin_name":`, "enriched out  20000", "dead letters  0", "latency p99", "BMI     6        125.8 min   ██"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("got %s\nwant it to contain %q", stdout, part)
		}
	}
}

// flightsFile writes flights to a container file and returns its path.
func flightsFile(t *testing.T, all ...flights.Flight) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flights.avro")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	writer, err := avro.NewFileWriter(file, flights.FlightCodec().Schema(), avro.Null)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if err := writer.Write(&all[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(writer.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDemoTakesAnotherFlightsFile(t *testing.T) {
	t.Parallel()
	unknown := flights.Flight{Delay: 16, Origin: "", Destination: "nowhere"}
	known := flights.Flight{Delay: -20, Origin: "ATL", Destination: "LAX"}
	out := t.TempDir()
	stdout := mustRun(t, "gokavro", "demo", "--json", "--out", out, "--input", flightsFile(t, unknown, known, known))
	if want := `{"records_in":3,"enriched_out":3,"origins":2,"dead_letters":0,`; !strings.HasPrefix(stdout, want) {
		t.Errorf("got %s, want it to start with %s", stdout, want)
	}
	enriched := readPath(t, filepath.Join(out, "flights-enriched.avro"), flights.EnrichedCodec())
	named := 0
	for _, e := range enriched {
		if e.OriginName != nil {
			named++
		}
	}
	if len(enriched) != 3 || named != 2 {
		t.Errorf("got %d flights, %d of them with a named origin; want 3 and 2", len(enriched), named)
	}
}

func TestDemoOnAnEmptyFileReplacesTheFilesByEmptyOnes(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	for _, name := range []string{"flights-enriched.avro", "airport-stats.avro"} {
		if err := os.WriteFile(filepath.Join(out, name), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stdout := mustRun(t, "gokavro", "demo", "--json", "--out", out, "--input", flightsFile(t))
	want := `{"records_in":0,"enriched_out":0,"origins":0,"dead_letters":0,"elapsed_ms":0,"latency_p50_ms":0,"latency_p99_ms":0}`
	if diff := cmp.Diff(strings.TrimSpace(stdout), want); diff != "" {
		t.Error(diff)
	}
	enriched := readPath(t, filepath.Join(out, "flights-enriched.avro"), flights.EnrichedCodec())
	stats := readPath(t, filepath.Join(out, "airport-stats.avro"), flights.StatsCodec())
	if len(enriched) != 0 || len(stats) != 0 {
		t.Errorf("got %d flights and %d rows, want none", len(enriched), len(stats))
	}
	if entries, err := os.ReadDir(out); err != nil || len(entries) != 2 {
		t.Errorf("got %v, %v in the folder, want the two files only", entries, err)
	}
}

func TestDemoStaysUpUntilItIsStopped(t *testing.T) {
	t.Parallel()
	p := start(t, "gokavro", "demo", "--keep", "--input", flightsFile(t, flights.Flight{Origin: "ATL", Destination: "LAX"}))
	p.awaitLog(t, "Staying up: Kafka at 127.0.0.1:")
	p.stop(t)
}
