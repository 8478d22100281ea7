package registry

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// UnavailableError says that the registry could not be asked: no connection,
// no answer in time, status 5xx or 429, access refused, or an answer that is
// not a schema registry's. It says nothing about the schema that was asked
// for; asking again later may help.
type UnavailableError struct {
	URLs []string // the addresses that were tried
	Err  error    // what the last try met

	within time.Duration // how long was tried, zero when not retried
}

// Error names the addresses, the cause and what to do, in one line.
func (e *UnavailableError) Error() string {
	at := strings.Join(e.URLs, ", ")
	var within string
	if e.within > 0 {
		within = " within " + e.within.String()
	}
	var answer *sr.ResponseError
	var strange *strangeAnswerError
	switch {
	case errors.Is(e.Err, errNoNode):
		return fmt.Sprintf("registry: %v: give the registry's address", e.Err)
	case isUntrusted(e.Err):
		return oneLine(fmt.Sprintf("registry: no secure connection to %s: %v: correct the files of the authorities and of the client certificate", at, e.Err))
	case errors.As(e.Err, &strange):
		return oneLine(fmt.Sprintf("registry: %s does not answer as a schema registry does: %v: correct --registry", at, e.Err))
	case errors.As(e.Err, &answer) && judge(answer) == nextNode:
		return oneLine(fmt.Sprintf("registry: %s refuses access with status %d: %v: correct the user and password or the token",
			at, answer.StatusCode, e.Err))
	case errors.As(e.Err, &answer):
		return oneLine(fmt.Sprintf("registry: no useful answer from %s%s: status %d: %v: look at the registry's log and try again",
			at, within, answer.StatusCode, e.Err))
	}
	return oneLine(fmt.Sprintf("registry: nothing answers at %s%s: %v: start the registry or correct --registry", at, within, e.Err))
}

// Unwrap returns Err.
func (e *UnavailableError) Unwrap() error { return e.Err }

// NotFoundError says that the registry answered and does not know the schema
// id or GUID (Subject is empty then), the subject, the version of it, or the schema
// under the subject.
type NotFoundError struct {
	Subject string
	ID      int
	GUID    string
	Version int   // 0 unless a version was asked for
	Err     error // the registry's answer

	at string
}

// Error names what is missing and where, in one line.
func (e *NotFoundError) Error() string {
	at := e.at
	if at == "" {
		at = "the registry"
	}
	switch {
	case e.GUID != "":
		return fmt.Sprintf("registry: schema GUID %s is not known at %s: the record comes from another registry, the registry has no GUIDs, or --registry is wrong", e.GUID, at)
	case e.Subject == "":
		return fmt.Sprintf("registry: schema id %d is not known at %s: the record comes from another registry, or --registry is wrong", e.ID, at)
	case errorCode(e.Err) == sr.ErrVersionNotFound.Code && e.Version > 0:
		return fmt.Sprintf("registry: subject %q at %s has no version %d: it was deleted, or --registry is wrong", e.Subject, at, e.Version)
	case errorCode(e.Err) == sr.ErrSchemaNotFound.Code:
		return fmt.Sprintf("registry: subject %q at %s does not hold this schema: register it first", e.Subject, at)
	}
	return fmt.Sprintf("registry: subject %q is not known at %s: register its schema first", e.Subject, at)
}

// Unwrap returns Err.
func (e *NotFoundError) Unwrap() error { return e.Err }

// IncompatibleError says that the registry refuses a schema because the
// subject's compatibility level forbids the change.
type IncompatibleError struct {
	Subject string
	Reasons []string // one line each, at least one
}

// Error lists the reasons in one line.
func (e *IncompatibleError) Error() string {
	return oneLine(fmt.Sprintf("registry: the schema is incompatible with what subject %q holds: %s: change the schema or the subject's compatibility level",
		e.Subject, strings.Join(e.Reasons, "; ")))
}

// strangeAnswerError is an answer that no schema registry gives.
type strangeAnswerError struct{ err error }

func (e *strangeAnswerError) Error() string { return e.err.Error() }
func (e *strangeAnswerError) Unwrap() error { return e.err }

// refusedError is an answer that a retry does not cure.
type refusedError struct {
	doing  string
	status int
	err    error
}

func (e *refusedError) Error() string {
	return oneLine(fmt.Sprintf("registry: %s: the registry refuses with status %d: %v", e.doing, e.status, e.err))
}

func (e *refusedError) Unwrap() error { return e.err }

// plain takes the layers off a transport error that repeat method and address.
func plain(err error) error {
	var request *url.Error
	if !errors.As(err, &request) {
		return err
	}
	if request.Timeout() {
		return fmt.Errorf("no answer in time: %w", request.Err)
	}
	return request.Err
}

func errorCode(err error) int {
	if answer, ok := errors.AsType[*sr.ResponseError](err); ok {
		return answer.ErrorCode
	}
	return 0
}

// isUntrusted says whether one side refuses the other's certificate.
func isUntrusted(err error) bool {
	var theirs *tls.CertificateVerificationError
	var alert *net.OpError // crypto/tls has no exported type for what the other side sends
	return errors.As(err, &theirs) || errors.As(err, &alert) && alert.Op == "remote error"
}

// verdict is what an error means for the next step.
type verdict int

const (
	final    verdict = iota // the registry has answered; asking again changes nothing
	nextNode                // this node cannot be used; another one may
	tryLater                // the same node may answer later
)

func judge(err error) verdict {
	if _, ok := errors.AsType[*strangeAnswerError](err); ok || isUntrusted(err) {
		return nextNode
	}
	var answer *sr.ResponseError
	if !errors.As(err, &answer) {
		return tryLater
	}
	switch code := answer.StatusCode; {
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return tryLater
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return nextNode
	}
	return final
}

// descriptions finds the reasons in the text that Confluent's registry puts
// into its message; a description itself may hold quotes.
var descriptions = regexp.MustCompile(`description:\s*'(.*?)'\s*(?:,\s*additionalInfo:\s*'(.*?)'\s*)?\}`)

func reasons(message string) []string {
	var found []string
	for _, m := range descriptions.FindAllStringSubmatch(message, -1) {
		reason := m[1]
		if m[2] != "" && !strings.Contains(reason, m[2]) {
			reason = m[2] + ": " + reason
		}
		found = append(found, oneLine(reason))
	}
	if len(found) == 0 {
		found = []string{oneLine(message)}
	}
	return found
}

const maxMessageRunes = 600

// oneLine folds white space, and cuts what a proxy's HTML page would make
// endless.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > maxMessageRunes {
		return string(runes[:maxMessageRunes]) + " ..."
	}
	return s
}
