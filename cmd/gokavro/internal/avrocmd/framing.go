package avrocmd

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode"

	"github.com/gokavro/gokavro/codecs/avro"
)

const (
	framingPlain        = "plain"
	framingConfluent    = "confluent"
	framingSingleObject = "single-object"
)

// message is a datum and what stood before it.
type message struct {
	schema avro.SchemaRef // the zero value without a frame
	header int            // bytes before the datum
	datum  []byte
}

// fault tells the place in the message, and the schema that it names.
func (m message) fault(err error) error {
	if fault, ok := errors.AsType[*avro.DatumError](err); ok {
		fault.Offset += m.header
	}
	if fault, ok := errors.AsType[*avro.DecodeError](err); ok {
		fault.Schema = m.schema
	}
	return err
}

// unframer returns the function that takes the frame off a message of the
// writer.
func unframer(framing string) (func(data []byte, writer *avro.ParsedSchema) (message, error), error) {
	switch framing {
	case framingPlain:
		return func(data []byte, _ *avro.ParsedSchema) (message, error) { return message{datum: data}, nil }, nil
	case framingConfluent:
		return unframeConfluent, nil
	case framingSingleObject:
		return unframeSingleObject, nil
	}
	return nil, fmt.Errorf("%q is unknown: use plain, confluent or single-object", framing)
}

func unframeConfluent(data []byte, _ *avro.ParsedSchema) (message, error) {
	id, datum, err := avro.SplitConfluent(data)
	return message{schema: avro.SchemaRef{Wire: avro.Confluent, ID: int64(id)}, header: len(data) - len(datum), datum: datum}, err
}

func unframeSingleObject(data []byte, writer *avro.ParsedSchema) (message, error) {
	schema, datum, err := avro.SplitFrame(data)
	if err != nil {
		return message{}, err
	}
	if schema.Wire != avro.SingleObject {
		return message{}, errors.New("the message is no single-object encoding, which starts with c301")
	}
	if found := hex.EncodeToString(schema.Fingerprint[:]); found != writer.Fingerprint() {
		return message{}, fmt.Errorf("the message was written with the schema of fingerprint %s; that of the writer's schema is %s", found, writer.Fingerprint())
	}
	return message{schema: schema, header: len(data) - len(datum), datum: datum}, nil
}

// fromHex reads hex digits in place, without white space among them.
func fromHex(text []byte) ([]byte, error) {
	digits := bytes.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	n, err := hex.Decode(digits, digits)
	if err != nil {
		return nil, fmt.Errorf("reading hex digits: %w", err)
	}
	return digits[:n], nil
}
