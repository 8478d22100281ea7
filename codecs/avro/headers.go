package avro

import "bytes"

// EncodeWithHeaders is Encode for a record with headers: with the format
// [ConfluentGUID] the schema is named in a header, and data is the datum alone.
// With other formats there are no headers.
func (c *TypedCodec[T]) EncodeWithHeaders(value any) (data []byte, headers map[string][]byte, err error) {
	return c.toHeaders(c.Encode(value))
}

// DecodeWithHeaders is Decode for a record with headers, which may name the
// schema.
func (c *TypedCodec[T]) DecodeWithHeaders(data []byte, headers map[string][]byte) (any, error) {
	value := new(T)
	if err := c.read(data, c.header(headers), value); err != nil {
		return nil, err
	}
	return value, nil
}

// EncodeWithHeaders is Encode for a record with headers: with the format
// [ConfluentGUID] the schema is named in a header, and data is the datum alone.
// With other formats there are no headers.
func (c *GenericCodec) EncodeWithHeaders(value any) (data []byte, headers map[string][]byte, err error) {
	return c.toHeaders(c.Encode(value))
}

// DecodeWithHeaders is Decode for a record with headers, which may name the
// schema.
func (c *GenericCodec) DecodeWithHeaders(data []byte, headers map[string][]byte) (any, error) {
	var value map[string]any
	if err := c.read(data, c.header(headers), &value); err != nil {
		return nil, err
	}
	return value, nil
}

// schemaHeader is the name of the header that names the schema.
func (s settings) schemaHeader() string {
	if s.isKey {
		return KeySchemaHeader
	}
	return ValueSchemaHeader
}

// toHeaders moves what stands before a datum into a header, where the format
// has one.
func (s settings) toHeaders(data []byte, err error) ([]byte, map[string][]byte, error) {
	if err != nil || s.plain || s.wire != ConfluentGUID {
		return data, nil, err
	}
	return data[guidHeader:], map[string][]byte{s.schemaHeader(): bytes.Clone(data[:guidHeader])}, nil
}

// header returns what the headers say of the schema, nil for nothing.
func (b *bound[P]) header(headers map[string][]byte) []byte {
	if b.err != nil {
		return nil
	}
	return headers[b.framer.schemaHeader()]
}

func (b *bound[P]) toHeaders(data []byte, err error) ([]byte, map[string][]byte, error) {
	if err != nil {
		return nil, nil, err
	}
	return b.framer.toHeaders(data, nil)
}
