package kafka_test

import (
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/gokavro/gokavro/topology/kafka"
)

// sarama's broker says that it is not connected to one who asks while another
// connects.
func TestManyMayAskAtOnceWhetherTopicsCouldBeCreated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 100 {
		conn, err := kafka.DialConn(t.Context(), b.cfg)
		if err != nil {
			t.Fatal(err)
		}
		var all errgroup.Group
		for range 8 {
			all.Go(func() error {
				refused, err := conn.CouldCreate(kafka.Topic{Name: "missing", Partitions: 1})
				if len(refused) > 0 {
					t.Errorf("got %v refused, want none", refused)
				}
				return err
			})
		}
		if err := all.Wait(); err != nil {
			t.Error(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}
