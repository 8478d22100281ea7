package devstack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gokavro/gokavro/codecs/registry/dirlock"
	"github.com/gokavro/gokavro/codecs/registry/embedded"
)

const (
	headerTimeout = 10 * time.Second // for a client that sends nothing
	stopTimeout   = 5 * time.Second  // for requests under way at the end
)

type registry struct {
	addr    string
	held    *embedded.Server
	web     *http.Server
	stopped chan error
}

func startRegistry(ctx context.Context, cfg Config) (*registry, error) {
	held, err := embedded.New(embedded.Config{Dir: cfg.folder("registry")})
	if errors.Is(err, dirlock.ErrTaken) {
		return nil, fmt.Errorf("devstack: %w with --data", err)
	}
	if err != nil {
		return nil, fmt.Errorf("devstack: %w", err)
	}
	listener, addr, err := listen(ctx, "registry", cfg.RegistryAddr)
	if err != nil {
		return nil, errors.Join(err, held.Close())
	}
	r := &registry{
		addr:    addr,
		held:    held,
		web:     &http.Server{Handler: held, ReadHeaderTimeout: headerTimeout},
		stopped: make(chan error, 1),
	}
	go func() { r.stopped <- r.web.Serve(listener) }()
	return r, nil
}

// stop lets requests under way end, for a bounded time.
func (r *registry) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := r.web.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = r.web.Close()
	}
	if served := <-r.stopped; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err = errors.Join(err, r.held.Close()); err != nil {
		return fmt.Errorf("devstack: stopping the registry: %w", err)
	}
	return nil
}
