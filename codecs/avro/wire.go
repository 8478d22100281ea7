package avro

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Wire is what stands before a datum in a message and names its schema. Each
// can be told from the others by its first bytes, so a codec reads all of
// them and writes the one that [Format] names.
type Wire uint8

const (
	// Confluent is a zero byte and the schema's registry id in 4 bytes, big
	// endian. It is the default. Source: Confluent's "Formats, Serializers, and
	// Deserializers".
	Confluent Wire = iota
	// SingleObject is C3 01 and the CRC-64-AVRO fingerprint of the schema, little
	// endian. Source: Avro specification, "Single-object encoding".
	SingleObject
	// Apicurio is a zero byte and the schema's id in 8 bytes, big endian, as
	// Apicurio's serdes write it unless told to use 4. It can be told from
	// Confluent's form for ids below 2^32: Confluent's ids start at 1.
	Apicurio
	// Glue is the byte 3, a byte for the compression, and the UUID of the
	// schema's version in AWS Glue. Data compressed with zlib are read; what is
	// written is not compressed.
	Glue
	// ConfluentGUID names the schema by the GUID that Confluent's registry gives
	// it, which stays the same in a copy of the registry: a byte 1 and 16 bytes.
	// They stand before the datum, or in a header of the record beside a datum
	// without a frame; see codecs.HeaderCodec. Source: SchemaId of Confluent's
	// serializers, from Confluent Platform 8.1.
	ConfluentGUID
)

const (
	// ValueSchemaHeader is the name of the header in which Confluent's serializers
	// may name the schema of a record's value: by GUID or by id, in the form in
	// which it else stands before the datum.
	ValueSchemaHeader = "__value_schema_id"
	// KeySchemaHeader is the name of the same header for a record's key.
	KeySchemaHeader = "__key_schema_id"
)

// String returns the name of the format.
func (w Wire) String() string {
	return [...]string{"Confluent", "single-object", "Apicurio", "AWS Glue", "Confluent GUID"}[w]
}

// SchemaRef names the schema of a framed datum in the way of its format. It
// can be compared.
type SchemaRef struct {
	Wire        Wire
	ID          int64    // of Confluent and Apicurio
	Fingerprint [8]byte  // of SingleObject, in the order of the message
	UUID        [16]byte // of Glue and ConfluentGUID
}

// String returns the reference as people know it.
func (r SchemaRef) String() string {
	switch r.Wire {
	case SingleObject:
		return "fingerprint " + hex.EncodeToString(r.Fingerprint[:])
	case Glue:
		return "Glue version " + r.uuid()
	case ConfluentGUID:
		return "schema GUID " + r.uuid()
	default:
		return fmt.Sprintf("schema id %d", r.ID)
	}
}

// uuid returns the UUID as people write it.
func (r SchemaRef) uuid() string {
	u := hex.EncodeToString(r.UUID[:])
	return u[:8] + "-" + u[8:12] + "-" + u[12:16] + "-" + u[16:20] + "-" + u[20:]
}

// parseUUID reads the form with four hyphens.
func parseUUID(text string) (uuid [16]byte, err error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(raw) != len(uuid) || len(text) != len(raw)*2+4 {
		return uuid, fmt.Errorf("avro: %q is no UUID", text)
	}
	return [16]byte(raw), nil
}

const (
	apicurioHeader  = 9
	singleHeader    = 10
	singleMagic0    = 0xc3
	singleMagic1    = 0x01
	glueHeader      = 18
	glueVersion     = 3
	glueAsItIs      = 0
	glueZlib        = 5
	guidHeader      = 17
	guidMagic       = 1
	maxInflateBytes = 16 << 20
)

// AppendFrame appends what stands before a datum of the schema ref.
func AppendFrame(dst []byte, ref SchemaRef) []byte {
	switch ref.Wire {
	case SingleObject:
		return append(append(dst, singleMagic0, singleMagic1), ref.Fingerprint[:]...)
	case Apicurio:
		return binary.BigEndian.AppendUint64(append(dst, confluentMagic), uint64(ref.ID))
	case Glue:
		return append(append(dst, glueVersion, glueAsItIs), ref.UUID[:]...)
	case ConfluentGUID:
		return append(append(dst, guidMagic), ref.UUID[:]...)
	default:
		return AppendConfluent(dst, int(ref.ID))
	}
}

