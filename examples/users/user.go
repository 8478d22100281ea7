package main

import (
	_ "embed"

	"github.com/gokavro/gokavro/codecs/avro"
)

// User is a row of the example.
type User struct {
	ID   int32  `avro:"id"`
	Name string `avro:"name"`
	Age  int32  `avro:"age"`
}

//go:embed users.avsc
var userSchema string

// userCodec returns the codec of the topic's values. With AutoRegister the
// first record registers the schema under the subject users-value.
func userCodec(opts ...avro.Option) *avro.TypedCodec[User] {
	return avro.Typed[User](append(opts, avro.Schema(userSchema), avro.Subject(topic+"-value"), avro.AutoRegister())...)
}

func users() []User {
	return []User{
		{1, "Ada", 36},
		{2, "Blaise", 39},
		{3, "Carl", 77},
		{4, "Daniel", 82},
		{5, "Emmy", 53},
		{6, "Felix", 73},
		{7, "Grace", 85},
		{8, "Hedy", 26},
		{9, "Isaac", 84},
		{10, "Johannes", 58},
		{11, "Katherine", 34},
		{12, "Leonhard", 76},
		{13, "Maryam", 40},
		{14, "Nicolaus", 29},
		{15, "Olga", 73},
		{16, "Pierre", 57},
		{17, "Radia", 21},
		{18, "Sophie", 55},
		{19, "Tycho", 14},
		{20, "Ursula", 18},
	}
}
