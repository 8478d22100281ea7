package topology_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
)

type order struct {
	Town  string
	Price int
}

// price asks a service that may be away; a town that it does not know is not
// worth another try.
func price(in processors.Record[order], _ *processors.Row[processors.None], emit func(order)) error {
	if in.Value.Town == "" {
		return processors.Permanent(errors.New("the order has no town"))
	}
	in.Value.Price = len(in.Value.Town)
	emit(in.Value)
	return nil
}

func ExampleOnError() {
	t := topology.New("orders")
	orders := topology.Input(t, "orders", codecs.JSON[order](), topology.Retry(graph.Retry{Attempts: 5, Budget: time.Minute}))
	priced := topology.Each(orders, "price", price, topology.OnError(topology.Skip))
	priced.To("priced", codecs.JSON[order](), topology.OnError(topology.Fail))

	g, err := t.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, node := range []string{"orders", "price", "priced"} {
		p := g.Policy("orders", node)
		fmt.Println(node, p.Action, p.Retry.Attempts)
	}
	// Output:
	// orders dead_letter 5
	// price skip 5
	// priced fail 5
}
