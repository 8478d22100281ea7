package registry

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultTimeout is how long a request and its retries may take when
// Config.Timeout is zero.
const DefaultTimeout = 20 * time.Second

// Config says where the registry is and how to sign in.
type Config struct {
	// URLs are the base addresses of the registry's nodes, such as
	// http://localhost:8081 or https://example.org/apis/ccompat/v7. At least one
	// is needed, unless there is a Bundle; they must all belong to the same
	// registry. A user and a password in a URL sign in at that node only and win
	// over BasicUser.
	URLs []string

	// Timeout bounds one request with all its retries. Default
	// [DefaultTimeout].
	Timeout time.Duration

	// BasicUser and BasicPassword sign in with HTTP basic authentication.
	// Default: no authentication.
	BasicUser, BasicPassword string

	// Bearer is a token to sign in with; it excludes BasicUser.
	Bearer string

	// CAFile is a PEM file with the authorities that the nodes' certificates are
	// checked against. Default: those of the system.
	CAFile string

	// CertFile and KeyFile are PEM files with the certificate and the key that we
	// show to the nodes (mTLS). Default: none.
	CertFile, KeyFile string

	// TLS is what the files above are put into, a copy of it. Default: Go's.
	TLS *tls.Config

	// Bundle is a file of [Bundle.JSON]. What it holds of schemas that never
	// change is answered from it without asking; what may change, such as the
	// newest version of a subject, only while the registry is down. Default: none.
	Bundle string

	// Normalize asks the registry to register and look up schemas in their
	// normal form, so that two texts of one schema are one. Default: off, as in
	// Confluent's normalize.schemas.
	Normalize bool
}

// node is one checked URL; user and password are taken out of url so that no
// message shows them.
type node struct {
	url, user, password string
}

func (n node) secure() bool { return strings.HasPrefix(n.url, "https://") }

// nodes returns the checked addresses, or all faults of cfg but those of its
// files.
func (cfg Config) nodes() ([]node, error) {
	var faults []error
	if len(cfg.URLs) == 0 && cfg.Bundle == "" {
		faults = append(faults, errors.New("registry: no URL is given: set the registry's address, such as http://localhost:8081"))
	}
	if cfg.Timeout < 0 {
		faults = append(faults, fmt.Errorf("registry: timeout %s is negative: use a duration above 0", cfg.Timeout))
	}
	if cfg.Bearer != "" && cfg.BasicUser != "" {
		faults = append(faults, errors.New("registry: both a user and a bearer token are given: use one"))
	}
	if cfg.BasicPassword != "" && cfg.BasicUser == "" {
		faults = append(faults, errors.New("registry: a password is given without a user: set the user too"))
	}
	nodes, err := cfg.parseNodes()
	if len(faults) == 0 && err == nil && cfg.secures() && !slices.ContainsFunc(nodes, node.secure) {
		faults = append(faults, errors.New("registry: files for TLS are given, but no address is https://: correct the addresses or leave the files out"))
	}
	return nodes, errors.Join(append(faults, err)...)
}

func (cfg Config) parseNodes() ([]node, error) {
	var faults []error
	nodes := make([]node, 0, len(cfg.URLs))
	for _, raw := range cfg.URLs {
		n, err := parseNode(raw)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if n.user == "" {
			n.user, n.password = cfg.BasicUser, cfg.BasicPassword
		}
		nodes = append(nodes, n)
	}
	return nodes, errors.Join(faults...)
}

func parseNode(raw string) (node, error) {
	trimmed := strings.TrimSpace(raw)
	if trimmed == "" {
		return node{}, errors.New("registry: an address is empty: write one such as http://localhost:8081")
	}
	if !strings.Contains(trimmed, "://") {
		return node{}, fmt.Errorf("registry: address %q has no scheme: write http://%s", trimmed, trimmed)
	}
	u, err := url.Parse(trimmed)
	if err != nil {
		// url.Error repeats the whole address, which may hold a password.
		if parse, ok := errors.AsType[*url.Error](err); ok {
			err = parse.Err
		}
		return node{}, fmt.Errorf("registry: an address is not a URL: %w: write one such as http://localhost:8081", err)
	}
	return checkNode(u)
}

func checkNode(u *url.URL) (node, error) {
	n := node{user: u.User.Username()}
	n.password, _ = u.User.Password()
	u.User = nil
	shown := u.String()
	if u.Scheme != "http" && u.Scheme != "https" {
		return node{}, fmt.Errorf("registry: address %q has the scheme %s: use http:// or https://", shown, u.Scheme)
	}
	if u.Hostname() == "" {
		return node{}, fmt.Errorf("registry: address %q has no host: write one such as http://localhost:8081", shown)
	}
	if port := u.Port(); port != "" {
		if p, err := strconv.Atoi(port); err != nil || p < 1 || p > 65535 {
			return node{}, fmt.Errorf("registry: address %q has the port %s: use 1 to 65535", shown, port)
		}
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return node{}, fmt.Errorf("registry: address %q has a query or a fragment: leave it out", shown)
	}
	n.url = strings.TrimRight(shown, "/")
	return n, nil
}
