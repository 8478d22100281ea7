package avro_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/gokavro/gokavro/codecs/avro"
)

// A schema that is known at run time only, and records without Go types.
func ExampleRecords() {
	codec := avro.Records(`{"type":"record","name":"Order","fields":[
		{"name":"id","type":"long"},
		{"name":"customer","type":["null",{"type":"record","name":"Customer","fields":[{"name":"name","type":"string"}]}],"default":null},
		{"name":"note","type":["null","string"],"default":null}]}`, avro.Plain())
	order := codec.New()
	if err := errors.Join(order.Set("id", 7), order.Set("customer.name", "Zoë")); err != nil {
		log.Fatal(err)
	}
	data, err := codec.Encode(order)
	if err != nil {
		log.Fatal(err)
	}

	var read avro.Record
	if err := codec.Read(data, &read); err != nil {
		log.Fatal(err)
	}
	name, err := read.String("customer.name")
	fmt.Println(name, err)
	fmt.Println(read.Has("note"))
	_, err = read.String("id")
	fmt.Println(err)
	// Output:
	// Zoë <nil>
	// false
	// avro: field id of record Order is of type long, a Go int64: use Long
}

// Records in goavro's form are read without the tags of their unions.
func ExampleNewRecord() {
	codec := avro.Generic(`{"type":"record","name":"Order","fields":[{"name":"note","type":["null","string"]}]}`, avro.Plain())
	native := map[string]any{"note": map[string]any{"string": "by hand"}}
	order, err := avro.NewRecord(codec.Schema(), native)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(order.String("note"))
	if err := order.Set("note", "in a hurry"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(native)
	// Output:
	// by hand <nil>
	// map[note:map[string:in a hurry]]
}
