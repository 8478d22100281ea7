package demo

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/gokavro/gokavro/examples/flights"
)

const (
	worstOrigins = 10
	barWidth     = 30
)

// result is what a run came to. Its JSON form is the output of --json.
type result struct {
	RecordsIn    int64   `json:"records_in"`
	EnrichedOut  int64   `json:"enriched_out"`
	Origins      int     `json:"origins"`
	DeadLetters  int64   `json:"dead_letters"`
	ElapsedMs    int64   `json:"elapsed_ms"`
	LatencyP50Ms float64 `json:"latency_p50_ms"`
	LatencyP99Ms float64 `json:"latency_p99_ms"`

	samples []string
	stats   []flights.AirportStats
}

func (c *collector) result(in int64, start time.Time) result {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.latencies)
	r := result{
		RecordsIn: in, EnrichedOut: c.enriched, Origins: len(c.origins), DeadLetters: c.dead,
		LatencyP50Ms: quantile(c.latencies, 0.50), LatencyP99Ms: quantile(c.latencies, 0.99), samples: c.samples,
	}
	if !c.last.IsZero() {
		r.ElapsedMs = c.last.Sub(start).Milliseconds()
	}
	return r
}

// quantile returns the smallest value that q of all values do not exceed, in
// milliseconds, 0 for none.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := min(int(q*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[i].Microseconds()) / 1000
}

func (r result) complete() error {
	if r.EnrichedOut+r.DeadLetters == r.RecordsIn {
		return nil
	}
	return fmt.Errorf("%d records went in, but %d came out and %d are dead letters", r.RecordsIn, r.EnrichedOut, r.DeadLetters)
}

func (r result) writeJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

func (r result) writeText(w io.Writer) error {
	fmt.Fprintln(w, "\nSome of the enriched flights:")
	for _, sample := range r.samples {
		fmt.Fprintln(w, "  "+sample)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table)
	fmt.Fprintf(table, "records in\t%d\n", r.RecordsIn)
	fmt.Fprintf(table, "enriched out\t%d\n", r.EnrichedOut)
	fmt.Fprintf(table, "dead letters\t%d\n", r.DeadLetters)
	fmt.Fprintf(table, "origins\t%d\n", r.Origins)
	fmt.Fprintf(table, "rate\t%.0f records/s\n", r.rate())
	fmt.Fprintf(table, "latency p50\t%.0f ms\n", r.LatencyP50Ms)
	fmt.Fprintf(table, "latency p99\t%.0f ms\n", r.LatencyP99Ms)
	if err := table.Flush(); err != nil {
		return err
	}
	return r.writeWorst(w)
}

func (r result) rate() float64 {
	if r.ElapsedMs == 0 {
		return 0
	}
	return float64(r.EnrichedOut) * 1000 / float64(r.ElapsedMs)
}

// writeWorst writes the origins with the greatest mean delay.
func (r result) writeWorst(w io.Writer) error {
	worst := slices.Clone(r.stats)
	slices.SortFunc(worst, func(a, b flights.AirportStats) int {
		return cmp.Or(cmp.Compare(b.DelayMean, a.DelayMean), cmp.Compare(a.IATA, b.IATA))
	})
	worst = worst[:min(worstOrigins, len(worst))]
	fmt.Fprintln(w, "\nOrigins with the worst mean delay:")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  origin\tflights\tmean delay\t")
	for _, s := range worst {
		fmt.Fprintf(table, "  %s\t%d\t%.1f min\t%s\n", label(s.IATA), s.Flights, s.DelayMean, textBar(s.DelayMean, worst[0].DelayMean))
	}
	return table.Flush()
}

// label returns an origin as it is, or in quotes where that would break the table.
func label(origin string) string {
	const widest = 20
	if len(origin) > widest || origin == "" || strings.ContainsFunc(origin, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return fmt.Sprintf("%.*q", widest, origin)
	}
	return origin
}

func textBar(value, longest float64) string {
	if longest <= 0 || value <= 0 {
		return ""
	}
	return strings.Repeat("█", max(1, int(value/longest*barWidth)))
}
