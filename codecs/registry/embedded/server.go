package embedded

import (
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/gokavro/gokavro/codecs/registry/dirlock"
)

// Config says where the registry keeps its schemas.
type Config struct {
	// Dir is the folder to keep schemas in and to load them from; it is made
	// when missing. Default: memory only.
	Dir string
}

// Server is a schema registry. It is an http.Handler and safe for concurrent
// use.
type Server struct {
	mux *http.ServeMux

	mu     sync.RWMutex
	state  *state
	saved  []byte // what the file holds
	closed bool

	dir  string
	lock *dirlock.Lock
}

// New returns a registry with what cfg.Dir holds. A folder that another
// Server holds is refused, with an error that wraps [dirlock.ErrTaken], and so
// is one whose file cannot be understood.
func New(cfg Config) (*Server, error) {
	s := &Server{state: newState(), dir: cfg.Dir}
	s.mux = s.routes()
	if cfg.Dir == "" {
		return s, nil
	}
	lock, err := dirlock.Take(cfg.Dir)
	if errors.Is(err, dirlock.ErrTaken) {
		return nil, fmt.Errorf("embedded registry: %w: stop it or choose another folder", err)
	}
	if err != nil {
		return nil, fmt.Errorf("embedded registry: %w", err)
	}
	s.lock = lock
	if err := s.load(); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return s, nil
}

// Close gives up the folder; requests are answered with status 503 from then
// on. A second call does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.lock == nil {
		return nil
	}
	if err := s.lock.Release(); err != nil {
		return fmt.Errorf("embedded registry: %w", err)
	}
	return nil
}

// read runs f on the state that no change touches meanwhile.
func (s *Server) read(f func(*state) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return errClosed()
	}
	return f(s.state)
}

// change runs f alone and keeps what it did on disk. When f or the disk gives
// an error the state is as before.
func (s *Server) change(f func(*state) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed()
	}
	if err := f(s.state); err != nil {
		return err
	}
	if s.dir == "" {
		return nil
	}
	err := s.save()
	if err == nil {
		return nil
	}
	before, decodeErr := decodeState(s.saved)
	if decodeErr == nil {
		s.state = before
	}
	return errStore(errors.Join(err, decodeErr))
}
