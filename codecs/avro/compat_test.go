package avro_test

import (
	"strings"
	"testing"

	"github.com/gokavro/gokavro/codecs/avro"
)

func TestCompatibleTellsAllFaults(t *testing.T) {
	t.Parallel()
	writer := record("R", `{"name":"a","type":"string"},{"name":"b","type":{"type":"array","name":"ignored","items":"long"}}`)
	reader := record("R", `{"name":"a","type":"int"},{"name":"b","type":{"type":"array","items":"int"}},{"name":"c","type":"int"}`)
	var got []string
	for _, fault := range avro.Compatible(mustParse(t, writer), mustParse(t, reader)) {
		got = append(got, fault.Path+" "+fault.Kind)
	}
	want := "a TYPE_MISMATCH, b[] TYPE_MISMATCH, c READER_FIELD_MISSING_DEFAULT_VALUE"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
	}
}

func TestCheckLevelTellsTheVersionAndWhoReads(t *testing.T) {
	t.Parallel()
	history := []*avro.ParsedSchema{mustParse(t, `"string"`), mustParse(t, `"int"`)}
	tests := []struct {
		level string
		want  []string
	}{
		{"NONE", nil},
		{"backward", nil},
		{"FORWARD", []string{"1 true the older schema cannot read the new one's records: "}},
		{"BACKWARD_TRANSITIVE", []string{"0 false the new schema cannot read the older one's records: "}},
		{"FULL_TRANSITIVE", []string{"0 false the new", "0 true the older", "1 true the older"}},
	}
	for _, tt := range tests {
		t.Run(tt.level, func(t *testing.T) {
			t.Parallel()
			level, err := avro.ParseLevel(tt.level)
			if err != nil {
				t.Fatal(err)
			}
			found := avro.CheckLevel(level, mustParse(t, `"long"`), history)
			if len(found) != len(tt.want) {
				t.Fatalf("got %v, want %d faults", found, len(tt.want))
			}
			for i, fault := range found {
				forward := "false "
				if fault.Forward {
					forward = "true "
				}
				if got := string(rune('0'+fault.Version)) + " " + forward + fault.String(); !strings.HasPrefix(got, tt.want[i]) {
					t.Errorf("got %s, want %s", got, tt.want[i])
				}
			}
		})
	}
	if _, err := avro.ParseLevel("SOME"); err == nil {
		t.Error("an unknown level: got no error")
	}
}
