package runner_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
)

// copied writes each point as it is, under a subject that the record names.
func copied(opts ...avro.Option) func() *topology.Topology {
	return func() *topology.Topology {
		t := topology.New("points")
		in := topology.Input(t, "in", avro.Typed[point](avro.Namespace("test")))
		topology.Each(in, "copy", func(in processors.Record[point], _ *processors.Row[processors.None], emit func(point)) error {
			emit(in.Value)
			return nil
		}).To("out", avro.Typed[point](append([]avro.Option{avro.Namespace("test")}, opts...)...))
		return t
	}
}

func TestACodecsStrategyNamesTheSubjectOfItsTopic(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		names avro.SubjectNames
		want  string
	}{
		{"topic", avro.TopicName, "out-value"},
		{"record", avro.RecordName, "test.point"},
		{"topic and record", avro.TopicRecordName, "out-test.point"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, devstack.Config{})
			start(t, copied(avro.SubjectStrategy(tt.names))(), b.config(t)).awaitReady(t).stop(t)
			got, err := b.registry(t).Subjects(t.Context())
			if err != nil || !slices.Contains(got, tt.want) {
				t.Errorf("got %v and %v, want %s among them", got, err, tt.want)
			}
		})
	}
}

func TestUseLatestWritesOutputsWithTheNewestSchema(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	client := b.registry(t)
	own, err := client.Register(t.Context(), "in-value", schemaV1)
	if err != nil {
		t.Fatal(err)
	}
	newest, err := client.Register(t.Context(), "out-value",
		`{"type":"record","name":"point","namespace":"test","fields":[{"name":"y","type":"string","default":"n"},{"name":"x","type":"long"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	cfg := b.config(t)
	cfg.UseLatest = true
	r := start(t, copied()(), cfg).awaitReady(t)
	b.write(t, kafka.Record{Topic: "in", Partition: 0, Key: []byte("k"), Value: append(avro.AppendConfluent(nil, own.ID), 2)})
	want := string(append(avro.AppendConfluent(nil, newest.ID), 2, 'n', 2))
	if diff := cmp.Diff(b.awaitValues(t, "out", 1), []string{want}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
	r.stop(t)
}
