package assign

import (
	"log/slog"
	"slices"
	"sync"

	"github.com/IBM/sarama"
)

// Name is what the strategy is called among the members of a group.
const Name = "gokavro-cooperative"

// Config says who the member is, and who is told what it is given.
type Config struct {
	// Instance, Host and Standbys are those of [Member].
	Instance, Host string
	Standbys       int
	// Tables returns what the member has of which partitions' tables. It may be nil.
	Tables func() Tables
	// Joining is called before each request to join, Assigned when what follows of
	// it is known: the partitions that the member has from now on, without those
	// that others still have to give up, and those that it keeps copies of. They
	// must not block.
	Joining  func()
	Assigned func(generation int32, s Share)
	Log      *slog.Logger
}

// Tables says what a member has of the tables, by partition, as [Member] does.
type Tables struct{ Warm, Cold, Files []int32 }

// Strategy is [Balance] as a strategy of sarama, for one consumer of one group.
// Its members go on with what they keep while others move. It is safe for
// concurrent use.
type Strategy struct {
	cfg Config

	mu         sync.Mutex
	had        []int32
	generation int32
	shares     map[string]Share // of the last plan, by member id
}

// NewStrategy returns a strategy.
func NewStrategy(cfg Config) *Strategy { return &Strategy{cfg: cfg, generation: -1} }

// Name implements sarama.BalanceStrategy.
func (s *Strategy) Name() string { return Name }

// SupportedProtocols says that members may keep partitions over a rebalance, and
// that it is no error if they do not.
func (s *Strategy) SupportedProtocols() []sarama.RebalanceProtocol {
	return []sarama.RebalanceProtocol{sarama.RebalanceProtocolCooperative, sarama.RebalanceProtocolEager}
}

// Plan implements sarama.BalanceStrategy.
func (s *Strategy) Plan(members map[string]sarama.ConsumerGroupMemberMetadata, topics map[string][]int32) (sarama.BalanceStrategyPlan, error) {
	var all []Member
	for id, meta := range members {
		m, err := memberOf(id, meta)
		if err != nil {
			s.cfg.Log.Warn("a member of the group says nothing that can be read: it gets partitions as if it were new", "member", id, "err", err)
		}
		all = append(all, m)
	}
	shares := Balance(all, topics)
	for topic, partitions := range waiting(all, shares, topics) {
		s.cfg.Log.Warn("records of a topic wait for a newer version of the processes that own these partitions", "topic", topic, "partitions", partitions)
	}
	for id, share := range shares {
		if len(share.Warming) > 0 {
			s.cfg.Log.Info("partitions stay where they are until a member has copies of their tables", "member", id, "partitions", share.Warming)
		}
	}
	plan := sarama.BalanceStrategyPlan{}
	for id, share := range shares {
		// A member without an entry would get no data either.
		plan[id] = map[string][]int32{}
		for _, topic := range members[id].Topics {
			for _, partition := range share.Active {
				if slices.Contains(topics[topic], partition) && !slices.Contains(plan[id][topic], partition) {
					plan.Add(id, topic, partition)
				}
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shares = shares
	return plan, nil
}

// waiting returns the partitions of each topic whose owners do not read it.
func waiting(members []Member, shares map[string]Share, topics Topics) map[string][]int32 {
	all := map[string][]int32{}
	for _, m := range members {
		share := shares[m.ID]
		for topic, partitions := range topics {
			if slices.Contains(m.Topics, topic) {
				continue
			}
			for _, partition := range slices.Concat(share.Active, share.Coming) {
				if slices.Contains(partitions, partition) {
					all[topic] = append(all[topic], partition)
				}
			}
		}
	}
	return all
}

// AssignmentData tells a member what its partitions do not.
func (s *Strategy) AssignmentData(memberID string, _ map[string][]int32, _ int32) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	share := s.shares[memberID]
	return encode(assignment{Standby: share.Standby, Coming: share.Coming, Leaving: share.Leaving, Warming: share.Warming})
}

// SubscriptionUserData tells the leader what the member has. sarama calls it
// before each request to join.
func (s *Strategy) SubscriptionUserData([]string) ([]byte, error) {
	s.cfg.Joining()
	d := subscription{Instance: s.cfg.Instance, Host: s.cfg.Host, Standbys: s.cfg.Standbys}
	if s.cfg.Tables != nil {
		tables := s.cfg.Tables()
		d.Warm, d.Cold, d.Files = tables.Warm, tables.Cold, tables.Files
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d.Had, d.Generation = s.had, s.generation
	return encode(d)
}

// OnAssignment notes what the member was given.
func (s *Strategy) OnAssignment(given *sarama.ConsumerGroupMemberAssignment, generation int32) {
	data, err := decode[assignment](given.UserData)
	if err != nil {
		s.cfg.Log.Warn("the group's leader says nothing that can be read", "err", err)
	}
	share := Share{Active: numbers(given.Topics), Standby: data.Standby, Coming: data.Coming, Leaving: data.Leaving, Warming: data.Warming}
	s.mu.Lock()
	s.had, s.generation = share.Active, generation
	s.mu.Unlock()
	s.cfg.Assigned(generation, share)
}

func numbers(claims map[string][]int32) []int32 {
	var all []int32
	for _, partitions := range claims {
		all = append(all, partitions...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
