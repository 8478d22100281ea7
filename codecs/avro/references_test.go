package avro_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
)

type reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

func to(subject string) reference { return reference{Name: subject, Subject: subject, Version: 1} }

// refer registers a schema with references and returns its id.
func (r *testRegistry) refer(t testing.TB, subject, schema string, refs ...reference) int {
	t.Helper()
	body, err := json.Marshal(map[string]any{"schema": schema, "references": refs})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(r.url+"/subjects/"+subject+"/versions", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		ID      int    `json:"id"`
		Message string `json:"message"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("registering %s: status %d, %v: %s", subject, resp.StatusCode, err, answer.Message)
	}
	return answer.ID
}

// The order refers to a customer and a shop, and both of these to a place, in
// namespaces of their own and in none.
const (
	placeText    = `{"type":"record","name":"Place","fields":[{"name":"zip","type":{"type":"fixed","name":"Zip","size":2}},{"name":"since","type":["null",{"type":"long","logicalType":"timestamp-millis"}]}]}`
	customerText = `{"type":"record","name":"Customer","namespace":"people","fields":[{"name":"name","type":"string"},{"name":"home","type":"Place"}]}`
	shopText     = `{"type":"record","name":"Shop","namespace":"trade","fields":[{"name":"at","type":"Place"},{"name":"code","type":"Zip"}]}`
	orderText    = `{"type":"record","name":"Order","namespace":"trade","fields":[{"name":"id","type":"long"},{"name":"by","type":"people.Customer"},{"name":"shop","type":["null","Shop"]},{"name":"sent","type":{"type":"array","items":"Place"}}]}`
)

type shipment struct {
	Zip   [2]byte    `avro:"zip"`
	Since *time.Time `avro:"since"`
}

type order struct {
	ID int64 `avro:"id"`
	By struct {
		Name string   `avro:"name"`
		Home shipment `avro:"home"`
	} `avro:"by"`
	Sent []shipment `avro:"sent"`
}

const orderReader = `{"type":"record","name":"Order","namespace":"trade","fields":[{"name":"id","type":"long"},
	{"name":"by","type":{"type":"record","name":"people.Customer","fields":[{"name":"name","type":"string"},{"name":"home","type":` +
	`{"type":"record","name":"Place","namespace":"","fields":[{"name":"zip","type":{"type":"fixed","name":"Zip","size":2}},
	{"name":"since","type":["null",{"type":"long","logicalType":"timestamp-millis"}]}]}}]}},
	{"name":"sent","type":{"type":"array","items":"Place"}}]}`

// orders registers the diamond and returns a datum of it, framed. rename
// changes the texts.
func (r *testRegistry) orders(t testing.TB, rename ...string) []byte {
	t.Helper()
	as := strings.NewReplacer(rename...).Replace
	r.refer(t, "place", as(placeText))
	r.refer(t, "customer", as(customerText), to("place"))
	r.refer(t, "shop", as(shopText), to("place"))
	id := r.refer(t, "order-value", as(orderText), to("customer"), to("shop"), to("place"))
	at := map[string]any{"zip": []byte("81"), "since": time.UnixMilli(1500)}
	datum := map[string]any{
		"id": 7, "by": map[string]any{"name": "Ann", "home": at},
		"shop": map[string]any{"at": at, "code": []byte("xy")}, "sent": []any{at},
	}
	data, err := mustParse(t, orderText, placeText, customerText, shopText).Append(avro.AppendConfluent(nil, id), datum)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTypedReadsWhatASchemaWithReferencesWrote(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	data := reg.orders(t)
	codec := avro.Typed[order](avro.Registry(reg.client(t, time.Minute)), avro.Schema(orderReader))
	before := reg.asks.Load()
	for range 3 {
		var got order
		if err := codec.Read(data, &got); err != nil {
			t.Fatal(err)
		}
		since := time.UnixMilli(1500).UTC()
		at := shipment{Zip: [2]byte{'8', '1'}, Since: &since}
		want := order{ID: 7, Sent: []shipment{at}}
		want.By.Name, want.By.Home = "Ann", at
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("value (-want +got):\n%s", diff)
		}
	}
	if got := reg.asks.Load() - before; got != 4 {
		t.Errorf("requests: got %d, want 4: the schema and each of those it needs once", got)
	}
}

func TestGenericReadsWhatASchemaWithReferencesWrote(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	// goavro finds no type without a namespace from inside one with a namespace.
	data := reg.orders(t, `"Place"`, `"geo.Place"`, `"Zip"`, `"geo.Zip"`)
	codec := avro.Generic(userSchema, avro.Registry(reg.client(t, time.Minute)))
	got, err := codec.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]any{"zip": []byte("81"), "since": map[string]any{"long.timestamp-millis": time.UnixMilli(1500).UTC()}}
	want := map[string]any{
		"id": int64(7), "by": map[string]any{"name": "Ann", "home": at},
		"shop": map[string]any{"trade.Shop": map[string]any{"at": at, "code": []byte("xy")}}, "sent": []any{at},
	}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("value (-want +got):\n%s", diff)
	}
}

func TestSchemaWithReferencesStandsAlone(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	data := reg.orders(t)
	id, datum, err := avro.SplitConfluent(data)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := avro.WriterSchema(t.Context(), reg.client(t, time.Minute), id)
	if err != nil {
		t.Fatal(err)
	}
	if got := schema.String(); got != orderText {
		t.Errorf("text: got %s, want what was registered", got)
	}
	alone := mustParse(t, schema.Standalone())
	if got, want := alone.Fingerprint(), schema.Fingerprint(); got != want {
		t.Errorf("fingerprint of the standalone text: got %s, want %s", got, want)
	}
	const want = `{"id":7,"by":{"name":"Ann","home":{"zip":"81","since":1500}},"shop":{"at":{"zip":"81","since":1500},"code":"xy"},"sent":[{"zip":"81","since":1500}]}`
	for _, s := range []*avro.ParsedSchema{schema, alone} {
		if got, err := s.JSON(datum); err != nil || string(got) != want {
			t.Errorf("JSON: got %s, %v, want %s", got, err, want)
		}
	}
	plain := mustParse(t, userSchema)
	if got := plain.Standalone(); got != userSchema {
		t.Errorf("standalone text of a schema without references: got %s, want it as it is", got)
	}
}

// scripted answers as a registry that holds whatever a test makes up.
func scripted(t *testing.T, answer func(subject string, version int) map[string]any) *registry.Client {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject, version := "root", 1
		if parts := strings.Split(r.URL.Path, "/"); parts[1] == "subjects" {
			subject = parts[2]
			version, _ = strconv.Atoi(parts[4])
		}
		found := answer(subject, version)
		if found == nil {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_code":40401,"message":"no such subject"}`)
			return
		}
		found["id"], found["subject"], found["version"] = 1, subject, version
		if err := json.NewEncoder(w).Encode(found); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(web.Close)
	client, err := registry.New(registry.Config{URLs: []string{web.URL}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestReferencesThatLeadNowhereAreRefused(t *testing.T) {
	t.Parallel()
	refs := func(subjects ...string) map[string]any {
		var list []reference
		for _, s := range subjects {
			list = append(list, to(s))
		}
		return map[string]any{"schema": record("Some", ""), "references": list}
	}
	tests := []struct {
		name   string
		answer func(subject string, version int) map[string]any
		want   string
	}{
		{
			"circle", func(subject string, _ int) map[string]any {
				return refs(map[string]string{"root": "a", "a": "b", "b": "c", "c": "a"}[subject])
			},
			"avro: schema id 1: its references go round in a circle: a version 1 -> b version 1 -> c version 1 -> a version 1",
		},
		{
			"itself", func(string, int) map[string]any { return refs("root") },
			"avro: schema id 1: its references go round in a circle: root version 1 -> root version 1",
		},
		{
			"chain without an end", func(subject string, _ int) map[string]any { return refs(subject + "x") },
			"avro: schema id 1: it needs more than 100 other schemas",
		},
		{
			"too many", func(subject string, _ int) map[string]any {
				if subject != "root" {
					return map[string]any{"schema": `"int"`}
				}
				var list []string
				for i := range 101 {
					list = append(list, "s"+strconv.Itoa(i))
				}
				return refs(list...)
			},
			"avro: schema id 1: it needs more than 100 other schemas",
		},
		{
			"another type", func(subject string, _ int) map[string]any {
				if subject == "root" {
					return refs("proto")
				}
				return map[string]any{"schema": "syntax", "schemaType": "PROTOBUF"}
			},
			"avro: schema id 1: it refers to proto version 1, which is of type PROTOBUF, not AVRO",
		},
		{
			"missing", func(subject string, _ int) map[string]any {
				return map[string]map[string]any{"root": refs("a"), "a": refs("gone")}[subject]
			},
			`avro: schema id 1: following its references (a version 1 -> gone version 1): registry: subject "gone" is not known at `,
		},
		{
			"no such type", func(subject string, _ int) map[string]any {
				if subject == "a" {
					return map[string]any{"schema": `"int"`}
				}
				found := refs("a")
				found["schema"] = record("R", `{"name":"x","type":"Unknown"}`)
				return found
			},
			"(schema id 1 refers to a version 1)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client := scripted(t, tt.answer)
			_, err := avro.WriterSchema(t.Context(), client, 1)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("WriterSchema: got %v, want one line with %q", err, tt.want)
			}
			_, err = avro.Typed[user](avro.Registry(client)).Decode([]byte{0, 0, 0, 0, 1, 2})
			var fault *avro.DecodeError
			if !errors.As(err, &fault) || fault.Schema.ID != 1 {
				t.Errorf("decode: got %v, want a DecodeError of schema 1", err)
			}
		})
	}
}

