package standby

// Next returns the changelog offset that a copy goes on from, -1 while it is not
// followed.
func (s *Standbys) Next(partition int32, topic string) int64 {
	for _, tail := range s.tails() {
		if tail.Partition == partition && tail.Topic == topic {
			return tail.From
		}
	}
	return -1
}
