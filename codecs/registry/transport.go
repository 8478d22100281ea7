package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

const maxAnswerBytes = 64 << 20

// newTransport is the standard transport with a bound on what an answer may
// hold: the body is read into memory.
func newTransport(secure *tls.Config) http.RoundTripper {
	standard, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return boundedTransport{http.DefaultTransport}
	}
	own := standard.Clone()
	own.MaxIdleConnsPerHost = 8
	own.TLSClientConfig = secure
	return boundedTransport{own}
}

type boundedTransport struct{ next http.RoundTripper }

func (t boundedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err == nil {
		note(resp, time.Now())
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswerBytes)
	}
	return resp, err
}

// strange marks an answer that no schema registry gives: text that is not JSON
// of the right form, or a status 404 without a registry's error code.
func strange(err error) error {
	var marked *strangeAnswerError
	var away *UnavailableError
	if err == nil || errors.As(err, &marked) || errors.As(err, &away) {
		return err
	}
	if answer, ok := errors.AsType[*sr.ResponseError](err); ok {
		if answer.StatusCode == http.StatusNotFound && !sr.IsNotFoundError(answer.ErrorCode) {
			return &strangeAnswerError{fmt.Errorf("status 404 for %s: %w", answer.URL, err)}
		}
		return err
	}
	if isTransport(err) {
		return err
	}
	return &strangeAnswerError{err}
}

// isTransport says whether no whole answer arrived.
func isTransport(err error) bool {
	var request *url.Error
	var network net.Error
	return errors.As(err, &request) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
