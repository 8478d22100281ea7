package replay

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/gokavro/gokavro/topology/kafka"
)

// Config says what is replayed.
type Config struct {
	// Client reaches the cluster.
	Client *kafka.Client
	// Group is the consumer group, one of the run's own.
	Group string
	// Topics are its inputs.
	Topics []string
	// Written are the topics that it writes, which have to be there.
	Written []string
	// Dir is the state folder.
	Dir string
	// From and Until are as ParseFrom and ParseUntil read them. Until is empty for
	// a run without an end.
	From, Until string
}

// Run is a run that has begun. It is safe for concurrent use.
type Run struct {
	cfg  Config
	plan *plan
}

// Begin makes a run begin, or go on with what an earlier process of it has begun.
// It refuses what would mix two runs: a group, a folder and topics that do not
// belong together, or other positions than those it began with.
func Begin(ctx context.Context, cfg Config) (*Run, error) {
	r := &Run{cfg: cfg}
	var err error
	if r.plan, err = load(cfg.Dir); err != nil {
		return nil, err
	}
	committed, err := cfg.Client.Committed(cfg.Group)
	if err != nil {
		return nil, err
	}
	p, known := r.plan, len(committed) > 0
	switch {
	case p == nil && !known:
		err = r.fix(ctx)
	case p == nil && cfg.Until != "":
		err = fmt.Errorf("group %s has begun already, and where its run ends is not in this state folder: "+
			"a run with an end is one process, which keeps its folder", cfg.Group)
	case p == nil:
		r.plan = &plan{From: cfg.From, Begun: true}
		err = r.plan.save(cfg.Dir)
	case p.From != cfg.From || p.Until != cfg.Until:
		err = fmt.Errorf("it was begun from %q until %q, which are not those of now, %q and %q", p.From, p.Until, cfg.From, cfg.Until)
	case p.Begun && !known:
		err = fmt.Errorf("the offsets of group %s are gone, while its tables are not", cfg.Group)
	}
	if err != nil || r.plan.Begun {
		return r, err
	}
	if err := cfg.Client.SetOffsets(cfg.Group, r.plan.Starts); err != nil {
		return nil, err
	}
	r.plan.Begun = true
	return r, r.plan.save(cfg.Dir)
}

// fix finds out where the run begins and ends, and keeps that.
func (r *Run) fix(ctx context.Context) error {
	cfg := r.cfg
	if err := r.checkUnwritten(); err != nil {
		return err
	}
	span, err := resolve(cfg)
	if err != nil {
		return err
	}
	p := &plan{From: cfg.From, Until: cfg.Until, Starts: span.starts}
	if cfg.Until != "" {
		if p.Ends, err = ends(ctx, cfg.Client, span.until, span.starts, span.visible); err != nil {
			return err
		}
	}
	r.plan = p
	return p.save(cfg.Dir)
}

// span is where a run begins, and what its end comes of.
type span struct {
	starts, visible Offsets
	until           Positions
}

func resolve(cfg Config) (s span, err error) {
	from, err := ParseFrom(cfg.From)
	if err != nil {
		return s, err
	}
	if s.until, err = ParseUntil(cmp.Or(cfg.Until, "end")); err != nil {
		return s, err
	}
	if s.visible, err = visibleEnds(cfg.Client, cfg.Topics); err != nil {
		return s, err
	}
	if err := cmp.Or(from.check(s.visible), s.until.check(s.visible)); err != nil {
		return s, err
	}
	s.starts, err = starts(cfg.Client, from, s.visible)
	return s, err
}

// Check returns what is wrong with the positions of a run that has not begun yet,
// before anything is made for it.
func Check(cfg Config) error {
	if p, err := load(cfg.Dir); p != nil || err != nil {
		return nil // which is for Begin to judge
	}
	committed, err := cfg.Client.Committed(cfg.Group)
	if err != nil || len(committed) > 0 {
		return err
	}
	_, err = resolve(cfg)
	return err
}

// checkUnwritten refuses topics with records of another run: tables would go on
// from them.
func (r *Run) checkUnwritten() error {
	ends, err := visibleEnds(r.cfg.Client, r.cfg.Written)
	if err != nil {
		return err
	}
	return ends.each(func(topic string, partition int32, end int64) error {
		first, err := r.cfg.Client.Offset(topic, partition, kafka.Beginning())
		if err == nil && end > first {
			err = fmt.Errorf("topic %s holds records of an earlier run", topic)
		}
		return err
	})
}

// Ends returns the offsets that the run ends at, nil when it has no end. A
// partition that is not there has nothing to be processed.
func (r *Run) Ends() Offsets { return r.plan.Ends }

const (
	// lookInterval is how often the group's offsets are looked at.
	lookInterval = 250 * time.Millisecond
	// standstill is how long an offset may stay before the end is doubted.
	standstill = 2 * time.Second
)

// AwaitEnd waits until the group has committed all up to the ends, or ctx ends,
// and reports which. It outlasts brokers that are away.
func (r *Run) AwaitEnd(ctx context.Context) bool {
	w := watch{run: r, left: map[place]position{}}
	for _, at := range sorted(r.plan.Ends) {
		w.left[at] = position{offset: r.plan.Starts[at.topic][at.partition], since: time.Now()}
	}
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		if w.look(ctx); len(w.left) == 0 {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// watch follows the partitions that are not at their ends.
type watch struct {
	run  *Run
	left map[place]position
}

type position struct {
	offset int64
	since  time.Time
}

// look takes those away that are done. What fails is tried again at the next
// look.
func (w *watch) look(ctx context.Context) {
	ask := map[string][]int32{}
	for at := range w.left {
		ask[at.topic] = append(ask[at.topic], at.partition)
	}
	committed, err := w.run.cfg.Client.Commits(ctx, w.run.cfg.Group, ask)
	if err != nil {
		return
	}
	for at, known := range w.left {
		end := w.run.plan.Ends[at.topic][at.partition]
		offset := max(committed[at.topic][at.partition].Offset, known.offset)
		switch {
		case offset >= end:
			delete(w.left, at)
		case offset != known.offset:
			w.left[at] = position{offset: offset, since: time.Now()}
		case time.Since(known.since) > standstill && w.nothingLeft(at, offset, end):
			delete(w.left, at)
		}
	}
}

// nothingLeft tells whether retention or compaction has removed what was the last
// record to wait for.
func (w *watch) nothingLeft(at place, offset, end int64) bool {
	last, err := w.run.cfg.Client.LastVisible(at.topic, at.partition, offset, end, kafka.ReadCommitted)
	return err == nil && last < 0
}
