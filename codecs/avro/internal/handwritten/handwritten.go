// Package handwritten is what one writes by hand for two records: the measure
// of the codecs, in tests and benchmarks.
package handwritten

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
	"unicode/utf8"
)

// User is a small record.
type User struct {
	ID   int32  `avro:"id"`
	Name string `avro:"name"`
	Age  int32  `avro:"age"`
}

// User2 is a User of a later version.
type User2 struct {
	ID    int64  `avro:"id"`
	Name  string `avro:"name"`
	Email string `avro:"email"`
	Age   int32  `avro:"age"`
}

// UserSchema is the schema of a User.
const UserSchema = `{"type":"record","name":"User","fields":[
	{"name":"id","type":"int"},{"name":"name","type":"string"},{"name":"age","type":"int"}]}`

// User2Schema is the schema of a User2.
const User2Schema = `{"type":"record","name":"User","fields":[
	{"name":"id","type":"long"},{"name":"name","type":"string"},
	{"name":"email","type":"string","default":"none"},{"name":"age","type":"int"}]}`

// Address is where an order goes.
type Address struct {
	Street  string `avro:"street"`
	City    string `avro:"city"`
	Zip     string `avro:"zip"`
	Country string `avro:"country"`
}

// Line is what an order has of one thing. The price is in cents.
type Line struct {
	SKU   string `avro:"sku"`
	Count int32  `avro:"count"`
	Price int64  `avro:"price"`
}

// Order is a record with nearly all that records have. The total is in cents.
type Order struct {
	ID       string            `avro:"id"`
	Customer int64             `avro:"customer"`
	Ship     Address           `avro:"ship"`
	Lines    []Line            `avro:"lines"`
	Tags     map[string]string `avro:"tags"`
	Status   string            `avro:"status"`
	Note     *string           `avro:"note"`
	Coupon   *string           `avro:"coupon"`
	Placed   time.Time         `avro:"placed"`
	Total    int64             `avro:"total"`
}

// DecimalSchema is the schema of an amount in cents.
const DecimalSchema = `{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}`

// OrderSchema is the schema of an Order.
const OrderSchema = `{"type":"record","name":"Order","namespace":"shop","fields":[
	{"name":"id","type":"string"},
	{"name":"customer","type":"long"},
	{"name":"ship","type":{"type":"record","name":"Address","fields":[
		{"name":"street","type":"string"},{"name":"city","type":"string"},
		{"name":"zip","type":"string"},{"name":"country","type":"string"}]}},
	{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
		{"name":"sku","type":"string"},{"name":"count","type":"int"},{"name":"price","type":` + DecimalSchema + `}]}}},
	{"name":"tags","type":{"type":"map","values":"string"}},
	{"name":"status","type":{"type":"enum","name":"Status","symbols":["NEW","PAID","SHIPPED","DONE"]}},
	{"name":"note","type":["null","string"],"default":null},
	{"name":"coupon","type":["null","string"],"default":null},
	{"name":"placed","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"total","type":` + DecimalSchema + `}]}`

// SomeUser returns a User of 18 bytes.
func SomeUser() User { return User{ID: 4711, Name: "Ann Example", Age: 31} }

// SomeOrder returns an Order of 243 bytes.
func SomeOrder() Order {
	note := "leave the parcel with the neighbours, please"
	return Order{
		ID: "o-2024-000471", Customer: 918273645,
		Ship: Address{Street: "12 Long Street", City: "Springfield", Zip: "04711", Country: "NL"},
		Lines: []Line{
			{SKU: "sku-100-blue", Count: 2, Price: 1999},
			{SKU: "sku-200-red", Count: 1, Price: 249900},
			{SKU: "sku-300-green", Count: 12, Price: 5},
		},
		Tags:   map[string]string{"channel": "web", "campaign": "spring-sale", "device": "phone"},
		Status: "PAID", Note: &note, Placed: time.UnixMilli(1700000000123).UTC(), Total: 253958,
	}
}

func putString(dst []byte, s string) []byte {
	return append(binary.AppendVarint(dst, int64(len(s))), s...)
}

// AppendUser appends the Avro binary form of u.
func AppendUser(dst []byte, u *User) []byte {
	dst = binary.AppendVarint(dst, int64(u.ID))
	dst = putString(dst, u.Name)
	return binary.AppendVarint(dst, int64(u.Age))
}

// AppendCheckedUser refuses a name that no reader would take, as a codec must.
func AppendCheckedUser(dst []byte, u *User) ([]byte, error) {
	if !utf8.ValidString(u.Name) {
		return nil, errHand
	}
	return AppendUser(dst, u), nil
}

func putDecimal(dst []byte, v int64) []byte {
	size := 1
	for size < 8 && (v < -1<<(8*size-1) || v > 1<<(8*size-1)-1) {
		size++
	}
	dst = append(dst, byte(size<<1))
	for i := size - 1; i >= 0; i-- {
		dst = append(dst, byte(v>>(8*i)))
	}
	return dst
}

