package kafka_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

// story is a log that a script of words made: "a" writes a record in the
// transaction of producer a and begins it if need be, "a+" commits it, "a-"
// aborts it, "." writes a record without a transaction.
type story struct {
	topic string
	// all are the offsets of all records, committed those that are neither
	// aborted nor behind an open transaction.
	all, committed []int64
}

func (b *testBundle) tell(t *testing.T, script string) story {
	t.Helper()
	s := story{topic: b.topic(t, 1), all: []int64{}, committed: []int64{}}
	producers := map[string]*kafkatest.Transactor{}
	open := map[string][]int64{}
	for i, word := range strings.Fields(script) {
		name, verb := word[:1], word[1:]
		if name == "." {
			offset := b.write(t, kafka.Record{Topic: s.topic, Value: []byte(word)})[0].Offset
			s.all, s.committed = append(s.all, offset), append(s.committed, offset)
			continue
		}
		if producers[name] == nil {
			producers[name] = kafkatest.NewTransactor(t, b.cfg, s.topic)
		}
		x := producers[name]
		switch verb {
		case "":
			if open[name] == nil {
				x.Begin()
			}
			offset := x.Write("k", fmt.Sprint(word, i))
			open[name] = append(open[name], offset)
			s.all = append(s.all, offset)
		case "+":
			x.Commit()
			s.committed = append(s.committed, open[name]...)
			delete(open, name)
		case "-":
			x.Abort()
			delete(open, name)
		}
	}
	s.settle(t, b, open)
	return s
}

// settle waits for the markers and takes away what is behind an open transaction.
func (s *story) settle(t *testing.T, b *testBundle, open map[string][]int64) {
	t.Helper()
	slices.Sort(s.committed)
	if len(open) == 0 {
		b.awaitStable(t, s.topic)
		return
	}
	var first []int64
	for _, offsets := range open {
		first = append(first, offsets[0])
	}
	stable := slices.Min(first)
	kafkatest.Await(t, "the stable offset is the first open transaction's", func() bool {
		return b.end(t, s.topic, kafka.ReadCommitted) == stable
	})
	s.committed = slices.DeleteFunc(s.committed, func(offset int64) bool { return offset >= stable })
}

func (s *story) visible(iso kafka.Isolation) []int64 {
	if iso == kafka.ReadUncommitted {
		return s.all
	}
	return s.committed
}

// check reads the topic and compares LastVisible of every range with it.
func (s *story) check(t *testing.T, b *testBundle, iso kafka.Isolation) {
	t.Helper()
	got := offsets(kafkatest.Read(t, b.client, kafka.Query{Topic: s.topic, Isolation: iso}))
	if diff := cmp.Diff(s.visible(iso), got); diff != "" {
		t.Fatalf("%s: offsets read (-want +got):\n%s", iso, diff)
	}
	end := b.end(t, s.topic, kafka.ReadUncommitted)
	for from := int64(0); from <= end; from++ {
		for until := from; until <= end+1; until++ {
			want := int64(-1)
			for _, offset := range s.visible(iso) {
				if offset >= from && offset < until {
					want = offset
				}
			}
			got, err := b.client.LastVisible(s.topic, 0, from, until, iso)
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("%s: LastVisible(%d, %d) = %d, want %d", iso, from, until, got, want)
			}
		}
	}
}

func TestReadingSeesWhatTransactionsShow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tests := []struct{ name, script string }{
		{"empty topic", ""},
		{"no transactions", ". . ."},
		{"trailing commit marker", ". a a a+"},
		{"aborted at the end", ". a a+ b b b-"},
		{"only aborted", "a a a- b b-"},
		{"aborted, then committed by the same producer", "a a a- a a a+"},
		{"committed, then aborted by the same producer", "a a+ a a-"},
		{"aborted twice around a commit", "a a- a a+ a a a-"},
		{"interleaved", "a b a b . a+ b b- c c+"},
		{"interleaved, the aborted one began first", "a b b b+ a a-"},
		{"plain records within an aborted transaction", "a . a . a-"},
		{"open at the end", ". a a+ b b"},
		{"open before committed ones", ". a b b+ . c c-"},
		{"everything is open", "a a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := b.tell(t, tt.script)
			s.check(t, b, kafka.ReadCommitted)
			s.check(t, b, kafka.ReadUncommitted)
		})
	}
}

