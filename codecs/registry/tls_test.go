package registry_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/codecs/registry/embedded"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert, a.key = sign(t, template, nil)
	a.file = filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, a.file, "CERTIFICATE", a.cert.Raw)
	return a
}

// sign makes a certificate; without an authority it signs itself.
func sign(t *testing.T, template *x509.Certificate, by *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// issue returns the files of a certificate for 127.0.0.1 and of its key.
func (a *authority) issue(t *testing.T, name string) (certFile, keyFile string) {
	t.Helper()
	cert, key := sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePEM(t, certFile, "CERTIFICATE", cert.Raw)
	writePEM(t, keyFile, "PRIVATE KEY", der)
	return certFile, keyFile
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// secured serves over TLS, to those who show a certificate of the authority.
func (a *authority) secured(t *testing.T, h http.Handler) string {
	t.Helper()
	certFile, keyFile := a.issue(t, "registry")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	web := httptest.NewUnstartedServer(h)
	web.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	web.StartTLS()
	t.Cleanup(web.Close)
	return web.URL
}

func memory(t *testing.T) http.Handler {
	t.Helper()
	reg, err := embedded.New(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

func TestMutualTLSLetsInWhoShowsACertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ours")
	url := ca.secured(t, memory(t))
	certFile, keyFile := ca.issue(t, "processor")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]registry.Config{
		"files":             {CAFile: ca.file, CertFile: certFile, KeyFile: keyFile},
		"files over config": {CAFile: ca.file, TLS: &tls.Config{Certificates: []tls.Certificate{pair}}},
	} {
		cfg.URLs = []string{url}
		if _, err := newClient(t, cfg).Register(t.Context(), name, userV1); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestATLSFaultIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "ours"), newAuthority(t, "theirs")
	url := ca.secured(t, memory(t))
	certFile, keyFile := other.issue(t, "stranger")
	for name, cfg := range map[string]registry.Config{
		"an unknown authority":         {CAFile: other.file},
		"the system's authorities":     {},
		"no client certificate":        {CAFile: ca.file},
		"another's client certificate": {CAFile: ca.file, CertFile: certFile, KeyFile: keyFile},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg.URLs, cfg.Timeout = []string{url}, time.Hour
			_, err := newClient(t, cfg).ByID(t.Context(), 1)
			var away *registry.UnavailableError
			if !errors.As(err, &away) || !strings.Contains(err.Error(), "no secure connection to "+url) {
				t.Errorf("got %v, want an UnavailableError for the certificates", err)
			}
		})
	}
}

func TestFailOverUnderTLS(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "ours"), newAuthority(t, "theirs")
	certFile, keyFile := ca.issue(t, "processor")
	urls := []string{
		strings.Replace(closedPort(t), "http:", "https:", 1), other.secured(t, memory(t)), ca.secured(t, status(503, "busy")),
		ca.secured(t, memory(t)),
	}
	client := newClient(t, registry.Config{URLs: urls, CAFile: ca.file, CertFile: certFile, KeyFile: keyFile})
	for i := range 3 {
		if _, err := client.Register(t.Context(), fmt.Sprint("s", i), userV1); err != nil {
			t.Errorf("got %v, want the last node's answer", err)
		}
	}
}

func TestNewRefusesTLSFilesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ours")
	certFile, keyFile := ca.issue(t, "processor")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const secure, open = "https://localhost:8081", "http://localhost:8081"
	for _, tt := range []struct {
		name, url string
		cfg       registry.Config
		says      string
	}{
		{"no authorities' file", secure, registry.Config{CAFile: "missing.pem"}, "missing.pem"},
		{"no certificate in it", secure, registry.Config{CAFile: empty}, "holds no certificate in PEM form"},
		{"a certificate without its key", secure, registry.Config{CertFile: certFile}, "give both"},
		{"a key without its certificate", secure, registry.Config{KeyFile: keyFile}, "give both"},
		{"another key", secure, registry.Config{CertFile: ca.file, KeyFile: keyFile}, "reading the client certificate"},
		{"not https", open, registry.Config{CAFile: ca.file}, "no address is https://"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.cfg.URLs = []string{tt.url}
			_, err := registry.New(tt.cfg)
			if err == nil || !strings.HasPrefix(err.Error(), "registry: ") || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want it to say %q", err, tt.says)
			}
		})
	}
}
