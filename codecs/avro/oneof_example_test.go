package avro_test

import (
	"fmt"
	"log"

	"github.com/gokavro/gokavro/codecs/avro"
)

type OrderPlaced struct {
	ID   int64  `avro:"id"`
	Item string `avro:"item"`
}

type OrderCancelled struct {
	ID int64 `avro:"id"`
}

// The fingerprint of the single-object encoding needs no registry for what the
// codec knows.
func ExampleOneOf() {
	codec := avro.OneOf[any](
		avro.Namespace("shop"), avro.Format(avro.SingleObject),
		avro.Case[OrderPlaced](), avro.Case[OrderCancelled](),
	)
	for _, event := range []any{OrderPlaced{ID: 1, Item: "tea"}, OrderCancelled{ID: 1}} {
		data, err := codec.Encode(event)
		if err != nil {
			log.Fatal(err)
		}
		value, err := codec.Decode(data)
		if err != nil {
			log.Fatal(err)
		}
		switch e := value.(type) {
		case OrderPlaced:
			fmt.Println("placed", e.ID, e.Item)
		case OrderCancelled:
			fmt.Println("cancelled", e.ID)
		}
	}
	// Output:
	// placed 1 tea
	// cancelled 1
}