func TestReadingSeesWhatRandomTransactionsShow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			s := b.tell(t, randomScript(rand.New(rand.NewPCG(seed, 7)), 30))
			s.check(t, b, kafka.ReadCommitted)
			s.check(t, b, kafka.ReadUncommitted)
		})
	}
}

// randomScript may leave transactions open.
func randomScript(random *rand.Rand, words int) string {
	var script []string
	open := map[string]bool{}
	for range words {
		name := string("abc."[random.IntN(4)])
		verb := ""
		if open[name] && random.IntN(3) == 0 {
			verb = string("+-"[random.IntN(2)])
		}
		open[name] = name != "." && verb == ""
		script = append(script, name+verb)
	}
	return strings.Join(script, " ")
}

func TestLastVisibleLooksPastALongAbortedTail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.topic(t, 1)
	want := b.write(t, kafka.Record{Topic: topic, Value: []byte("seen")})[0].Offset
	x := kafkatest.NewTransactor(t, b.cfg, topic)
	for range 5 {
		x.Begin()
		// More than one answer holds.
		for range 4 {
			x.Write("k", strings.Repeat("x", 200_000))
		}
		x.Abort()
	}
	b.awaitStable(t, topic)
	end := b.end(t, topic, kafka.ReadCommitted)
	got, err := b.client.LastVisible(topic, 0, 0, end, kafka.ReadCommitted)
	if err != nil || got != want {
		t.Errorf("LastVisible = %d, %v, want %d", got, err, want)
	}
	if got := offsets(kafkatest.Read(t, b.client, kafka.Query{Topic: topic})); !slices.Equal(got, []int64{want}) {
		t.Errorf("offsets read: %v, want only %d", got, want)
	}
}

func TestReadingEndsBeforeACompactedTail(t *testing.T) {
	t.Parallel()
	b := setupFake(t, 1)
	topic := topicName(t)
	if _, err := b.client.CreateMissing(t.Context(), kafka.Topic{Name: topic, Partitions: 1, Compact: true}); err != nil {
		t.Fatal(err)
	}
	// One batch each; the last one, an aborted transaction's marker, stays.
	for _, key := range []string{"kept", "twice", "twice", "other", "other", "other"} {
		b.write(t, kafka.Record{Topic: topic, Partition: 0, Key: []byte(key), Value: []byte("v")})
	}
	x := kafkatest.NewTransactor(t, b.cfg, topic)
	x.Begin()
	x.Write("k", "aborted")
	x.Abort()
	b.awaitStable(t, topic)
	b.fake.Compact()

	got := offsets(kafkatest.Read(t, b.client, kafka.Query{Topic: topic}))
	if diff := cmp.Diff([]int64{0, 2, 5}, got); diff != "" {
		t.Fatalf("offsets read (-want +got):\n%s", diff)
	}
	for end, want := range []int64{-1, 0, 0, 2, 2, 2, 5, 5, 5} {
		got, err := b.client.LastVisible(topic, 0, 0, int64(end), kafka.ReadCommitted)
		if err != nil || got != want {
			t.Errorf("LastVisible(0, %d) = %d, %v, want %d", end, got, err, want)
		}
	}
}

func TestLastVisibleBeginsAtTheLogStart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := b.topic(t, 1)
	for range 5 {
		b.write(t, kafka.Record{Topic: topic, Value: []byte("v")})
	}
	b.deleteBefore(t, topic, 3)
	for _, tt := range []struct{ from, end, want int64 }{{0, 5, 4}, {0, 4, 3}, {0, 3, -1}, {0, 2, -1}, {-7, 5, 4}, {5, 5, -1}, {3, 900, 4}} {
		got, err := b.client.LastVisible(topic, 0, tt.from, tt.end, kafka.ReadCommitted)
		if err != nil || got != tt.want {
			t.Errorf("LastVisible(%d, %d) = %d, %v, want %d", tt.from, tt.end, got, err, tt.want)
		}
	}
}
