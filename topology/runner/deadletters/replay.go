package deadletters

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
)

// ErrSkip is what a fix returns to leave a letter as it is.
var ErrSkip = errors.New("deadletters: the letter is left out")

const (
	// batchLetters and batchBytes bound what one transaction takes.
	batchLetters = 500
	batchBytes   = 4 << 20
)

// Replay writes the records of the letters that the filter means to the retry
// topic of the topology, each into the partition that it came from, and marks the
// letters as replayed, in transactions of some hundreds. It returns how many
// letters were. A letter that is replayed or dropped is left out, unless
// Filter.States names its state.
//
// fix may change a letter's value and headers before they are written, or return
// [ErrSkip] to leave the letter out; another error ends the replay and is returned,
// after which the letters that were counted are replayed and no other. A nil fix
// changes nothing.
//
// Only one process at a time works on the letters of a topology: one that begins
// ends what the one before it has under way.
func Replay(ctx context.Context, cfg Config, f Filter, fix func(context.Context, *Letter) error) (int, error) {
	d, err := cfg.begin(ctx)
	if err != nil {
		return 0, err
	}
	retry := cfg.graph().Retry()
	count, err := cfg.Kafka.Partitions(retry)
	if err != nil {
		return 0, errors.Join(fmt.Errorf("deadletters: the topology has no topic to replay into: create it with as many partitions as the inputs have, "+
			"and start the topology again, which then reads it: %w", err), d.close())
	}
	err = d.each(ctx, f.open(), func(l *Letter) error {
		original := l.Value
		if fix != nil {
			if err := fix(ctx, l); errors.Is(err, ErrSkip) {
				return nil
			} else if err != nil {
				return fmt.Errorf("deadletters: fixing the letter %s: %w", l.Place, err)
			}
		}
		if l.Partition >= count {
			return fmt.Errorf("deadletters: the letter %s came from partition %d of topic %s, and topic %s has %d partitions only: create it anew with as many as the inputs have",
				l.Place, l.Partition, l.Topic, retry, count)
		}
		return d.add(ctx, l, dlq.Mark{State: dlq.Replayed, Fixed: original != l.Value}, again(retry, l))
	})
	return d.done, errors.Join(err, d.close())
}

// Drop marks the letters that the filter means as dropped, and returns how many
// were. One that is replayed or dropped is left out, unless Filter.States names
// its state.
func Drop(ctx context.Context, cfg Config, f Filter) (int, error) {
	d, err := cfg.begin(ctx)
	if err != nil {
		return 0, err
	}
	err = d.each(ctx, f.open(), func(l *Letter) error { return d.add(ctx, l, dlq.Mark{State: dlq.Dropped}) })
	return d.done, errors.Join(err, d.close())
}

// again returns the record of a letter for the retry topic.
func again(topic string, l *Letter) *kafka.Record {
	origin := dlq.Origin{
		Topic: l.Topic, Partition: l.Partition, Offset: l.Offset, Time: l.Time,
		Attempts: int(l.Attempts), Step: l.Step, Letter: l.Place.String(),
	}
	r := &kafka.Record{Topic: topic, Partition: l.Partition, Key: original(l.Key, l.NoKey), Value: value(l)}
	for _, h := range append(dlq.WithoutOrigin(l.Headers), origin.Headers()...) {
		r.Headers = append(r.Headers, kafka.Header{Key: h.Key, Value: original(h.Value, h.NoValue)})
	}
	return r
}

// value returns the bytes of a letter's record, nil for none.
func value(l *Letter) []byte {
	if l.Value == nil {
		return nil
	}
	return original(*l.Value, false)
}

// original returns bytes as they were: nil for none, and not nil for no bytes.
func original(data []byte, none bool) []byte {
	if none {
		return nil
	}
	return append([]byte{}, data...)
}

// desk marks letters, a transaction for each batch of them.
type desk struct {
	cfg       Config
	committer txn.Committer
	marks     codecs.Codec[dlq.Mark]

	batch txn.Batch
	bytes int
	taken int // letters in the batch
	done  int // letters that are committed
}

// begin takes the letters of a topology over from whoever else was at work on
// them: from here on the marks do not change but by the desk.
func (c Config) begin(ctx context.Context) (*desk, error) {
	// Nothing is created for a topology that is not there.
	if _, _, err := c.topic(); err != nil {
		return nil, err
	}
	topic := c.graph().DeadLetterMarks()
	if _, err := c.Kafka.CreateMissing(ctx, kafka.Topic{Name: topic, Partitions: 1, Compact: true, Retention: -1}); err != nil {
		return nil, err
	}
	binding := c.binding(topic)
	binding.AutoRegister = true
	d := &desk{cfg: c, marks: markCodec(binding)}
	var err error
	d.committer, err = txn.NewExactlyOnce(ctx, c.Kafka.Config(), txn.Config{TransactionalID: c.Topology + "-dead-letters"})
	return d, told(err)
}

// each hands over the letters that the filter means, by the marks as they are
// now, and commits what is added.
func (d *desk) each(ctx context.Context, f Filter, handle func(*Letter) error) error {
	known, err := d.cfg.marks(ctx)
	if err != nil {
		return err
	}
	if err := d.cfg.letters(ctx, f, known, handle); err != nil {
		return err
	}
	return d.commit(ctx)
}

// add puts a letter's mark and the records that belong to it into the batch.
func (d *desk) add(ctx context.Context, l *Letter, m dlq.Mark, records ...*kafka.Record) error {
	m.Time = time.Now()
	mark, err := markRecord(d.marks, d.cfg.graph().DeadLetterMarks(), l, m)
	if err != nil {
		return err
	}
	for _, r := range append(records, mark) {
		d.batch.Records = append(d.batch.Records, r)
		d.bytes += len(r.Key) + len(r.Value)
	}
	d.taken++
	if d.taken < batchLetters && d.bytes < batchBytes {
		return nil
	}
	return d.commit(ctx)
}

func (d *desk) commit(ctx context.Context) error {
	if d.taken == 0 {
		return nil
	}
	if err := d.committer.Commit(ctx, d.batch); err != nil {
		return told(err)
	}
	d.done += d.taken
	d.batch, d.bytes, d.taken = txn.Batch{}, 0, 0
	return nil
}

func (d *desk) close() error { return d.committer.Close() }

// told says what became of the work when somebody else has taken over.
func told(err error) error {
	if _, fenced := errors.AsType[*txn.FencedError](err); fenced {
		return fmt.Errorf("deadletters: somebody else has begun to work on the dead letters of this topology: try again when that is done: %w", err)
	}
	return err
}
