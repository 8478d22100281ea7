package kafka_test

import (
	"context"
	"log/slog"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// advertise makes the cluster tell a false address of its broker.
func advertise(fake *kfake.Cluster, host string, port int32) {
	fake.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		response := request.ResponseKind().(*kmsg.MetadataResponse)
		broker := kmsg.NewMetadataResponseBroker()
		broker.Host, broker.Port = host, port
		response.Brokers = append(response.Brokers, broker)
		return response, nil, true
	})
}

// firstLog returns a logger that closes the channel at its first record.
func firstLog(seen chan struct{}) *slog.Logger {
	return slog.New(&watchLog{seen: seen})
}

type watchLog struct {
	once sync.Once
	seen chan struct{}
}

func (w *watchLog) Enabled(context.Context, slog.Level) bool { return true }

func (w *watchLog) Handle(context.Context, slog.Record) error {
	w.once.Do(func() { close(w.seen) })
	return nil
}

func (w *watchLog) WithAttrs([]slog.Attr) slog.Handler { return w }

func (w *watchLog) WithGroup(string) slog.Handler { return w }
