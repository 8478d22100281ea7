package devstack

import (
	"net"
	"testing"
)

func TestAdvertisedIsAnAddressThatClientsCanReach(t *testing.T) {
	t.Parallel()
	network := func(text string) net.Addr {
		ip, mask, err := net.ParseCIDR(text)
		if err != nil {
			t.Fatal(err)
		}
		return &net.IPNet{IP: ip, Mask: mask.Mask}
	}
	machine := []net.Addr{network("127.0.0.1/8"), network("fe80::1/64"), network("192.0.2.7/24"), network("192.0.2.8/24")}
	for _, tc := range []struct {
		name, host string
		machine    []net.Addr
		want       string
	}{
		{"a name", "kafka.example", machine, "kafka.example"},
		{"an address", "192.0.2.8", machine, "192.0.2.8"},
		{"loopback", "127.0.0.1", machine, "127.0.0.1"},
		{"all addresses", "0.0.0.0", machine, "192.0.2.7"},
		{"all addresses of both kinds", "::", machine, "192.0.2.7"},
		{"no host", "", machine, "192.0.2.7"},
		{"all addresses without a network", "0.0.0.0", machine[:2], "127.0.0.1"},
	} {
		if got := advertised(tc.host, tc.machine); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}
