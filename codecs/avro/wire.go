package avro

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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
)

// String returns the name of the format.
func (w Wire) String() string {
	return [...]string{"Confluent", "single-object", "Apicurio", "AWS Glue"}[w]
}

// SchemaRef names the schema of a framed datum in the way of its format. It
// can be compared.
type SchemaRef struct {
	Wire        Wire
	ID          int64    // of Confluent and Apicurio
	Fingerprint [8]byte  // of SingleObject, in the order of the message
	UUID        [16]byte // of Glue
}

// String returns the reference as people know it.
func (r SchemaRef) String() string {
	switch r.Wire {
	case SingleObject:
		return "fingerprint " + hex.EncodeToString(r.Fingerprint[:])
	case Glue:
		u := hex.EncodeToString(r.UUID[:])
		return "Glue version " + u[:8] + "-" + u[8:12] + "-" + u[12:16] + "-" + u[16:20] + "-" + u[20:]
	default:
		return fmt.Sprintf("schema id %d", r.ID)
	}
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
	case isApicurio(data):
		ref = SchemaRef{Wire: Apicurio, ID: int64(binary.BigEndian.Uint64(data[1:apicurioHeader]))}
		return ref, data[apicurioHeader:], nil
	}
	id, datum, err := SplitConfluent(data)
	return SchemaRef{Wire: Confluent, ID: int64(id)}, datum, err
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
