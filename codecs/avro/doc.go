// Package avro is Gokavro's Avro layer: codecs for Go structs and for map
// records, the wire formats they are framed in, and object container files.
//
// # Codecs
//
// [Typed] works on Go structs, [Records] on a [Record] with getters and setters
// by path for schemas that are known at run time only, and [Generic] on
// goavro's map records, of which [NewRecord] makes a Record. All satisfy
// goka.Codec, so a hand-written group uses them as they are:
//
//	goka.Input("orders", avro.Typed[Order](avro.Registry(client), avro.Subject("orders-value")), handle)
//
// Without [Plain] a datum is framed with the name of its schema. A codec writes
// the [Wire] that [Format] sets, by default Confluent's: a zero byte and the
// registry id in four bytes, big endian. It reads them all, as they can be
// told apart. A schema may also be named in a header of the record, which goka
// does not show to codecs: codecs.HeaderCodec is the face that takes headers.
// goka never tells a codec its topic, so an encoding codec is given its [Topic],
// of which a [SubjectStrategy] makes the subject, or its [Subject]; in a
// topology the runner binds each codec to its topic instead.
//
// # Go types
//
// Typed knows structs, also embedded ones, slices, maps, pointers, Go's own
// types, time.Time, time.Duration, big.Rat and types with text methods. A union
// is a pointer when it is of null and one other type, and otherwise an
// interface whose types [Sealed] declares, or an any. [Custom] adds any other
// type by a pair of functions. A schema and a type that do not fit are one
// error when the codec is made, with all that is wrong.
//
// # Several record types in a topic
//
// [OneOf] is a codec of an interface, or of any, with a [Case] for each record
// type. It switches on the full name of the record that was written and hands
// out values of Go types that a type switch tells apart.
//
// # Keys
//
// [Key] is a codec of keys whose bytes do not name a schema and are the same for
// equal keys, whichever version of their schema they came with.
//
// # Evolution
//
// A codec reads what any writer schema wrote, resolved to its own schema as
// the Avro specification lays down. The plan for a writer schema is made once,
// when its id is first met, and kept. Schemas that a writer's schema refers to
// are fetched with it.
//
// Single-object data name their schema by a fingerprint, which outlives the ids
// of a registry. It is looked for among the versions of the codec's subject; a
// codec that is bound to a [SchemaDir] looks there first, and keeps what it
// finds. Which writers' schemas a codec can read is told beforehand by its
// method Reads, and for a subject's whole history by [Versions].
//
// # Unions and raw data
//
// A value of a union does not always tell its branch: two records may have the
// same fields, and a symbol of an enum is a text. In an any of a Typed codec's
// struct such a value is a [Branch]; in the maps of Generic and of container
// files a union is a map of one entry, from the branch's name to the value.
//
// What need not be decoded is better left as it is: [FileReader.ReadRaw],
// [FileWriter.WriteRaw], [ParsedSchema.Validate], [ParsedSchema.JSON] and
// [ParsedSchema.FieldText] work on the bytes, check all of them that they use,
// and reserve no more memory than their size calls for.
//
// # Errors and concurrency
//
// A fault in a codec's declaration (a type with no schema, a schema that does
// not parse) is kept and returned by Check, Encode and Decode. Data that
// cannot be decoded gives a [DecodeError]. A registry that does not answer
// gives a registry.UnavailableError: the same bytes may decode later. Codecs
// are safe for concurrent use.
package avro
