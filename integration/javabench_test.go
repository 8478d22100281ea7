//go:build unix

package integration_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs/avro"
)

type benchAddress struct {
	Street  string `avro:"street"`
	City    string `avro:"city"`
	Zip     string `avro:"zip"`
	Country string `avro:"country"`
}

type benchLine struct {
	SKU   string `avro:"sku"`
	Count int32  `avro:"count"`
	Price int64  `avro:"price"` // in cents
}

type benchOrder struct {
	ID       string            `avro:"id"`
	Customer int64             `avro:"customer"`
	Ship     benchAddress      `avro:"ship"`
	Lines    []benchLine       `avro:"lines"`
	Tags     map[string]string `avro:"tags"`
	Status   string            `avro:"status"`
	Note     *string           `avro:"note"`
	Coupon   *string           `avro:"coupon"`
	Placed   time.Time         `avro:"placed"`
	Total    int64             `avro:"total"`
}

// BenchmarkOrderBesideJava is the Go half of integration/bench-java.sh, which
// compares CPU time: that of this process, with the collector's.
func BenchmarkOrderBesideJava(b *testing.B) {
	codec, datum := benchOrderCodec(b)
	order := new(benchOrder)
	if err := codec.Read(datum, order); err != nil {
		b.Fatal(err)
	}
	buffer := make([]byte, 0, 1024)
	b.Run("encode", func(b *testing.B) {
		start := cpuTime(b)
		for b.Loop() {
			var err error
			if buffer, err = codec.Append(buffer[:0], order); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/op")
	})
	if len(buffer) > 0 && len(buffer) != len(datum) {
		b.Fatalf("encode: got %x, want %x", buffer, datum)
	}
	b.Run("decode", func(b *testing.B) {
		start := cpuTime(b)
		for b.Loop() {
			if err := codec.Read(datum, new(benchOrder)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/op")
	})
}

func benchOrderCodec(b *testing.B) (*avro.TypedCodec[benchOrder], []byte) {
	b.Helper()
	schema, err := os.ReadFile(filepath.Join("testdata", "javabench", "order.avsc"))
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "javabench", "order.json"))
	if err != nil {
		b.Fatal(err)
	}
	codec := avro.Typed[benchOrder](avro.Schema(string(schema)), avro.Plain())
	if err := codec.Check(); err != nil {
		b.Fatal(err)
	}
	form, err := avro.NewJSONForm(codec.Schema())
	if err != nil {
		b.Fatal(err)
	}
	datum, err := form.Encode(nil, bytes.TrimSpace(text))
	if err != nil {
		b.Fatal(err)
	}
	return codec, datum
}

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