// SplitFrame returns which schema a message names, and its datum, which shares
// the message's memory unless it was compressed. It tells the formats apart.
func SplitFrame(data []byte) (ref SchemaRef, datum []byte, err error) {
	if len(data) == 0 {
		return ref, nil, errors.New("avro: the message is empty; a framed one starts with the name of its schema")
	}
	switch {
	case data[0] == singleMagic0:
		return splitSingleObject(data)
	case data[0] == glueVersion:
		return splitGlue(data)
	case data[0] == guidMagic:
		return splitGUID(data)
	case isApicurio(data):
		ref = SchemaRef{Wire: Apicurio, ID: int64(binary.BigEndian.Uint64(data[1:apicurioHeader]))}
		return ref, data[apicurioHeader:], nil
	}
	id, datum, err := SplitConfluent(data)
	return SchemaRef{Wire: Confluent, ID: int64(id)}, datum, err
}

// SplitRecord is [SplitFrame] for a record that may name its schema in a header
// instead: header is what [ValueSchemaHeader], or [KeySchemaHeader] for a key,
// holds, nil without one. The header wins, as for Confluent's deserializers.
func SplitRecord(data, header []byte) (ref SchemaRef, datum []byte, err error) {
	if header == nil {
		return SplitFrame(data)
	}
	ref, rest, err := SplitFrame(header)
	if err == nil && (len(rest) > 0 || ref.Wire != Confluent && ref.Wire != ConfluentGUID) {
		err = errors.New("it is neither a zero byte with an id nor a byte 1 with a GUID")
	}
	if err != nil {
		return SchemaRef{}, nil, fmt.Errorf("avro: the header that names the schema holds %d bytes (%x): %w", len(header), header[:min(len(header), guidHeader)], err)
	}
	return ref, data, nil
}

// isApicurio sees the upper half of an 8-byte id where a Confluent message has
// its id, which is never 0.
func isApicurio(data []byte) bool {
	return len(data) >= apicurioHeader && data[0] == confluentMagic &&
		binary.BigEndian.Uint32(data[1:5]) == 0 && binary.BigEndian.Uint32(data[5:9]) != 0
}

func splitSingleObject(data []byte) (ref SchemaRef, datum []byte, err error) {
	if len(data) < singleHeader || data[1] != singleMagic1 {
		return ref, nil, errors.New("avro: the message starts with c3, but is no single-object encoding, which starts with c301 and a fingerprint of 8 bytes")
	}
	ref.Wire = SingleObject
	copy(ref.Fingerprint[:], data[2:singleHeader])
	return ref, data[singleHeader:], nil
}

func splitGUID(data []byte) (ref SchemaRef, datum []byte, err error) {
	if len(data) < guidHeader {
		return ref, nil, fmt.Errorf("avro: %d bytes are too few for a message that names its schema by GUID, which starts with %d", len(data), guidHeader)
	}
	ref.Wire = ConfluentGUID
	copy(ref.UUID[:], data[1:guidHeader])
	return ref, data[guidHeader:], nil
}

func splitGlue(data []byte) (ref SchemaRef, datum []byte, err error) {
	if len(data) < glueHeader {
		return ref, nil, fmt.Errorf("avro: %d bytes are too few for the AWS Glue format, which starts with 18", len(data))
	}
	ref.Wire = Glue
	copy(ref.UUID[:], data[2:glueHeader])
	datum = data[glueHeader:]
	switch data[1] {
	case glueAsItIs:
		return ref, datum, nil
	case glueZlib:
		datum, err = inflate(datum)
		return ref, datum, err
	}
	return ref, nil, fmt.Errorf("avro: the AWS Glue compression %d is not known: 0 is none, 5 is zlib", data[1])
}

// inflate bounds what a few bytes may grow to.
func inflate(data []byte) ([]byte, error) {
	reader, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("avro: reading a datum compressed with zlib: %w", err)
	}
	out, err := io.ReadAll(io.LimitReader(reader, maxInflateBytes+1))
	if err = errors.Join(err, reader.Close()); err != nil {
		return nil, fmt.Errorf("avro: reading a datum compressed with zlib: %w", err)
	}
	if len(out) > maxInflateBytes {
		return nil, fmt.Errorf("avro: a datum compressed with zlib grows beyond %d bytes", maxInflateBytes)
	}
	return out, nil
}
