package kafka_test

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokavro/gokavro/topology/kafka"
)

func TestDialConnRefusesBadSettings(t *testing.T) {
	t.Parallel()
	if _, err := kafka.DialConn(t.Context(), kafka.Config{}); err == nil {
		t.Error("got no error without brokers")
	}
}

func TestCutFreesWhoeverWaitsForAnAnswer(t *testing.T) {
	t.Parallel()
	b := setupFake(t, 1)
	conn, err := kafka.DialConn(t.Context(), b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	broker := conn.LeastLoadedBroker()
	b.fake.ControlKey(int16(kmsg.InitProducerID), func(kmsg.Request) (kmsg.Response, error, bool) {
		conn.Cut()
		return nil, nil, true
	})
	if _, err := broker.InitProducerID(&sarama.InitProducerIDRequest{Version: 4, ProducerID: -1, ProducerEpoch: -1}); err == nil {
		t.Error("got an answer of a silent broker")
	}
	_ = broker.Close()
	if err := conn.RefreshMetadata(); err == nil {
		t.Error("got an answer after Cut")
	}
	for range 2 {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}