func TestAHundredReferencesAreRead(t *testing.T) {
	t.Parallel()
	// A chain: each schema has a field of the next one's type.
	client := scripted(t, func(subject string, _ int) map[string]any {
		n := 0
		if subject != "root" {
			n, _ = strconv.Atoi(subject)
		}
		if n == 100 {
			return map[string]any{"schema": record("R100", `{"name":"x","type":"int"}`)}
		}
		next := strconv.Itoa(n + 1)
		return map[string]any{
			"schema":     record("R"+strconv.Itoa(n), `{"name":"x","type":"R`+next+`"}`),
			"references": []reference{to(next)},
		}
	})
	schema, err := avro.WriterSchema(t.Context(), client, 1)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := schema.JSON([]byte{14}); err != nil || strings.Count(string(text), `"x"`) != 101 || !strings.Contains(string(text), ":7}") {
		t.Errorf("JSON: got %s, %v", text, err)
	}
}

func TestARegistryThatGoesAwayMidwayIsUnavailable(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t)
	data := reg.orders(t)
	client := reg.client(t, 50*time.Millisecond)
	id, _, _ := avro.SplitConfluent(data)
	eventually(t, func() error { _, err := client.ByID(t.Context(), id); return err })
	reg.down.Store(true)
	codec := avro.Typed[order](avro.Registry(client), avro.Schema(orderReader))
	_, err := codec.Decode(data)
	var away *registry.UnavailableError
	var fault *avro.DecodeError
	if !errors.As(err, &away) || errors.As(err, &fault) {
		t.Errorf("decode: got %v, want a registry.UnavailableError and no DecodeError", err)
	}
	reg.down.Store(false)
	eventually(t, func() error { _, err := codec.Decode(data); return err })
}
