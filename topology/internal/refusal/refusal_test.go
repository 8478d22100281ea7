package refusal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/refusal"
	"github.com/gokavro/gokavro/topology/internal/txn"
	"github.com/gokavro/gokavro/topology/kafka"
)

var noon = time.Date(2020, 1, 1, 12, 0, 0, 0, time.UTC)

func refused(err error, alone bool) *txn.RefusedError {
	return &txn.RefusedError{Record: &kafka.Record{Topic: "out", Key: []byte("key"), Value: []byte("value"), Time: noon}, Alone: alone, Err: err}
}

func record(topic, key, value string, at time.Time) *kafka.Record {
	return &kafka.Record{Topic: topic, Key: []byte(key), Value: []byte(value), Time: at}
}

func TestARefusalCoversItsLike(t *testing.T) {
	t.Parallel()
	tomorrow := time.Now().Add(24 * time.Hour)
	late := refused(sarama.ErrInvalidTimestamp, true)
	late.Record.Time = tomorrow
	type try struct {
		topic, key, value string
		at                time.Time
		want              bool
	}
	same := try{"out", "key", "value", noon, true}
	elsewhere := try{"other", "key", "value", noon, false}
	tests := []struct {
		name    string
		refused *txn.RefusedError
		tries   []try
	}{
		{"a size", refused(sarama.ErrMessageSizeTooLarge, true), []try{same, elsewhere, {"out", "k", "longer value", noon, true}, {"out", "key", "less", noon, false}}},
		{"no right", refused(sarama.ErrTopicAuthorizationFailed, false), []try{same, elsewhere, {"out", "", "", noon, true}}},
		{"too old", refused(sarama.ErrInvalidTimestamp, true), []try{same, elsewhere, {"out", "x", "y", noon.Add(-1), true}, {"out", "key", "value", noon.Add(1), false}}},
		{"too new", late, []try{{"out", "x", "y", tomorrow, true}, {"out", "x", "y", tomorrow.Add(1), true}, {"out", "x", "y", tomorrow.Add(-1), false}}},
		{"another reason", refused(sarama.ErrInvalidRecord, true), []try{same, elsewhere, {"out", "key", "other", noon, false}, {"out", "other", "value", noon, false}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var m refusal.Memory
			if !m.Note(tt.refused) {
				t.Error("the first refusal was no news")
			}
			for _, try := range tt.tries {
				err := m.Check(record(try.topic, try.key, try.value, try.at))
				if (err != nil) != try.want || err != nil && !errors.Is(err, tt.refused.Err) {
					t.Errorf("%+v: got %v", try, err)
				}
			}
			if m.Note(tt.refused) {
				t.Error("the same refusal again was news")
			}
		})
	}
}

func TestABatchThatIsRefusedAsAWholeIsLookedAtSingly(t *testing.T) {
	t.Parallel()
	var m refusal.Memory
	if !m.Note(refused(sarama.ErrInvalidRecord, false)) {
		t.Error("the refusal was no news")
	}
	if err := m.Check(record("out", "key", "value", noon)); err != nil {
		t.Errorf("got %v for a record that may not be the one that was meant", err)
	}
	if diff := cmp.Diff([]string{"out"}, m.Suspects()); diff != "" {
		t.Error(diff)
	}
	if got := m.Suspects(); got != nil {
		t.Errorf("got %v the second time, want none", got)
	}
	m.Note(refused(sarama.ErrInvalidRecord, true))
	if diff := cmp.Diff([]string{"out"}, m.Suspects()); diff != "" {
		t.Errorf("after one was found: %s", diff)
	}
}

func TestARefusalSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for code, want := range map[error]string{
		sarama.ErrMessageSizeTooLarge:      "raise the topic's max.message.bytes",
		sarama.ErrTopicAuthorizationFailed: "(ACL)",
		sarama.ErrInvalidTimestamp:         "message.timestamp.before.max.ms",
	} {
		var m refusal.Memory
		m.Note(refused(code, true))
		if err := m.Check(record("out", "key", "value", noon)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "topic out") {
			t.Errorf("got %v, want the topic and %q", err, want)
		}
	}
}

// After a while the broker is asked again, since somebody may have mended it.
func TestARefusalIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m refusal.Memory
		m.Note(refused(sarama.ErrTopicAuthorizationFailed, false))
		<-time.After(5 * time.Minute)
		if err := m.Check(record("out", "key", "", noon)); err == nil {
			t.Error("it is forgotten within 5 minutes")
		}
		<-time.After(time.Second)
		if err := m.Check(record("out", "key", "", noon)); err != nil {
			t.Errorf("got %v after 5 minutes", err)
		}
		if !m.Note(refused(sarama.ErrTopicAuthorizationFailed, false)) {
			t.Error("the next refusal was no news")
		}
	})
}

// What an input writes may be another record at each try: it is known by where it
// comes from then.
func TestAnInputThatWritesSomethingElseEachTimeIsKnown(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]int64{"an output": 7, "a row": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var m refusal.Memory
			for n := range 3 {
				again := refused(sarama.ErrInvalidRecord, true)
				again.Record.Value, again.Record.Offset = fmt.Append(nil, n), from
				if err := m.Check(again.Record); err != nil {
					t.Errorf("got %v before the record was refused", err)
				}
				if !m.Note(again) {
					t.Errorf("refusal %d was no news", n)
				}
			}
			again := record("out", "key", "something else", noon)
			again.Offset = from
			if err := m.Check(again); err == nil {
				t.Error("what comes from the same input is not known")
			}
			other := record("out", "another key", "something else", noon)
			if err := m.Check(other); err != nil {
				t.Errorf("got %v for what comes from another input", err)
			}
		})
	}
}

// However many records are refused for their contents one after the other, none
// of them is forgotten meanwhile.
func TestContentsAreRememberedWhileThereIsNewsOfThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m refusal.Memory
		for n := range 100 {
			next := refused(sarama.ErrInvalidRecord, true)
			next.Record.Value, next.Record.Offset = fmt.Append(nil, n), int64(n)
			m.Note(next)
			<-time.After(10 * time.Second)
		}
		if err := m.Check(record("out", "key", "0", noon)); err == nil {
			t.Error("the first is forgotten")
		}
		<-time.After(5 * time.Minute)
		if !m.Empty() {
			if err := m.Check(record("out", "key", "0", noon)); err != nil {
				t.Errorf("got %v 5 minutes later", err)
			}
		}
	})
}

func TestNoMemoryRefusesNothing(t *testing.T) {
	t.Parallel()
	var m *refusal.Memory
	if err := m.Check(record("out", "key", "", noon)); err != nil {
		t.Errorf("got %v", err)
	}
}
