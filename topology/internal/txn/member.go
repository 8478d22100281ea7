package txn

import (
	"context"

	"github.com/IBM/sarama"
)

// asMember does what the group takes of its members only. When a rebalance has
// ended the generation meanwhile, it is done again in the one that follows.
func (b *Batch) asMember(ctx context.Context, do func(*sarama.ConsumerGroupMetadata) error) error {
	for member := b.Member; ; {
		err := do(member)
		if b.Renew == nil || !isAny(err, sarama.ErrIllegalGeneration) {
			return err
		}
		if member = b.Renew(ctx, member); member == nil {
			return err
		}
	}
}
