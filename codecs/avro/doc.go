// Package avro is Gokavro's Avro layer: codecs for Go structs and for map
// records, the wire formats they are framed in, and object container files.
//
// # Codecs
//
// [Typed] works on Go structs, [Generic] on goavro's map records. Both satisfy
// goka.Codec, so a hand-written group uses them as they are:
//
//	goka.Input("orders", avro.Typed[Order](avro.Registry(client), avro.Subject("orders-value")), handle)
//
// Without [Plain] a datum is framed with the name of its schema. A codec writes
// the [Wire] that [Format] sets, by default Confluent's: a zero byte and the
// registry id in four bytes, big endian. It reads them all, as they can be
// told apart.
// goka never tells a codec its topic, so an encoding codec is given its [Topic],
// of which a [SubjectStrategy] makes the subject, or its [Subject]; in a
// topology the runner binds each codec to its topic instead.
//
// # Evolution
//
// A codec reads what any writer schema wrote, resolved to its own schema as
// the Avro specification lays down. The plan for a writer schema is made once,
// when its id is first met, and kept. Schemas that a writer's schema refers to
// are fetched with it.
//
// # Unions and raw data
//
// A value of a union does not always tell its branch: two records may have the
// same fields, and a symbol of an enum is a text. Where a union goes into an
// any, also in a struct, it is therefore a map of one entry, from the branch's
// name to the value. What need not be decoded is better left as it is:
// [FileReader.ReadRaw], [FileWriter.WriteRaw], [ParsedSchema.Validate],
// [ParsedSchema.JSON] and [ParsedSchema.FieldText] work on the bytes, check all
// of them that they use, and reserve no more memory than their size calls for.
//
// # Errors and concurrency
//
// A fault in a codec's declaration (a type with no schema, a schema that does
// not parse) is kept and returned by Check, Encode and Decode. Data that
// cannot be decoded gives a [DecodeError]. A registry that does not answer
// gives a registry.UnavailableError: the same bytes may decode later. Codecs
// are safe for concurrent use.
package avro
