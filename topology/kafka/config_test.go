package kafka_test

import (
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/gokavro/gokavro/topology/kafka"
)

func TestConfigFillsInDefaults(t *testing.T) {
	t.Parallel()
	given := kafka.Config{Brokers: []string{"a:1"}}
	got := given.WithDefaults()
	if got.ClientID != "gokavro" || got.Timeout != 20*time.Second || got.Logger == nil {
		t.Errorf("defaults: %+v", got)
	}
	got.Brokers[0] = "b:2"
	if given.Brokers[0] != "a:1" {
		t.Error("the copy shares its brokers")
	}
	set := kafka.Config{ClientID: "mine", Timeout: time.Minute, Logger: got.Logger}.WithDefaults()
	if set.ClientID != "mine" || set.Timeout != time.Minute || set.Logger != got.Logger {
		t.Errorf("settings that were given are lost: %+v", set)
	}
}

func TestConfigReportsEveryFault(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		config kafka.Config
		faults []string
	}{
		{"host name", kafka.Config{Brokers: []string{"kafka:9092"}}, nil},
		{"IPv6", kafka.Config{Brokers: []string{"[::1]:9092"}}, nil},
		{"highest port", kafka.Config{Brokers: []string{"h:65535"}}, nil},
		{"no brokers", kafka.Config{}, []string{"no brokers: give at least one address as host:port"}},
		{"no port", kafka.Config{Brokers: []string{"kafka"}}, []string{`broker "kafka": missing port in address: write host:port`}},
		{"no host", kafka.Config{Brokers: []string{":9092"}}, []string{`broker ":9092": missing host in address`}},
		{"a URL", kafka.Config{Brokers: []string{"http://h:1"}}, []string{`broker "http://h:1": too many colons`}},
		{"a list", kafka.Config{Brokers: []string{"a,b:1"}}, []string{`broker "a,b:1": not a host name`}},
		{"port 0", kafka.Config{Brokers: []string{"h:0"}}, []string{`broker "h:0": port "0" is not a number from 1 to 65535`}},
		{"port too high", kafka.Config{Brokers: []string{"h:65536"}}, []string{`port "65536"`}},
		{"port by name", kafka.Config{Brokers: []string{"h:kafka"}}, []string{`port "kafka"`}},
		{"several", kafka.Config{Brokers: []string{"a", "b:1", "c:x"}, Timeout: -1}, []string{`broker "a"`, `broker "c:x"`, "timeout -1ns is negative"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.config.Validate()
			if len(tt.faults) == 0 {
				checkFault(t, err, "")
			}
			for _, fault := range tt.faults {
				checkFault(t, err, fault)
			}
		})
	}
}

func TestSaramaSettingsLoseNothing(t *testing.T) {
	t.Parallel()
	cfg := kafka.Config{Brokers: []string{"a:1"}, ClientID: "mine"}
	conf := cfg.Sarama()
	if err := conf.Validate(); err != nil {
		t.Fatal(err)
	}
	for what, holds := range map[string]bool{
		"client id":                   conf.ClientID == "mine",
		"acks=all":                    conf.Producer.RequiredAcks == sarama.WaitForAll,
		"idempotent":                  conf.Producer.Idempotent && conf.Net.MaxOpenRequests == 1,
		"successes and errors":        conf.Producer.Return.Successes && conf.Producer.Return.Errors && conf.Consumer.Return.Errors,
		"flush after 5 ms":            conf.Producer.Flush.Frequency == 5*time.Millisecond,
		"no compression":              conf.Producer.Compression == sarama.CompressionNone,
		"initial offset oldest":       conf.Consumer.Offsets.Initial == sarama.OffsetOldest,
		"read_committed":              conf.Consumer.IsolationLevel == sarama.ReadCommitted,
		"topics are never created":    !conf.Metadata.AllowAutoTopicCreation,
		"stable offsets are required": conf.Version.IsAtLeast(sarama.V2_5_0_0),
	} {
		if !holds {
			t.Errorf("not set: %s", what)
		}
	}
	conf.Producer.Idempotent = false
	if again := cfg.Sarama(); again == conf || !again.Producer.Idempotent {
		t.Error("the next copy has the change of the first one")
	}
}

func TestSaramaRetriesOutlastAnElection(t *testing.T) {
	t.Parallel()
	conf := kafka.Config{}.Sarama()
	var patience time.Duration
	for try := range conf.Producer.Retry.Max {
		patience += conf.Producer.Retry.BackoffFunc(try, conf.Producer.Retry.Max)
	}
	if patience < 15*time.Second || patience > time.Minute {
		t.Errorf("a record is tried for %s, want 15 s to 1 min", patience)
	}
}
