// Package embedded is a schema registry in this process: an http.Handler that
// speaks Confluent's REST API for Avro schemas and enforces compatibility. It
// is made for demos, tests and work without a network.
//
// The smallest program:
//
//	registry, err := embedded.New(embedded.Config{})
//	if err != nil {
//		return err
//	}
//	defer registry.Close()
//	return http.ListenAndServe("127.0.0.1:8081", registry)
//
// # What it holds
//
// Subjects with numbered versions, ids that are the same for the same schema
// under every subject, GUIDs that are the same in every such registry,
// references between schemas, compatibility levels (BACKWARD unless set
// otherwise) and modes, each for all subjects or for one.
// Two schemas are the same when they differ in white space, in the order of
// attributes, or in how a name is qualified only; documentation, defaults,
// aliases and properties count. A request with normalize=true stores the
// schema's normal form instead of the text that was sent.
//
// # What it refuses
//
// Schema types other than AVRO, rule sets, metadata and the mode IMPORT with
// its chosen ids: each with an error in Confluent's form.
//
// # Files
//
// With a folder, every change is on disk before it is answered, in one JSON
// file that is replaced whole. A folder belongs to one Server at a time.
package embedded
