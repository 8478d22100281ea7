package avro_test

import (
	"fmt"
	"time"

	"github.com/gokavro/gokavro/codecs/avro"
)

// Payment is how an invoice is paid: by Card or by Transfer.
type Payment interface{ isPayment() }

type Card struct {
	Last4 string `avro:"last4"`
}

type Transfer struct {
	IBAN string `avro:"iban"`
}

func (Card) isPayment()      {}
func (*Transfer) isPayment() {}

// Cents is an amount of money, written in units of a cent.
type Cents struct{ n int64 }

type Invoice struct {
	Total Cents      `avro:"total,decimal(12,2)"`
	Paid  Payment    `avro:"paid"`
	Due   *time.Time `avro:"due,date"`
}

func ExampleSealed() {
	codec := avro.Typed[Invoice](
		avro.Plain(),
		avro.Sealed[Payment](nil, Card{}, &Transfer{}),
		avro.Custom(
			func(c Cents) (int64, error) { return c.n, nil },
			func(n int64) (Cents, error) { return Cents{n}, nil },
		),
	)
	data, err := codec.Encode(Invoice{Total: Cents{1999}, Paid: &Transfer{IBAN: "NL02ABNA0123456789"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var invoice Invoice
	if err := codec.Read(data, &invoice); err != nil {
		fmt.Println(err)
		return
	}
	switch paid := invoice.Paid.(type) {
	case *Transfer:
		fmt.Println(invoice.Total.n, "by transfer from", paid.IBAN)
	case Card:
		fmt.Println(invoice.Total.n, "by card", paid.Last4)
	}
	// Output: 1999 by transfer from NL02ABNA0123456789
}

// Celsius is a temperature, written in tenths of a degree.
type Celsius float64

type Reading struct {
	Room string  `avro:"room"`
	Now  Celsius `avro:"now"`
}

func ExampleCustomSchema() {
	codec := avro.Typed[Reading](avro.Plain(), avro.CustomSchema(
		`{"type":"bytes","logicalType":"decimal","precision":4,"scale":1}`,
		func(c Celsius) (int64, error) { return int64(c * 10), nil },
		func(tenths int64) (Celsius, error) { return Celsius(tenths) / 10, nil },
	))
	fmt.Println(codec.Schema())
	// Output: {"type":"record","name":"Reading","fields":[{"name":"room","type":"string"},{"name":"now","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":1}}]}
}
