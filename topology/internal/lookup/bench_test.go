package lookup

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

func BenchmarkLoad(b *testing.B) {
	const rows = 200_000
	bundle := setup(b, devstack.Config{}, codecs.Bytes())
	kafkatest.Fill(b, bundle.client.Config(), func(put func(kafka.Record)) {
		for i := range rows {
			put(kafka.Record{Topic: "rows", Partition: -1, Key: fmt.Appendf(nil, "key-%d", i), Value: make([]byte, 100)})
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		table := New("rows", codecs.Bytes(), slog.New(slog.DiscardHandler))
		if _, err := table.Load(b.Context(), bundle.client); err != nil {
			b.Fatal(err)
		}
		if table.Len() != rows {
			b.Fatalf("got %d rows, want %d", table.Len(), rows)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
