package deadletters_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/runner/deadletters"
)

// Order is what the examples process.
type Order struct {
	ID string `avro:"id"`
}

// charge stands for a service that may be away.
func charge(Order) (Order, error) { return Order{}, nil }

func ExampleReplay_retryTopic() {
	t := topology.New("shop")
	in := topology.Input(t, "orders", avro.Typed[Order](), topology.Retry(graph.Retry{
		Attempts: 3, Backoff: 100 * time.Millisecond, // in place
		Topic: true, TopicAttempts: 20, MaxBackoff: 10 * time.Minute, // then parked
	}))
	paid := topology.Each(in, "charge", func(in processors.Record[Order], _ *processors.Row[processors.None], emit func(Order)) error {
		order, err := charge(in.Value)
		emit(order)
		return err
	})
	paid.To("orders-paid", avro.Typed[Order]())
	_, err := t.Build()
	fmt.Println(err)
	// Output: <nil>
}

// repair stands for a mend that is written in Go.
func repair(value []byte) ([]byte, error) { return value, nil }

func ExampleReplay() {
	mend := func(ctx context.Context, cfg deadletters.Config) (int, error) {
		return deadletters.Replay(ctx, cfg, deadletters.Filter{Step: "flights"}, func(_ context.Context, l *deadletters.Letter) error {
			value, err := repair(*l.Value)
			l.Value = &value
			return err
		})
	}
	fmt.Println(mend != nil)
	// Output: true
}
