package lookup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// testBundle is a broker with a topic "rows" of three partitions, and the
// table of it.
type testBundle struct {
	stack  *devstack.Stack
	client *kafka.Client
	table  *Table
}

func setup(t testing.TB, cfg devstack.Config, codec codecs.Untyped) *testBundle {
	t.Helper()
	cfg.NoRegistry = true
	b := &testBundle{table: New("rows", codec, slog.New(slog.DiscardHandler))}
	b.start(t, cfg)
	b.client = kafkatest.Dial(t, kafka.Config{Brokers: b.stack.Brokers()})
	kafkatest.Create(t, b.client, kafka.Topic{Name: "rows", Partitions: 3, Compact: true})
	return b
}

func (b *testBundle) start(t testing.TB, cfg devstack.Config) {
	t.Helper()
	stack, err := devstack.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	b.stack = stack
}

// put writes a row; a nil value is a tombstone.
func (b *testBundle) put(t *testing.T, key string, value []byte) {
	t.Helper()
	kafkatest.Write(t, kafka.Config{Brokers: b.stack.Brokers()}, kafka.Record{Topic: "rows", Partition: -1, Key: []byte(key), Value: value})
}

func (b *testBundle) load(t *testing.T) *Follower {
	t.Helper()
	follower, err := b.table.Load(t.Context(), b.client)
	if err != nil {
		t.Fatal(err)
	}
	return follower
}

// follow follows the table until the test ends.
func follow(t *testing.T, f *Follower) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("got %v from a follower that was ended, want nil", err)
		}
	})
}

// get returns a row as text; "-" is none.
func (b *testBundle) get(t *testing.T, key string) string {
	t.Helper()
	value, err := b.table.Get(key)
	if err != nil {
		t.Fatal(err)
	}
	if value == nil {
		return "-"
	}
	return value.(string)
}

func (b *testBundle) want(t *testing.T, key, want string) {
	t.Helper()
	if got := b.get(t, key); got != want {
		t.Errorf("key %s: got %q, want %q", key, got, want)
	}
}

func (b *testBundle) await(t *testing.T, key, want string) {
	t.Helper()
	kafkatest.Await(t, fmt.Sprintf("%s to be %q", key, want), func() bool { return b.get(t, key) == want })
}

func TestATableIsLoadedAndFollowed(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{}, codecs.String())
	b.put(t, "a", []byte("1"))
	b.put(t, "a", []byte("2"))
	b.put(t, "b", []byte("3"))
	b.put(t, "b", nil)
	b.put(t, "c", []byte{})
	f := b.load(t)
	b.want(t, "a", "2")
	b.want(t, "b", "-")
	b.want(t, "c", "")
	b.want(t, "never", "-")
	if got := b.table.Len(); got != 2 {
		t.Errorf("got %d keys, want 2", got)
	}
	b.put(t, "a", nil) // before it is followed
	follow(t, f)
	b.await(t, "a", "-")
	b.put(t, "b", []byte("4"))
	b.put(t, "d", []byte("5"))
	b.await(t, "b", "4")
	b.await(t, "d", "5")
	b.put(t, "d", nil)
	b.await(t, "d", "-")
}

func TestAnEmptyTableIsLoadedAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{}, codecs.String())
	f := b.load(t)
	if got := b.table.Len(); got != 0 {
		t.Errorf("got %d keys, want none", got)
	}
	follow(t, f)
	b.put(t, "a", []byte("1"))
	b.await(t, "a", "1")
}

func TestATableWithoutATopicIsAnError(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{}, codecs.String())
	_, err := New("absent", codecs.String(), slog.New(slog.DiscardHandler)).Load(t.Context(), b.client)
	if !errors.Is(err, kafka.ErrTopicNotFound) {
		t.Errorf("got %v, want ErrTopicNotFound", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	b.put(t, "a", []byte("1"))
	if _, err := b.table.Load(ended, b.client); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v from a load that was ended, want the context's error", err)
	}
}

func TestATableThatEndsInATransactionIsLoaded(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{}, codecs.String())
	b.transact(t, true, "committed")
	b.transact(t, false, "aborted")
	f := b.load(t)
	b.want(t, "k", "committed")
	follow(t, f)
	b.transact(t, false, "aborted again")
	b.transact(t, true, "committed again")
	b.await(t, "k", "committed again")
}

