package check_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/internal/check"
	"github.com/gokavro/gokavro/topology/kafka"
)

func TestABrokerThatDoesNotAnswerIsAWarning(t *testing.T) {
	t.Parallel()
	stack, err := devstack.Start(t.Context(), devstack.Config{NoRegistry: true})
	if err != nil {
		t.Fatal(err)
	}
	client, err := kafka.Dial(t.Context(), kafka.Config{Brokers: stack.Brokers()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateMissing(t.Context(), kafka.Topic{Name: "in", Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	const describeConfigs = 32
	awake := make(chan struct{})
	t.Cleanup(func() {
		close(awake)
		_ = client.Close()
		_ = stack.Close()
	})
	stack.CutWhere(func(apiKey int16) bool {
		if apiKey == describeConfigs {
			<-awake // and with it all other requests
		}
		return false
	})
	got := check.Run(t.Context(), client, check.Group{
		Name: "g", Topics: []check.Topic{{Name: "in", Role: check.Input}, {Name: "out", Role: check.Output}}, Patience: 500 * time.Millisecond,
	})
	if len(got.Faults) > 0 {
		t.Errorf("got the faults %v of a broker that does not answer", got.Faults)
	}
	var said []string
	for _, w := range got.Warnings {
		said = append(said, w.String())
	}
	if !strings.Contains(strings.Join(said, "; "), "could not be checked") {
		t.Errorf("got the warnings %q, want what could not be checked", said)
	}
	if got.Partitioner.Name != check.FNV1a().Name {
		t.Errorf("got the partitioner %q, want the default", got.Partitioner.Name)
	}
}
