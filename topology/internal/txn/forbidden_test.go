package txn

import (
	"errors"
	"net"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokavro/gokavro/topology/kafka"
)

// A right that is taken away is met by what is written there, and not by the next
// commit of something else.
func TestATopicThatIsForbiddenStopsItsOwnRecordsOnly(t *testing.T) {
	t.Parallel()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "allowed", "forbidden"))
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	w, err := newWriter(t.Context(), kafka.Config{Brokers: fake.ListenAddrs()}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.close() }()
	write := func(topics ...string) error {
		var records []*kafka.Record
		for _, topic := range topics {
			records = append(records, &kafka.Record{Topic: topic, Value: []byte("v")})
		}
		return errors.Join(w.load(t.Context(), records), w.flush(t.Context()))
	}
	if err := write("allowed", "forbidden"); err != nil {
		t.Fatal(err)
	}
	forbid(t, fake, "forbidden")
	// sarama does so at intervals.
	if err := w.conn.RefreshMetadata("forbidden"); !errors.Is(err, sarama.ErrTopicAuthorizationFailed) {
		t.Fatalf("got %v, want the broker to forbid the topic", err)
	}
	if err := write("allowed"); err != nil {
		t.Errorf("got %v for a topic that is allowed", err)
	}
	refused, ok := errors.AsType[*RefusedError](write("forbidden"))
	if !ok || refused.Record.Topic != "forbidden" || !errors.Is(refused, sarama.ErrTopicAuthorizationFailed) {
		t.Errorf("got %v, want the record refused", refused)
	}
}

// forbid lets the fake answer as a broker does that hides a topic.
func forbid(t *testing.T, fake *kfake.Cluster, topic string) {
	t.Helper()
	address, err := net.ResolveTCPAddr("tcp", fake.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	broker := kmsg.NewMetadataResponseBroker()
	broker.Host, broker.Port = address.IP.String(), int32(address.Port)
	fake.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		asked := request.(*kmsg.MetadataRequest).Topics
		if len(asked) != 1 || *asked[0].Topic != topic {
			return nil, nil, false
		}
		response := request.ResponseKind().(*kmsg.MetadataResponse)
		response.Brokers = append(response.Brokers, broker)
		hidden := kmsg.NewMetadataResponseTopic()
		hidden.Topic, hidden.ErrorCode = &topic, int16(sarama.ErrTopicAuthorizationFailed)
		response.Topics = []kmsg.MetadataResponseTopic{hidden}
		return response, nil, true
	})
}
