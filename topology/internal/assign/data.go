package assign

import (
	"encoding/json"
	"fmt"

	"github.com/IBM/sarama"
)

// subscription is what a member tells the leader of its group.
type subscription struct {
	Instance   string  `json:"instance"`
	Host       string  `json:"host"`
	Had        []int32 `json:"had"`
	Generation int32   `json:"generation"`
	Warm       []int32 `json:"warm"`
	Cold       []int32 `json:"cold"`
	Files      []int32 `json:"files"`
	Standbys   int     `json:"num_standby"`
}

// assignment is what the leader tells a member beside its partitions.
type assignment struct {
	Standby []int32 `json:"standby"`
	Coming  []int32 `json:"coming"`
	Leaving []int32 `json:"leaving"`
	Warming []int32 `json:"warming"`
}

// encode returns data as JSON, in which members of other versions find what
// they know.
func encode(data any) ([]byte, error) { return json.Marshal(data) }

// decode reads data; there may be none.
func decode[T any](text []byte) (data T, err error) {
	if len(text) == 0 {
		return data, nil
	}
	if err := json.Unmarshal(text, &data); err != nil {
		var none T
		return none, fmt.Errorf("assign: decoding %d bytes of another member: %w", len(text), err)
	}
	return data, nil
}

// memberOf puts together what is known of a member. After an error that is
// what sarama knows.
func memberOf(id string, meta sarama.ConsumerGroupMemberMetadata) (Member, error) {
	m := Member{ID: id, Instance: id, Topics: meta.Topics}
	held := map[string][]int32{}
	for _, owned := range meta.OwnedPartitions {
		held[owned.Topic] = append(held[owned.Topic], owned.Partitions...)
	}
	m.Held = numbers(held)
	m.Had, m.Generation = m.Held, meta.GenerationID
	data, err := decode[subscription](meta.UserData)
	if err != nil || data.Instance == "" {
		return m, err
	}
	m.Instance, m.Host, m.Had, m.Generation = data.Instance, data.Host, data.Had, data.Generation
	m.Warm, m.Cold, m.Files, m.Standbys = data.Warm, data.Cold, data.Files, data.Standbys
	return m, nil
}