func putNullable(dst []byte, s *string) []byte {
	if s == nil {
		return append(dst, 0)
	}
	return putString(append(dst, 2), *s)
}

var errSymbol = errors.New("no symbol")

func putStatus(dst []byte, status string) ([]byte, error) {
	switch status {
	case "NEW":
		return append(dst, 0), nil
	case "PAID":
		return append(dst, 2), nil
	case "SHIPPED":
		return append(dst, 4), nil
	case "DONE":
		return append(dst, 6), nil
	}
	return dst, errSymbol
}

// AppendOrder appends the Avro binary form of o.
func AppendOrder(dst []byte, o *Order) ([]byte, error) {
	dst = putString(dst, o.ID)
	dst = binary.AppendVarint(dst, o.Customer)
	dst = putString(dst, o.Ship.Street)
	dst = putString(dst, o.Ship.City)
	dst = putString(dst, o.Ship.Zip)
	dst = putString(dst, o.Ship.Country)
	if len(o.Lines) > 0 {
		dst = binary.AppendVarint(dst, int64(len(o.Lines)))
		for i := range o.Lines {
			l := &o.Lines[i]
			dst = putString(dst, l.SKU)
			dst = binary.AppendVarint(dst, int64(l.Count))
			dst = putDecimal(dst, l.Price)
		}
	}
	dst = append(dst, 0)
	if len(o.Tags) > 0 {
		dst = binary.AppendVarint(dst, int64(len(o.Tags)))
		for k, v := range o.Tags {
			dst = putString(putString(dst, k), v)
		}
	}
	dst = append(dst, 0)
	dst, err := putStatus(dst, o.Status)
	if err != nil {
		return nil, err
	}
	dst = putNullable(putNullable(dst, o.Note), o.Coupon)
	dst = binary.AppendVarint(dst, o.Placed.UnixMilli())
	return putDecimal(dst, o.Total), nil
}

var errHand = errors.New("short")

// cursor reads by hand, with the checks that a datum from outside needs.
type cursor struct {
	data []byte
	err  error
}

func (c *cursor) long() int64 {
	v, n := binary.Varint(c.data)
	if n <= 0 {
		c.err = errHand
		c.data = nil
		return 0
	}
	c.data = c.data[n:]
	return v
}

func (c *cursor) int() int32 {
	v := c.long()
	if v < math.MinInt32 || v > math.MaxInt32 {
		c.err = errHand
	}
	return int32(v)
}

func (c *cursor) bytes() []byte {
	n := c.long()
	if n < 0 || n > int64(len(c.data)) {
		c.err = errHand
		c.data = nil
		return nil
	}
	b := c.data[:n]
	c.data = c.data[n:]
	return b
}

func (c *cursor) string() string { return string(c.bytes()) }

func (c *cursor) nullable() *string {
	switch c.long() {
	case 0:
		return nil
	case 1:
		s := c.string()
		return &s
	}
	c.err = errHand
	return nil
}

func (c *cursor) decimal() int64 {
	b := c.bytes()
	if len(b) == 0 || len(b) > 8 {
		c.err = errHand
		return 0
	}
	v := int64(int8(b[0]))
	for _, d := range b[1:] {
		v = v<<8 | int64(d)
	}
	return v
}

func (c *cursor) count() int {
	n := c.long()
	if n < 0 || n > int64(len(c.data)) {
		c.err = errHand
		return 0
	}
	return int(n)
}

// ReadUser reads what AppendUser writes.
func ReadUser(data []byte, u *User) error {
	c := cursor{data: data}
	u.ID, u.Name, u.Age = c.int(), c.string(), c.int()
	return c.err
}

// ReadOrder reads what AppendOrder writes.
func ReadOrder(data []byte, o *Order) error {
	c := cursor{data: data}
	o.ID, o.Customer = c.string(), c.long()
	o.Ship.Street, o.Ship.City, o.Ship.Zip, o.Ship.Country = c.string(), c.string(), c.string(), c.string()
	for n := c.count(); n > 0; n = c.count() {
		if len(o.Lines) == 0 {
			o.Lines = make([]Line, 0, n)
		}
		for range n {
			o.Lines = append(o.Lines, Line{SKU: c.string(), Count: c.int(), Price: c.decimal()})
		}
	}
	for n := c.count(); n > 0; n = c.count() {
		if o.Tags == nil {
			o.Tags = make(map[string]string, n)
		}
		for range n {
			key := c.string()
			o.Tags[key] = c.string()
		}
	}
	symbols := [...]string{"NEW", "PAID", "SHIPPED", "DONE"}
	if i := c.long(); i >= 0 && i < int64(len(symbols)) {
		o.Status = symbols[i]
	} else {
		c.err = errHand
	}
	o.Note, o.Coupon = c.nullable(), c.nullable()
	o.Placed = time.UnixMilli(c.long()).UTC()
	o.Total = c.decimal()
	if len(c.data) != 0 {
		c.err = errHand
	}
	return c.err
}
