package plan_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

type misfit struct {
	ID    string `avro:"id"`
	When  string `avro:"when"`
	Inner struct {
		Flag int `avro:"flag"`
	} `avro:"inner"`
	List  []chan int       `avro:"list"`
	Map   map[int]string   `avro:"map"`
	Union string           `avro:"union"`
	Span  time.Duration    `avro:"span"`
	Size  [3]byte          `avro:"size"`
	Loop  **********string `avro:"loop"`
	A     base             `avro:",inline"`
	B     struct {
		ID int64 `avro:"kind"`
	} `avro:",inline"`
}

const misfitSchema = `{"type":"record","name":"M","fields":[
	{"name":"id","type":"int"},
	{"name":"when","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"inner","type":{"type":"record","name":"I","fields":[{"name":"flag","type":"boolean"}]}},
	{"name":"list","type":{"type":"array","items":"string"}},
	{"name":"map","type":{"type":"map","values":"string"}},
	{"name":"union","type":["null","int","long"]},
	{"name":"span","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"size","type":{"type":"fixed","name":"F","size":4}},
	{"name":"loop","type":"string"},
	{"name":"kind","type":"string"},
	{"name":"missing","type":"string"}]}`

func TestEveryMismatchIsNamed(t *testing.T) {
	t.Parallel()
	node := parse(t, misfitSchema)
	_, err := plan.NewEncoder(node, reflect.TypeFor[misfit](), nil)
	want := strings.Join([]string{
		`writing plan_test.misfit as record M: id: the Go type string cannot be written as Avro's int`,
		`when: the Go type string cannot be written as Avro's long (timestamp-millis)`,
		`inner.flag: the Go type int cannot be written as Avro's boolean`,
		`list[]: the Go type chan int cannot be written as Avro's string`,
		`map: the Go type map[int]string cannot be written as Avro's map`,
		`union: the Go type string cannot be written as any branch of Avro's union`,
		`span: the Go type time.Duration cannot be written as Avro's long (timestamp-millis)`,
		`size: the Go type [3]uint8 cannot be written as Avro's fixed F`,
		`loop: the Go type **********string cannot be written as Avro's string`,
		`kind: the fields Kind and ID of plan_test.misfit have the same name`,
		`missing: the Go type plan_test.misfit has no field for it`,
	}, "; ")
	if diff := cmp.Diff(strings.Split(errorText(err), "; "), strings.Split(want, "; ")); diff != "" {
		t.Error(diff)
	}
	_, err = plan.NewDecoder(resolve.New(node, node), reflect.TypeFor[misfit](), nil, plan.Limits{})
	want = strings.Join([]string{
		`reading record M into plan_test.misfit: id: the Go type string cannot hold Avro's int`,
		`when: the Go type string cannot hold Avro's long (timestamp-millis)`,
		`inner.flag: the Go type int cannot hold Avro's boolean`,
		`list[]: the Go type chan int cannot hold Avro's string`,
		`map: the Go type map[int]string cannot hold Avro's map`,
		`union: the Go type string cannot hold Avro's int`,
		`union: the Go type string cannot hold Avro's long`,
		`span: the Go type time.Duration cannot hold Avro's long (timestamp-millis)`,
		`size: the Go type [3]uint8 cannot hold Avro's fixed F`,
		`loop: the Go type **********string cannot hold Avro's string`,
		`kind: the fields Kind and ID of plan_test.misfit have the same name`,
	}, "; ")
	if diff := cmp.Diff(strings.Split(errorText(err), "; "), strings.Split(want, "; ")); diff != "" {
		t.Error(diff)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestTypesThatCannotBePlannedAreErrors(t *testing.T) {
	t.Parallel()
	type dashed struct {
		A int `avro:"-,omitzero"`
	}
	type bracketed struct {
		A int `avro:"a,decimal(1"`
	}
	type inlined struct {
		A int `avro:",inline"`
	}
	type ring *ring
	record := `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`
	for name, tt := range map[string]struct {
		schema string
		typ    reflect.Type
		want   string
	}{
		"a dash with more":        {record, reflect.TypeFor[dashed](), "more than the dash"},
		"open brackets":           {record, reflect.TypeFor[bracketed](), "brackets"},
		"an inlined int":          {record, reflect.TypeFor[inlined](), "inline is for structs"},
		"a pointer to itself":     {`"int"`, reflect.TypeFor[ring](), "cannot be written"},
		"a record as an int":      {record, reflect.TypeFor[int](), "cannot be written"},
		"an interface of its own": {`"string"`, reflect.TypeFor[error](), "cannot be written"},
		"an ambiguous union":      {`["int","long"]`, reflect.TypeFor[int16](), "fits several branches"},
	} {
		_, err := plan.NewEncoder(parse(t, tt.schema), tt.typ, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, tt.want)
		}
	}
}
