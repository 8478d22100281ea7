package demo

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progress shows how far the run is.
type progress interface {
	update(done int64)
	finish()
}

func newProgress(w io.Writer, total int64, quiet bool) progress {
	if quiet {
		return silent{}
	}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) && total > 0 {
		container := mpb.New(mpb.WithOutput(w), mpb.WithWidth(48))
		return &bar{container: container, bar: container.AddBar(total,
			mpb.PrependDecorators(decor.Name("enriching ")),
			mpb.AppendDecorators(decor.CountersNoUnit("%d / %d "), decor.Percentage()))}
	}
	return &lines{w: w, total: total, last: time.Now()}
}

type silent struct{}

func (silent) update(int64) {}

func (silent) finish() {}

type bar struct {
	container *mpb.Progress
	bar       *mpb.Bar
}

func (b *bar) update(done int64) { b.bar.SetCurrent(done) }

func (b *bar) finish() {
	b.bar.Abort(false)
	b.container.Wait()
}

// lines writes at most one line a second.
type lines struct {
	w     io.Writer
	total int64
	last  time.Time
}

func (l *lines) update(done int64) {
	if time.Since(l.last) < time.Second && done < l.total {
		return
	}
	l.last = time.Now()
	fmt.Fprintf(l.w, "enriched %d of %d\n", done, l.total)
}

func (l *lines) finish() {}
