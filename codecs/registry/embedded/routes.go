package embedded

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

const (
	contentType  = "application/vnd.schemaregistry.v1+json"
	maxBodyBytes = 10 << 20
)

// handler answers a request with a value to write as JSON, or with rawText.
type handler func(*http.Request) (any, error)

// rawText is written as it is.
type rawText string

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"GET /{$}":                                                func(*http.Request) (any, error) { return struct{}{}, nil },
		"GET /contexts":                                           func(*http.Request) (any, error) { return []string{"."}, nil },
		"GET /subjects":                                           s.getSubjects,
		"POST /subjects/{subject}":                                s.postLookup,
		"DELETE /subjects/{subject}":                              s.deleteSubject,
		"GET /subjects/{subject}/versions":                        s.getVersions,
		"POST /subjects/{subject}/versions":                       s.postVersion,
		"GET /subjects/{subject}/versions/{version}":              s.getVersion,
		"DELETE /subjects/{subject}/versions/{version}":           s.deleteVersion,
		"GET /subjects/{subject}/versions/{version}/schema":       s.getVersionText,
		"GET /subjects/{subject}/versions/{version}/referencedby": s.getReferrers,
		"GET /schemas":                                            s.getSchemas,
		"GET /schemas/types":                                      func(*http.Request) (any, error) { return []string{"AVRO"}, nil },
		"GET /schemas/ids/{id}":                                   s.getID,
		"GET /schemas/ids/{id}/schema":                            s.getIDText,
		"GET /schemas/ids/{id}/subjects":                          s.getIDSubjects,
		"GET /schemas/ids/{id}/versions":                          s.getIDVersions,
		"GET /schemas/guids/{guid}":                               s.getGUID,
		"GET /config":                                             s.getConfig,
		"PUT /config":                                             s.putConfig,
		"DELETE /config":                                          s.deleteConfig,
		"GET /config/{subject}":                                   s.getConfig,
		"PUT /config/{subject}":                                   s.putConfig,
		"DELETE /config/{subject}":                                s.deleteConfig,
		"GET /mode":                                               s.getMode,
		"PUT /mode":                                               s.putMode,
		"DELETE /mode":                                            s.deleteMode,
		"GET /mode/{subject}":                                     s.getMode,
		"PUT /mode/{subject}":                                     s.putMode,
		"DELETE /mode/{subject}":                                  s.deleteMode,
		"POST /compatibility/subjects/{subject}/versions":         s.postCompatibility,
		"POST /compatibility/subjects/{subject}/versions/{version}": s.postCompatibility,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { answer(w, r, h) })
	}
	return mux
}

// ServeHTTP answers a request of Confluent's REST API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := s.mux.Handler(r); pattern == "" {
		answer(w, r, s.unknown)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
	s.mux.ServeHTTP(w, r)
}

// unknown answers in the registry's form what the mux answers in plain text.
func (s *Server) unknown(r *http.Request) (any, error) {
	other := r.Clone(r.Context())
	for _, other.Method = range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if _, pattern := s.mux.Handler(other); pattern != "" {
			return nil, plainFault(http.StatusMethodNotAllowed, "HTTP 405 Method Not Allowed")
		}
	}
	return nil, plainFault(http.StatusNotFound, "HTTP 404 Not Found")
}

func answer(w http.ResponseWriter, r *http.Request, h handler) {
	out, err := h(r)
	status := http.StatusOK
	if err != nil {
		var f *apiError
		if !errors.As(err, &f) {
			f = plainFault(http.StatusInternalServerError, "%v", err)
		}
		out, status = f, f.status
	}
	var body []byte
	if text, ok := out.(rawText); ok {
		body = []byte(text)
	} else if body, err = json.Marshal(out); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	// A client that went away is no fault of the registry.
	_, _ = w.Write(body)
}

// body reads the request's JSON into out.
func body(r *http.Request, out any) error {
	data, err := io.ReadAll(r.Body)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return plainFault(http.StatusRequestEntityTooLarge, "The request's body is larger than %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return plainFault(http.StatusBadRequest, "Reading the request's body: %v", err)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return plainFault(http.StatusBadRequest, "The request's body is not JSON of the right form: %v", err)
	}
	return nil
}

func flag(r *http.Request, name string) bool {
	set, err := strconv.ParseBool(r.URL.Query().Get(name))
	return err == nil && set
}

func selected(r *http.Request) which {
	return which{deleted: flag(r, "deleted"), deletedOnly: flag(r, "deletedOnly")}
}

// page cuts a list as the offset and the limit of a request say.
func page[T any](r *http.Request, list []T) []T {
	if offset, err := strconv.Atoi(r.URL.Query().Get("offset")); err == nil && offset > 0 {
		list = list[min(offset, len(list)):]
	}
	if limit, err := strconv.Atoi(r.URL.Query().Get("limit")); err == nil && limit > 0 {
		list = list[:min(limit, len(list))]
	}
	return list
}

func versionNumber(r *http.Request) (int, error) {
	text := r.PathValue("version")
	if text == "latest" || text == "-1" {
		return latest, nil
	}
	number, err := strconv.ParseInt(text, 10, 32)
	if err != nil || number < 1 {
		return 0, invalid(codeInvalidVersion, "The specified version '%s' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"", text)
	}
	return int(number), nil
}

func schemaID(r *http.Request) (int, error) {
	text := r.PathValue("id")
	id, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, plainFault(http.StatusNotFound, "HTTP 404 Not Found")
	}
	return int(id), nil
}

// failed keeps a nil *apiError from becoming an error that is not nil.
func failed(f *apiError) error {
	if f == nil {
		return nil
	}
	return f
}