// transact writes a row of key k in a transaction.
func (b *testBundle) transact(t *testing.T, commit bool, value string) {
	t.Helper()
	x := kafkatest.NewTransactor(t, b.client.Config(), "rows")
	x.Begin()
	x.Write("k", value)
	if commit {
		x.Commit()
	} else {
		x.Abort()
	}
}

func TestATableIsFollowedThroughARestartOfTheBroker(t *testing.T) {
	t.Parallel()
	cfg := devstack.Config{Dir: t.TempDir(), NoRegistry: true}
	b := setup(t, cfg, codecs.String())
	b.put(t, "a", []byte("1"))
	b.put(t, "b", []byte("1"))
	follow(t, b.load(t))
	cfg.KafkaAddr = b.stack.Brokers()[0]
	for round := range 2 {
		if err := b.stack.Close(); err != nil {
			t.Fatal(err)
		}
		b.want(t, "b", "1")
		b.start(t, cfg)
		value := fmt.Sprint("after ", round)
		b.put(t, "a", []byte(value))
		b.await(t, "a", value)
	}
}

// countingCodec counts what it decodes, and does not decode everything.
type countingCodec struct {
	codecs.Codec[string]
	decoded atomic.Int64
	away    atomic.Bool
}

func (c *countingCodec) Decode(data []byte) (any, error) {
	c.decoded.Add(1)
	if c.away.Load() {
		return nil, fmt.Errorf("looking it up: %w", &registry.UnavailableError{Err: errors.New("connection refused")})
	}
	if string(data) == "bad" {
		return nil, errors.New("bad row")
	}
	return c.Codec.Decode(data)
}

func filled(codec codecs.Untyped, rows map[string]string) *Table {
	table := New("rows", codec, slog.New(slog.DiscardHandler))
	for key, value := range rows {
		table.put(kafka.Record{Key: []byte(key), Value: []byte(value)})
	}
	return table
}

func TestARowIsDecodedOnceWhenItIsAskedFor(t *testing.T) {
	t.Parallel()
	codec := &countingCodec{Codec: codecs.String()}
	table := filled(codec, map[string]string{"a": "1", "b": "2", "empty": ""})
	if got := codec.decoded.Load(); got != 0 {
		t.Errorf("got %d rows decoded before any is asked for, want 0", got)
	}
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for key, want := range map[string]string{"a": "1", "empty": ""} {
				if got, err := table.Get(key); got != want || err != nil {
					t.Errorf("key %s: got %v, %v; want %q", key, got, err, want)
				}
			}
		})
	}
	asking.Wait()
	if got := codec.decoded.Load(); got != 2 {
		t.Errorf("got %d rows decoded, want each of the two once", got)
	}
	table.put(kafka.Record{Key: []byte("a"), Value: []byte("3")})
	if got, err := table.Get("a"); got != "3" || err != nil {
		t.Errorf("got %v, %v after a new row, want 3", got, err)
	}
}

func TestARowThatDoesNotDecodeLeavesTheOthers(t *testing.T) {
	t.Parallel()
	codec := &countingCodec{Codec: codecs.String()}
	table := filled(codec, map[string]string{"a": "1", "b": "bad"})
	for range 2 {
		if got, err := table.Get("b"); err == nil || got != nil {
			t.Errorf("got %v, %v; want the row's error", got, err)
		}
		if got, err := table.Get("a"); got != "1" || err != nil {
			t.Errorf("got %v, %v; want 1", got, err)
		}
	}
	if got := codec.decoded.Load(); got != 2 {
		t.Errorf("got %d tries to decode, want 2: the error is kept", got)
	}
	table.put(kafka.Record{Key: []byte("b"), Value: []byte("good")})
	if got, err := table.Get("b"); got != "good" || err != nil {
		t.Errorf("got %v, %v after a new row, want good", got, err)
	}
}

func TestAnOutageOfTheRegistryIsNotKept(t *testing.T) {
	t.Parallel()
	codec := &countingCodec{Codec: codecs.String()}
	table := filled(codec, map[string]string{"a": "1"})
	codec.away.Store(true)
	var away *registry.UnavailableError
	if _, err := table.Get("a"); !errors.As(err, &away) {
		t.Errorf("got %v, want the outage", err)
	}
	codec.away.Store(false)
	if got, err := table.Get("a"); got != "1" || err != nil {
		t.Errorf("got %v, %v after the outage, want 1", got, err)
	}
}
