package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/tester"

	"github.com/gokavro/gokavro/codecs/avro"
)

var update = flag.Bool("update", false, "rewrite the golden file in testdata")

func TestOutputIsAsExpected(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), nil, "", &out); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "output.txt")
	if *update {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("output (-want +got); rewrite %s with -update when the change is meant:\n%s", path, diff)
	}
	page, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), out.String()) {
		t.Errorf("examples/README.md does not show the output:\n%s", out.String())
	}
}

// goka's own tester runs the group with the codecs as they are, without Kafka
// and without a registry.
func TestGroupAddsUpOrdersInGokasTester(t *testing.T) {
	t.Parallel()
	kit := tester.New(t)
	graph := group(avro.Plain())
	p, err := goka.NewProcessor(nil, graph, goka.WithTester(kit))
	if err != nil {
		t.Fatal(err)
	}
	output := kit.NewQueueTracker("totals")
	ended := make(chan error, 1)
	go func() { ended <- p.Run(t.Context()) }()
	t.Cleanup(func() {
		p.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})

	kit.SetTableValue("shop-table", "bob", &Sum{Orders: 7, Cents: 700})
	for _, purchase := range purchases() {
		kit.Consume("orders", purchase.customer, &purchase.order)
	}

	want := []map[string]any{
		{"customer": "ann", "orders": int64(1), "cents": int64(1250)},
		{"customer": "bob", "orders": int64(8), "cents": int64(1000)},
		{"customer": "ann", "orders": int64(2), "cents": int64(1349)},
		{"customer": "cyd", "orders": int64(1), "cents": int64(8000)},
		{"customer": "bob", "orders": int64(9), "cents": int64(2700)},
		{"customer": "ann", "orders": int64(3), "cents": int64(1350)},
	}
	for i, record := range want {
		key, got, found := output.Next()
		if !found {
			t.Fatalf("output %d is missing", i)
		}
		if diff := cmp.Diff(any(record), got); diff != "" || key != record["customer"] {
			t.Errorf("output %d: key %q (-want +got):\n%s", i, key, diff)
		}
	}
	for key, sum := range map[string]Sum{"ann": {3, 1350}, "bob": {9, 2700}, "cyd": {1, 8000}} {
		got := kit.TableValue("shop-table", key)
		if diff := cmp.Diff(any(&sum), got); diff != "" {
			t.Errorf("table row of %s (-want +got):\n%s", key, diff)
		}
	}
}
