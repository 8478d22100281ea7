package avro_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs/avro"
)

func TestAStrategyNamesTheSubject(t *testing.T) {
	t.Parallel()
	byTeam := func(topic, record string, key bool) string {
		if key {
			return ""
		}
		return "team." + topic + "." + record
	}
	for _, tt := range []struct {
		name string
		opts []avro.Option
		want string
	}{
		{"none", nil, ""},
		{"topic", []avro.Option{avro.Topic("users")}, "users-value"},
		{"topic of keys", []avro.Option{avro.Topic("users"), avro.AsKey()}, "users-key"},
		{"record", []avro.Option{avro.SubjectStrategy(avro.RecordName)}, "example.data.User"},
		{"topic and record", []avro.Option{avro.SubjectStrategy(avro.TopicRecordName), avro.Topic("users")}, "users-example.data.User"},
		{"topic and record without a topic", []avro.Option{avro.SubjectStrategy(avro.TopicRecordName)}, ""},
		{"custom", []avro.Option{avro.SubjectStrategy(byTeam), avro.Topic("users")}, "team.users.example.data.User"},
		{"custom without an answer", []avro.Option{avro.SubjectStrategy(byTeam), avro.Topic("users"), avro.AsKey()}, ""},
		{"given", []avro.Option{avro.SubjectStrategy(avro.RecordName), avro.Subject("mine")}, "mine"},
		{"plain", []avro.Option{avro.Topic("users"), avro.Plain()}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			opts := append(named(), tt.opts...)
			if got := avro.Typed[user](opts...).Subject(); got != tt.want {
				t.Errorf("typed: got %q, want %q", got, tt.want)
			}
			if got := avro.Generic(userSchema, tt.opts...).Subject(); got != tt.want {
				t.Errorf("generic: got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestARecordStrategyHasNoSubjectForATypeWithoutAName(t *testing.T) {
	t.Parallel()
	codec := avro.Typed[string](avro.Schema(`"string"`), avro.SubjectStrategy(avro.RecordName), avro.Registry(startRegistry(t).client(t, time.Minute)))
	if got := codec.Subject(); got != "" {
		t.Errorf("got %q, want none", got)
	}
	if err := codec.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "no subject") {
		t.Errorf("got %v, want an error that asks for a subject", err)
	}
}

// The runner gives a codec its topic; the codec's strategy makes the subject.
func TestABindingsTopicGoesThroughTheCodecsStrategy(t *testing.T) {
	t.Parallel()
	type subjected interface{ Subject() string }
	for _, tt := range []struct {
		name    string
		opts    []avro.Option
		binding avro.Binding
		want    string
	}{
		{"value", nil, avro.Binding{Topic: "t"}, "t-value"},
		{"key", nil, avro.Binding{Topic: "t", Key: true}, "t-key"},
		{"record", []avro.Option{avro.SubjectStrategy(avro.TopicRecordName)}, avro.Binding{Topic: "t"}, "t-example.data.User"},
		{"the binding's subject", nil, avro.Binding{Topic: "t", Subject: "s"}, "s"},
		{"the codec's subject", []avro.Option{avro.Subject("own")}, avro.Binding{Topic: "t", Subject: "s"}, "own"},
		{"the codec's topic", []avro.Option{avro.Topic("own")}, avro.Binding{Topic: "t"}, "own-value"},
	} {
		codec := avro.Typed[user](append(named(), tt.opts...)...)
		for range 2 { // a codec can be bound in several places
			if got := codec.Bind(tt.binding).(subjected).Subject(); got != tt.want {
				t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
			}
		}
		if got := codec.Bind(avro.Binding{Topic: "other"}).(subjected).Subject(); tt.opts == nil && got != "other-value" {
			t.Errorf("%s: bound elsewhere: got %q, want other-value", tt.name, got)
		}
	}
}

func TestKeysAndValuesOfATopicAreRegisteredApart(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	client := reg.client(t, time.Minute)
	for _, opts := range [][]avro.Option{{}, {avro.AsKey()}} {
		opts = append(append(named(), opts...), avro.Registry(client), avro.Topic("users"), avro.AutoRegister())
		if _, err := avro.Typed[user](opts...).Encode(user{ID: 1}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := client.Subjects(t.Context())
	if want := "users-key users-value"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("got %v and %v, want %s", got, err, want)
	}
}
