// Package progress shows on an error output how far a command has come: a bar
// on a terminal, plain lines elsewhere.
package progress

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

const barWidth = 64

// Meter counts what is done. It is safe for concurrent use.
type Meter struct {
	done atomic.Int64
	stop func()
	bar  *mpb.Bar // nil without a terminal
}

// Start shows the progress of total records on w until Stop: a bar if w is a
// terminal, otherwise at most one line a second. what is the verb of the lines,
// such as "produced".
func Start(w io.Writer, what string, total int64) *Meter {
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return startBar(w, what, total)
	}
	return startLines(w, what, total)
}

// Add counts n more records.
func (m *Meter) Add(n int64) {
	m.done.Add(n)
	if m.bar != nil {
		m.bar.IncrInt64(n)
	}
}

// Done returns how many records were counted.
func (m *Meter) Done() int64 { return m.done.Load() }

// Stop ends the display. Nothing is written to the output afterwards. Call it
// once.
func (m *Meter) Stop() { m.stop() }

func startBar(w io.Writer, what string, total int64) *Meter {
	container := mpb.New(mpb.WithOutput(w), mpb.WithWidth(barWidth), mpb.WithAutoRefresh())
	bar := container.AddBar(total,
		mpb.PrependDecorators(decor.Name(what+" ")),
		mpb.AppendDecorators(decor.CountersNoUnit("%d / %d "), decor.Percentage()))
	return &Meter{bar: bar, stop: func() {
		bar.Abort(true) // the command's last line takes its place
		container.Wait()
	}}
}

func startLines(w io.Writer, what string, total int64) *Meter {
	m := &Meter{}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for shown := int64(0); ; {
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
			if done := m.Done(); done != shown {
				shown = done
				fmt.Fprintf(w, "%s %s of %s records\n", what, Thousands(done), Thousands(total))
			}
		}
	}()
	m.stop = func() {
		close(quit)
		<-ended
	}
	return m
}

// Thousands writes n with commas between groups of three digits.
func Thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	var groups []string
	for len(digits) > 3 {
		cut := len(digits) - 3
		groups = append([]string{digits[cut:]}, groups...)
		digits = digits[:cut]
	}
	return sign + strings.Join(append([]string{digits}, groups...), ",")
}

// Rate returns how many a second n in the elapsed time are.
func Rate(n int64, elapsed time.Duration) int64 {
	return int64(float64(n) / max(elapsed, time.Millisecond).Seconds())
}
