package avro

import (
	"encoding/binary"
	"fmt"
)

// The Confluent wire format: a magic byte, the schema's id in four bytes, big
// endian, then the datum. Source: Confluent's "Formats, Serializers, and
// Deserializers", wire format.
const (
	confluentMagic  = 0
	confluentHeader = 5
)

// AppendConfluent appends the Confluent header of schema id to dst.
func AppendConfluent(dst []byte, id int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, confluentMagic), uint32(id))
}

// SplitConfluent returns the schema id, never negative, and the datum of a
// framed message. The datum shares data's memory.
func SplitConfluent(data []byte) (id int, datum []byte, err error) {
	if len(data) < confluentHeader {
		return 0, nil, fmt.Errorf("avro: %d bytes are too few for the Confluent wire format, which starts with a zero byte and a 4-byte schema id", len(data))
	}
	if data[0] != confluentMagic {
		return 0, nil, fmt.Errorf("avro: the first byte is 0x%02x; the Confluent wire format starts with 0x00", data[0])
	}
	number := int32(binary.BigEndian.Uint32(data[1:confluentHeader]))
	if number < 0 {
		return 0, nil, fmt.Errorf("avro: the schema id is %d; the Confluent wire format has none below 0", number)
	}
	return int(number), data[confluentHeader:], nil
}
