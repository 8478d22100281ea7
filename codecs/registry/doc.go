// Package registry is a client for a schema registry that speaks Confluent's
// REST API: Confluent's own, Karapace, Apicurio, Redpanda's, or the one of
// package embedded.
//
// # Cache
//
// A schema never changes under its id or its version, so [Client.ByID] and
// [Client.Version] ask once and then answer from memory for ever; goroutines
// that ask for the same at the same time share one request. [Client.Lookup] and
// [Client.Register] remember what they found the same way. [Client.Latest] and
// [Client.Subjects] always ask.
//
// # Bundle
//
// [Client.Bundle] fetches all that a registry holds of some subjects into one
// file. A client that gets the file ([Config.Bundle]) answers from it while the
// registry is down.
//
// # Errors
//
// [UnavailableError]: the registry could not be asked; a later try may help.
// [NotFoundError]: it answered, and does not know the schema or the subject.
// [IncompatibleError]: it refuses to register a schema, with the reasons.
// Everything else is a refusal that a retry does not cure, such as wrong
// credentials or a schema that does not parse. Each message is one line.
//
// # Retries
//
// A request that meets a broken connection, a time-out, status 5xx or status
// 429 is tried again, at every URL in turn and with growing pauses, until
// [Config.Timeout] is over or the caller's context ends. A pause is not shorter
// than what all nodes ask for with Retry-After.
package registry
