package assign_test

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/internal/assign"
)

// node is one member's strategy and what it was told.
type node struct {
	*assign.Strategy
	joins      int
	share      assign.Share
	generation int32
}

func newNode(instance string, warm ...int32) *node {
	n := &node{}
	n.Strategy = assign.NewStrategy(assign.Config{
		Instance: instance, Host: "h-" + instance, Standbys: 1, Log: slog.New(slog.DiscardHandler),
		Tables:   func() assign.Tables { return assign.Tables{Warm: warm} },
		Joining:  func() { n.joins++ },
		Assigned: func(generation int32, s assign.Share) { n.generation, n.share = generation, s },
	})
	return n
}

// rebalance is what sarama does with the strategies of a group: the first leads.
func rebalance(t *testing.T, generation int32, nodes map[string]*node, topics map[string][]int32) {
	t.Helper()
	members := map[string]sarama.ConsumerGroupMemberMetadata{}
	var names []string
	for topic := range topics {
		names = append(names, topic)
	}
	for id, n := range nodes {
		data, err := n.SubscriptionUserData(names)
		if err != nil {
			t.Fatal(err)
		}
		meta := sarama.ConsumerGroupMemberMetadata{Version: 2, Topics: names, UserData: data, GenerationID: n.generation}
		for _, topic := range names {
			meta.OwnedPartitions = append(meta.OwnedPartitions, &sarama.OwnedPartition{Topic: topic, Partitions: n.share.Active})
		}
		members[id] = meta
	}
	leader := nodes["a"]
	plan, err := leader.Plan(members, topics)
	if err != nil {
		t.Fatal(err)
	}
	for id, n := range nodes {
		data, err := leader.AssignmentData(id, plan[id], generation)
		if err != nil {
			t.Fatal(err)
		}
		n.OnAssignment(&sarama.ConsumerGroupMemberAssignment{Topics: plan[id], UserData: data}, generation)
	}
}

func TestStrategyTellsMembersTheirShares(t *testing.T) {
	t.Parallel()
	topics := map[string][]int32{"in": partitions(4), "more": partitions(4)}
	nodes := map[string]*node{"a": newNode("one")}
	rebalance(t, 1, nodes, topics)
	nodes["b"] = newNode("two", 3)
	rebalance(t, 2, nodes, topics)
	if got := nodes["b"].share.Active; len(got) > 0 {
		t.Errorf("got %v, want nothing before its owner has given it up", got)
	}
	rebalance(t, 3, nodes, topics)
	for id, want := range map[string]assign.Share{
		"a": {Active: []int32{0, 1}, Standby: []int32{2, 3}},
		"b": {Active: []int32{2, 3}, Standby: []int32{0, 1}},
	} {
		if d := cmp.Diff(want, nodes[id].share); d != "" {
			t.Errorf("%s (-want +got): %s", id, d)
		}
	}
	if n := nodes["a"]; n.joins != 3 || n.generation != 3 {
		t.Errorf("got %d joins, generation %d, want 3 of each", n.joins, n.generation)
	}
}

func TestStrategyGoesOnWithMembersItCannotRead(t *testing.T) {
	t.Parallel()
	n := newNode("one")
	members := map[string]sarama.ConsumerGroupMemberMetadata{
		"a": {Topics: []string{"in"}, UserData: []byte("{")},
		"b": {Topics: []string{"in"}, UserData: []byte(`{"instance":"two","unknown":1}`)},
	}
	plan, err := n.Plan(members, map[string][]int32{"in": partitions(2)})
	if err != nil || len(plan["a"]["in"]) != 1 || len(plan["b"]["in"]) != 1 {
		t.Errorf("got %v, %v, want one partition for each", plan, err)
	}
}

