package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// secures says whether the configuration names files for TLS.
func (cfg Config) secures() bool { return cfg.CAFile != "" || cfg.CertFile != "" || cfg.KeyFile != "" }

// secure returns how to speak TLS, with the files that cfg names.
func (cfg Config) secure() (*tls.Config, error) {
	out := cfg.TLS.Clone()
	if out == nil {
		out = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if (cfg.CertFile == "") != (cfg.KeyFile == "") {
		return nil, errors.New("registry: a client certificate needs both its file and the file of its key: give both")
	}
	if cfg.CAFile != "" {
		text, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("registry: reading the authorities' certificates: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("registry: the file %s holds no certificate in PEM form", cfg.CAFile)
		}
	}
	if cfg.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("registry: reading the client certificate %s with the key %s: %w", cfg.CertFile, cfg.KeyFile, err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}
