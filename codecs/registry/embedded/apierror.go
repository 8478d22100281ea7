package embedded

import (
	"fmt"
	"net/http"
)

// The error codes of Confluent's REST API.
const (
	codeSubjectNotFound       = 40401
	codeVersionNotFound       = 40402
	codeSchemaNotFound        = 40403
	codeSubjectSoftDeleted    = 40404
	codeSubjectNotSoftDeleted = 40405
	codeVersionSoftDeleted    = 40406
	codeVersionNotSoftDeleted = 40407
	codeLevelNotSet           = 40408
	codeModeNotSet            = 40409
	codeIncompatible          = 409
	codeInvalidSchema         = 42201
	codeInvalidVersion        = 42202
	codeInvalidLevel          = 42203
	codeInvalidMode           = 42204
	codeNotPermitted          = 42205
	codeReferenceExists       = 42206
	codeInvalidSubject        = 42208
	codeInvalidRuleSet        = 42210
	codeStore                 = 50001
)

// apiError is an error in the form in which clients get it.
type apiError struct {
	status  int
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

func (f *apiError) Error() string { return f.Message }

func notFound(code int, format string, args ...any) *apiError {
	return &apiError{status: http.StatusNotFound, Code: code, Message: fmt.Sprintf(format, args...)}
}

func invalid(code int, format string, args ...any) *apiError {
	return &apiError{status: http.StatusUnprocessableEntity, Code: code, Message: fmt.Sprintf(format, args...)}
}

// plainFault has the HTTP status for its code, as Confluent's registry does
// where no code of its own fits.
func plainFault(status int, format string, args ...any) *apiError {
	return &apiError{status: status, Code: status, Message: fmt.Sprintf(format, args...)}
}

func errClosed() *apiError {
	return plainFault(http.StatusServiceUnavailable, "The registry is closed")
}

func errStore(err error) *apiError {
	return &apiError{status: http.StatusInternalServerError, Code: codeStore, Message: "Keeping the change: " + err.Error()}
}

func errSubject(name string) *apiError {
	return notFound(codeSubjectNotFound, "Subject '%s' not found.", name)
}

func errVersion(number int) *apiError {
	return notFound(codeVersionNotFound, "Version %d not found.", number)
}

func errSchemaGUID(guid string) *apiError {
	return notFound(codeSchemaNotFound, "Schema %s not found", guid)
}

func errSchemaID(id int) *apiError {
	return notFound(codeSchemaNotFound, "Schema %d not found", id)
}
