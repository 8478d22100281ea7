package avro_test

import (
	"bytes"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/codecs/registry/embedded"
)

// testRegistry is a registry on loopback that can be taken down.
type testRegistry struct {
	url     string
	down    atomic.Bool
	noGUIDs atomic.Bool  // answers hold none, as those of older registries
	asks    atomic.Int64 // requests that were answered
}

func startRegistry(t testing.TB) *testRegistry {
	t.Helper()
	server, err := embedded.New(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	reg := &testRegistry{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if reg.down.Load() {
			panic(http.ErrAbortHandler) // cuts the connection
		}
		reg.asks.Add(1)
		if reg.noGUIDs.Load() {
			answer := httptest.NewRecorder()
			server.ServeHTTP(answer, r)
			w.WriteHeader(answer.Code)
			_, _ = w.Write(bytes.ReplaceAll(answer.Body.Bytes(), []byte(`"guid"`), []byte(`"other"`)))
			return
		}
		server.ServeHTTP(w, r)
	}))
	reg.url = web.URL
	t.Cleanup(func() {
		web.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return reg
}

// client returns a client of its own, which has cached nothing yet.
func (r *testRegistry) client(t testing.TB, timeout time.Duration) *registry.Client {
	t.Helper()
	client, err := registry.New(registry.Config{URLs: []string{r.url}, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// request sends a request that clients have no method for.
func (r *testRegistry) request(t testing.TB, method, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: status %d", method, path, answer.StatusCode)
	}
}

// open returns the options of a codec that registers its schema.
func (r *testRegistry) open(t testing.TB, subject string, more ...avro.Option) []avro.Option {
	t.Helper()
	return append([]avro.Option{avro.Registry(r.client(t, time.Minute)), avro.Subject(subject), avro.AutoRegister()}, more...)
}

// user is the record of most tests.
type user struct {
	ID   int32  `avro:"id"`
	Name string `avro:"name"`
	Age  int32  `avro:"age"`
}

const userSchema = `{"type":"record","name":"User","namespace":"example.data","fields":[{"name":"id","type":"int"},{"name":"name","type":"string"},{"name":"age","type":"int"}]}`

func named() []avro.Option { return []avro.Option{avro.Namespace("example.data"), avro.Name("User")} }

type place struct {
	Street string `avro:"street"`
	Zip    *int32 `avro:"zip"`
}

// everything has a field of each kind.
type everything struct {
	Bool    bool             `avro:"bool"`
	Int     int32            `avro:"int"`
	Long    int64            `avro:"long"`
	Float   float32          `avro:"float"`
	Double  float64          `avro:"double"`
	Text    string           `avro:"text"`
	Raw     []byte           `avro:"raw"`
	Hash    [4]byte          `avro:"hash"`
	Maybe   *string          `avro:"maybe"`
	At      time.Time        `avro:"at,timestamp-millis"`
	Price   *big.Rat         `avro:"price,decimal(9,2)"`
	Home    place            `avro:"home"`
	Others  []place          `avro:"others"`
	Counts  map[string]int64 `avro:"counts"`
	Maybe2  *place           `avro:"maybe2"`
	Weights [][]float64      `avro:"weights"`
}

func everythings() []everything {
	text, zip := "perhaps", int32(8000)
	return []everything{
		{Price: big.NewRat(0, 1), At: time.UnixMilli(0).UTC()},
		{
			Bool: true, Int: -1, Long: 1 << 40, Float: 1.5, Double: -2.25, Text: "Zürich", Raw: []byte{0, 1, 255},
			Hash: [4]byte{1, 2, 3, 4}, Maybe: &text, At: time.UnixMilli(1_700_000_000_123).UTC(), Price: big.NewRat(-1999, 100),
			Home: place{Street: "a", Zip: &zip}, Others: []place{{Street: "b"}, {Street: "c", Zip: &zip}},
			Counts: map[string]int64{"x": 1, "y": -2}, Maybe2: &place{Street: "d"}, Weights: [][]float64{{1, 2}, {}},
		},
		{
			Int: 7, Text: "other", Raw: []byte("bytes"), Price: big.NewRat(1, 4), At: time.UnixMilli(5).UTC(),
			Others: []place{{Street: "e"}}, Counts: map[string]int64{"z": 3}, Weights: [][]float64{{3}},
		},
	}
}

// sameParts compares by content: an empty slice is like none, as Avro has no
// difference between the two.
func sameParts[T any](a, b T) bool {
	return cmp.Equal(a, b, cmpopts.EquateEmpty(), cmp.Comparer(func(x, y *big.Rat) bool {
		return (x == nil) == (y == nil) && (x == nil || x.Cmp(y) == 0)
	}))
}

func mustParse(t testing.TB, text string, refs ...string) *avro.ParsedSchema {
	t.Helper()
	schema, err := avro.ParseSchema(text, refs...)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// wantError compares the whole message.
func wantError(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("error:\n got %v\nwant %s", err, want)
	}
}
