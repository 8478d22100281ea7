package devstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokavro/gokavro/codecs/registry/dirlock"
)

// shortestSession lets tests use short sessions; clients' defaults are longer.
const shortestSession = time.Second

type kafka struct {
	cluster *kfake.Cluster
	addr    string
	lock    *dirlock.Lock // nil without a folder
}

func startKafka(ctx context.Context, cfg Config) (*kafka, error) {
	k := &kafka{}
	if dir := cfg.folder("kafka"); dir != "" {
		var err error
		k.lock, err = dirlock.Take(dir)
		if errors.Is(err, dirlock.ErrTaken) {
			return nil, fmt.Errorf("devstack: %w: stop it or choose another folder with --data", err)
		}
		if err != nil {
			return nil, fmt.Errorf("devstack: %w: choose another folder with --data", err)
		}
	}
	if err := k.start(ctx, cfg); err != nil {
		return nil, errors.Join(err, k.release())
	}
	return k, nil
}

func (k *kafka) start(ctx context.Context, cfg Config) error {
	listener, addr, err := listen(ctx, "kafka", cfg.KafkaAddr)
	if err != nil {
		return err
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(cmp.Or(cfg.Nodes, 1)),
		kfake.DefaultNumPartitions(cmp.Or(cfg.Partitions, DefaultPartitions)),
		kfake.GroupMinSessionTimeout(shortestSession),
		kfake.ListenFn(listeners(ctx, named{Listener: listener, addr: hostPort(addr)})),
		// Records carry the time of their event, which may be years ago:
		// nothing is deleted for its age unless a topic says so.
		kfake.BrokerConfigs(map[string]string{"log.retention.ms": "-1"}),
	}
	more, err := cfg.limits()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	opts = append(opts, more...)
	dir := cfg.folder("kafka")
	if dir != "" {
		opts = append(opts, kfake.DataDir(dir))
	}
	k.cluster, err = kfake.NewCluster(opts...)
	if err != nil {
		err = errors.Join(err, ignoreClosed(listener.Close()))
		if dir != "" {
			// The broker reports a fault a line.
			why := strings.Join(strings.Split(err.Error(), "\n"), "; ")
			return fmt.Errorf("devstack: starting kafka on the folder %s: %s: choose another folder with --data", dir, why)
		}
		return fmt.Errorf("devstack: starting kafka: %w", err)
	}
	k.addr = addr
	return nil
}

func (k *kafka) stop() error {
	k.cluster.Close()
	return k.release()
}

// cut closes the connections of the requests that ask names.
func (k *kafka) cut(ask func(apiKey int16) bool) {
	k.cluster.Control(func(request kmsg.Request) (kmsg.Response, error, bool) {
		k.cluster.KeepControl()
		if !ask(request.Key()) {
			return nil, nil, false
		}
		return nil, errCut, true
	})
}

var errCut = errors.New("devstack: the connection is cut")

func (k *kafka) release() error {
	if k.lock == nil {
		return nil
	}
	if err := k.lock.Release(); err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	return nil
}

// ignoreClosed is for a listener that its server may have closed already.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
