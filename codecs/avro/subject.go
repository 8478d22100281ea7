package avro

// SubjectNames says under which subject a registry holds the schema of what is
// written to a topic. record is the full name of a record, an enum or a fixed,
// and empty for other schemas; key tells the keys of the topic's records from
// their values. An empty answer means that there is no subject.
type SubjectNames func(topic, record string, key bool) string

// TopicName is Confluent's TopicNameStrategy, the default: T-value for the
// values of topic T, and T-key for its keys.
func TopicName(topic, _ string, key bool) string {
	switch {
	case topic == "":
		return ""
	case key:
		return topic + "-key"
	}
	return topic + "-value"
}

// RecordName is Confluent's RecordNameStrategy: the record's full name,
// whatever the topic.
func RecordName(_, record string, _ bool) string { return record }

// TopicRecordName is Confluent's TopicRecordNameStrategy: the topic, a hyphen
// and the record's full name.
func TopicRecordName(topic, record string, _ bool) string {
	if topic == "" || record == "" {
		return ""
	}
	return topic + "-" + record
}

// SubjectStrategy sets how the codec's subject is named, with [TopicName],
// [RecordName], [TopicRecordName] or a function of one's own. Default:
// [TopicName].
func SubjectStrategy(names SubjectNames) Option {
	return func(s *settings) { s.names = names }
}

// Topic sets the topic that the codec's bytes are written to. In a topology the
// runner sets it.
func Topic(name string) Option {
	return func(s *settings) { s.topic = name }
}

// AsKey makes the codec one of a topic's keys: its subject is the keys', and a
// header that names the schema is [KeySchemaHeader]. Default: one of the values.
func AsKey() Option {
	return func(s *settings) { s.isKey = true }
}

// subjectOf returns the subject that schema is under, empty when there is none.
func (s settings) subjectOf(schema *ParsedSchema) string {
	if s.explicit != "" {
		return s.explicit
	}
	names := s.names
	if names == nil {
		names = TopicName
	}
	record := schema.Name()
	if schema.parsed.Root().Name == "" {
		record = ""
	}
	return names(s.topic, record, s.isKey)
}