// Members of earlier releases say nothing of big tables, and get partitions at
// once; what they lead the others understand.
func TestStrategyWorksWithMembersOfEarlierReleases(t *testing.T) {
	t.Parallel()
	n := newNode("one")
	had := []byte(`{"instance":"one","host":"h","had":[0,1],"generation":3,"warm":null,"cold":[],"num_standby":0}`)
	for name, tt := range map[string]struct {
		joins   string
		leaving []int32
	}{
		"an earlier release":     {`{"instance":"two","host":"h","had":null,"generation":-1,"warm":null,"num_standby":0}`, []int32{1}},
		"one with all cold":      {`{"instance":"two","had":null,"generation":-1,"warm":null,"cold":[0,1],"files":null}`, nil},
		"one with a warm copy":   {`{"instance":"two","had":null,"generation":-1,"warm":[0],"cold":[1],"files":[0]}`, []int32{0}},
		"one with data of later": {`{"instance":"two","had":null,"generation":-1,"later":{}}`, []int32{1}},
	} {
		_, err := n.Plan(map[string]sarama.ConsumerGroupMemberMetadata{
			"a": {Topics: []string{"in"}, UserData: had, OwnedPartitions: []*sarama.OwnedPartition{{Topic: "in", Partitions: []int32{0, 1}}}},
			"b": {Topics: []string{"in"}, UserData: []byte(tt.joins)},
		}, map[string][]int32{"in": partitions(2)})
		if err != nil {
			t.Fatal(err)
		}
		data, err := n.AssignmentData("a", nil, 4)
		if err != nil {
			t.Fatal(err)
		}
		n.OnAssignment(&sarama.ConsumerGroupMemberAssignment{UserData: data}, 4)
		if !slices.Equal(n.share.Leaving, tt.leaving) {
			t.Errorf("%s joins: %v leave the other one, want %v", name, n.share.Leaving, tt.leaving)
		}
	}
	earlier := []byte(`{"standby":[1],"coming":[0],"leaving":null}`)
	n.OnAssignment(&sarama.ConsumerGroupMemberAssignment{UserData: earlier}, 5)
	if d := cmp.Diff(assign.Share{Standby: []int32{1}, Coming: []int32{0}}, n.share); d != "" {
		t.Errorf("an earlier release leads (-want +got): %s", d)
	}
}

func TestStrategySaysWhatWaitsInARollingDeploy(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := assign.NewStrategy(assign.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	topics := map[string][]int32{"in": partitions(2), "more": partitions(2)}
	plan, err := s.Plan(map[string]sarama.ConsumerGroupMemberMetadata{
		"new": {Topics: []string{"in", "more"}}, "old": {Topics: []string{"in"}},
	}, topics)
	want := sarama.BalanceStrategyPlan{"new": {"in": {0}, "more": {0}}, "old": {"in": {1}}}
	if d := cmp.Diff(want, plan); d != "" || err != nil {
		t.Errorf("%v, (-want +got): %s", err, d)
	}
	if !strings.Contains(log.String(), "topic=more partitions=[1]") {
		t.Errorf("got the log %q, want topic and partition in it", log.String())
	}
}

// FuzzPlan reads what members say of themselves.
func FuzzPlan(f *testing.F) {
	f.Add([]byte(`{"instance":"a","had":[0,1],"generation":3,"warm":[2],"num_standby":1}`), []byte(nil))
	f.Add([]byte(`{"instance":"a","num_standby":9999999}`), []byte(`{"instance":"a","had":[-1,7,0]}`))
	f.Add([]byte(`[]`), []byte(`{"had":{}}`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		n := newNode("one")
		members := map[string]sarama.ConsumerGroupMemberMetadata{
			"a": {Topics: []string{"in"}, UserData: first}, "b": {Topics: []string{"in"}, UserData: second},
		}
		plan, err := n.Plan(members, map[string][]int32{"in": partitions(3)})
		if err != nil {
			t.Fatal(err)
		}
		all := slices.Sorted(slices.Values(append(slices.Clone(plan["a"]["in"]), plan["b"]["in"]...)))
		if d := cmp.Diff(partitions(3), all); d != "" {
			t.Errorf("%q, %q (-want +got): %s", first, second, d)
		}
		n.OnAssignment(&sarama.ConsumerGroupMemberAssignment{UserData: first}, 1)
	})
}
