package refusal_test

import (
	"errors"
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
				err := m.Check(try.topic, try.key, []byte(try.value), try.at)
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
	if err := m.Check("out", "key", []byte("value"), noon); err != nil {
		t.Errorf("got %v for a record that may not be the one that was meant", err)
	}
	if diff := cmp.Diff([]string{"out"}, m.Suspects()); diff != "" {
		t.Error(diff)
	}
	if got := m.Suspects(); got != nil {
		t.Errorf("got %v the second time, want none", got)
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
		if err := m.Check("out", "key", []byte("value"), noon); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "topic out") {
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
		if err := m.Check("out", "key", nil, noon); err == nil {
			t.Error("it is forgotten within 5 minutes")
		}
		<-time.After(time.Second)
		if err := m.Check("out", "key", nil, noon); err != nil {
			t.Errorf("got %v after 5 minutes", err)
		}
		if !m.Note(refused(sarama.ErrTopicAuthorizationFailed, false)) {
			t.Error("the next refusal was no news")
		}
	})
}

func TestNoMemoryRefusesNothing(t *testing.T) {
	t.Parallel()
	var m *refusal.Memory
	if err := m.Check("out", "key", nil, noon); err != nil {
		t.Errorf("got %v", err)
	}
}
