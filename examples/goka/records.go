package main

import (
	"slices"

	"github.com/gokavro/gokavro/codecs/avro"
)

// Order is a record of the topic orders, keyed by customer.
type Order struct {
	ID    int64 `avro:"id"`
	Cents int64 `avro:"cents"`
}

// Sum is a customer's row in the group's table.
type Sum struct {
	Orders int64 `avro:"orders"`
	Cents  int64 `avro:"cents"`
}

// totalSchema is the schema of the topic totals.
const totalSchema = `{"type": "record", "name": "Total", "fields": [
	{"name": "customer", "type": "string"},
	{"name": "orders", "type": "long"},
	{"name": "cents", "type": "long"}]}`

// purchase is an order with its key.
type purchase struct {
	customer string
	order    Order
}

func purchases() []purchase {
	return []purchase{
		{"ann", Order{1, 1250}},
		{"bob", Order{2, 300}},
		{"ann", Order{3, 99}},
		{"cyd", Order{4, 8000}},
		{"bob", Order{5, 1700}},
		{"ann", Order{6, 1}},
	}
}

// with returns more options without changing opts.
func with(opts []avro.Option, more ...avro.Option) []avro.Option {
	return slices.Concat(opts, more)
}
