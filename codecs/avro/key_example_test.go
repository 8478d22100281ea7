package avro_test

import (
	"fmt"
	"log"

	"github.com/gokavro/gokavro/codecs/avro"
)

// A key keeps its bytes, and with them its partition and its row of a table,
// when the fields of its schema get another order or a wider type.
func ExampleKey() {
	type SeatV1 struct {
		Row    int32  `avro:"row"`
		Flight string `avro:"flight"`
	}
	type SeatV2 struct {
		Flight string `avro:"flight"`
		Row    int64  `avro:"row"`
	}
	first, err := avro.Key[SeatV1]().Encode(SeatV1{Row: 7, Flight: "GK 1"})
	if err != nil {
		log.Fatal(err)
	}
	second, err := avro.Key[SeatV2]().Encode(SeatV2{Row: 7, Flight: "GK 1"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%x\n%x\n", first, second)
	// Output:
	// 08474b20310e
	// 08474b20310e
}
