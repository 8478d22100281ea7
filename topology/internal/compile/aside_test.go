package compile

import (
	"errors"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/internal/task"
)

func TestARecordThatKilledTheProcessIsTreatedByItsInputsPolicy(t *testing.T) {
	t.Parallel()
	letter := "p.in|k|\x00deadly|in|processing it killed the process 2 times"
	tests := []struct {
		name  string
		opts  []topology.Option
		topic string
		want  []string
		fault error
	}{
		{name: "the default", topic: "p.in", want: []string{letter}},
		{name: "dead letters", opts: with(topology.OnError(topology.DeadLetter)), topic: "p.in", want: []string{letter}},
		{name: "skip", opts: with(topology.OnError(topology.Skip)), topic: "p.in"},
		{name: "fail", opts: with(topology.OnError(topology.Fail)), topic: "p.in", fault: errFails},
		{
			name: "a topic that is no input of the graph", opts: with(topology.OnError(topology.Fail)), topic: "p.t-retry",
			want: []string{"p.t-retry|k|\x00deadly|p.t-retry|processing it killed the process 2 times"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, _ := stepping(t, always(errors.New("never called")), tt.opts, nil, nil)
			outputs, err := p.Aside(task.Killed{Message: &sarama.ConsumerMessage{Topic: tt.topic, Partition: 3, Offset: 42, Key: []byte("k"), Value: []byte("\x00deadly")}, Deaths: 2})
			if !errors.Is(err, tt.fault) {
				t.Errorf("got %v, want %v", err, tt.fault)
			}
			var got []string
			for _, o := range outputs {
				if o.Topic != "p.t-dead-letters" || o.Key != "k" {
					t.Errorf("got topic %s and key %s", o.Topic, o.Key)
				}
				got = append(got, string(o.Value))
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("written (-got +want): %s", diff)
			}
		})
	}
}
