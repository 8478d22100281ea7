package devstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// listen opens the port of one part and returns the address to tell clients.
func listen(ctx context.Context, what, addr string) (net.Listener, string, error) {
	addr = cmp.Or(addr, DefaultAddr)
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, "", fmt.Errorf("devstack: %s address %s is in use: stop what listens there or choose another address with --%s", what, addr, what)
	case err != nil:
		return nil, "", fmt.Errorf("devstack: listening for %s at %s: %w: choose an address of this machine with --%s", what, addr, cause(err), what)
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("devstack: reading the %s address: %w", what, err), listener.Close())
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("devstack: reading the %s address: %w", what, err), listener.Close())
	}
	machine, err := net.InterfaceAddrs()
	if err != nil {
		machine = nil // a loopback address still serves this machine
	}
	return listener, net.JoinHostPort(advertised(host, machine), port), nil
}

// cause leaves out what the message around it says already.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// advertised is the host under which clients reach a listener on host.
func advertised(host string, machine []net.Addr) string {
	ip := net.ParseIP(host)
	if host != "" && (ip == nil || !ip.IsUnspecified()) {
		return host
	}
	for _, addr := range machine {
		network, ok := addr.(*net.IPNet)
		if ok && network.IP.To4() != nil && network.IP.IsGlobalUnicast() {
			return network.IP.String()
		}
	}
	return "127.0.0.1"
}

// named is a listener that gives out another address than the one it is bound
// to: the broker tells clients to come to its listener's address.
type named struct {
	net.Listener
	addr hostPort
}

func (n named) Addr() net.Addr { return n.addr }

type hostPort string

func (hostPort) Network() string  { return "tcp" }
func (a hostPort) String() string { return string(a) }
