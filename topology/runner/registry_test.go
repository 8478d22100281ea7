package runner_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/processors"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
)

type point struct {
	X int64 `avro:"x"`
}

// points writes the x of each point.
func points() *topology.Topology {
	t := topology.New("points")
	in := topology.Input(t, "in", avro.Typed[point](avro.Namespace("test")))
	topology.Each(in, "text", func(in processors.Record[point], _ *processors.Row[processors.None], emit func(string)) error {
		emit(strconv.FormatInt(in.Value.X, 10))
		return nil
	}).To("out", codecs.String())
	return t
}

// schemaV1 is a point's own schema.
const schemaV1 = `{"type":"record","name":"point","namespace":"test","fields":[{"name":"x","type":"long"}]}`

// schemas are two versions of a point, and their records of x = 1 and x = 2.
var schemas = [...]string{
	schemaV1,
	`{"type":"record","name":"point","namespace":"test","fields":[{"name":"x","type":"int"},{"name":"y","type":"int","default":0}]}`,
}

func register(t *testing.T, url string) (ids [2]int) {
	t.Helper()
	client, err := registry.New(registry.Config{URLs: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	for i, schema := range schemas {
		found, err := client.Register(t.Context(), fmt.Sprintf("version-%d", i), schema)
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = found.ID
	}
	return ids
}

func TestRecordsWaitForARegistryThatIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{NoRegistry: true})
	schemaCfg := devstack.Config{NoKafka: true, Dir: t.TempDir()}
	schemaStack, err := devstack.Start(t.Context(), schemaCfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = schemaStack.Close() })
	ids := register(t, schemaStack.RegistryURL())
	known := kafka.Record{Topic: "in", Partition: 0, Key: []byte("k"), Value: append(avro.AppendConfluent(nil, ids[0]), 2)}
	fresh := kafka.Record{Topic: "in", Partition: 1, Key: []byte("k"), Value: append(avro.AppendConfluent(nil, ids[1]), 4, 0)}
	cfg := b.config(t)
	cfg.Registry = []string{schemaStack.RegistryURL()}
	cfg.DialTimeout = time.Second // how long one try to ask the registry takes
	r := start(t, points(), cfg).awaitReady(t)
	b.write(t, known)
	b.awaitValues(t, "out", 1)

	if err := schemaStack.Close(); err != nil {
		t.Fatal(err)
	}
	b.write(t, fresh, known)
	kafkatest.Await(t, "the record to wait", func() bool { return b.log.has("waiting for the schema registry") })
	if got := b.awaitValues(t, "out", 2); len(got) != 2 {
		t.Errorf("got %v, want the schema that is known to go on, and the other to wait", got)
	}
	schemaCfg.RegistryAddr = strings.TrimPrefix(schemaStack.RegistryURL(), "http://")
	if schemaStack, err = devstack.Start(t.Context(), schemaCfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = schemaStack.Close() })
	if diff := cmp.Diff(b.awaitValues(t, "out", 3), []string{"1", "1", "2"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
	r.stop(t)
	if stats := r.Stats(); stats.DeadLetters != 0 {
		t.Errorf("got %d dead letters, want none", stats.DeadLetters)
	}
}

func TestARunnerThatWaitsForTheRegistryStopsAndTheRecordIsTakenAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{NoRegistry: true})
	schemaCfg := devstack.Config{NoKafka: true, Dir: t.TempDir()}
	schemaStack, err := devstack.Start(t.Context(), schemaCfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = schemaStack.Close() })
	ids := register(t, schemaStack.RegistryURL())
	cfg := b.config(t)
	cfg.Registry = []string{schemaStack.RegistryURL()}
	cfg.DialTimeout = time.Second // how long one try to ask the registry takes
	r := start(t, points(), cfg).awaitReady(t)
	if err := schemaStack.Close(); err != nil {
		t.Fatal(err)
	}
	b.write(t, kafka.Record{Topic: "in", Partition: 1, Key: []byte("k"), Value: append(avro.AppendConfluent(nil, ids[1]), 4, 0)})
	kafkatest.Await(t, "the record to wait", func() bool { return b.log.has("waiting for the schema registry") })
	r.stop(t)
	if got := b.values(t, "out"); len(got) > 0 {
		t.Errorf("got %v, want nothing", got)
	}
	schemaCfg.RegistryAddr = strings.TrimPrefix(schemaStack.RegistryURL(), "http://")
	if schemaStack, err = devstack.Start(t.Context(), schemaCfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = schemaStack.Close() })
	r = start(t, points(), cfg)
	if diff := cmp.Diff(b.awaitValues(t, "out", 1), []string{"2"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
	r.stop(t)
}

func TestARecordThatWaitsForTheRegistryOutlastsARebalance(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{NoRegistry: true})
	schemaCfg := devstack.Config{NoKafka: true, Dir: t.TempDir()}
	schemaStack, err := devstack.Start(t.Context(), schemaCfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = schemaStack.Close() })
	ids := register(t, schemaStack.RegistryURL())
	begin := func(to *log) *running {
		cfg := b.config(t)
		cfg.Registry, cfg.DialTimeout = []string{schemaStack.RegistryURL()}, time.Second
		cfg.Logger = slog.New(slog.NewTextHandler(to, nil))
		return start(t, points(), cfg).awaitReady(t)
	}
	waits := func(l *log, partition int) bool {
		return l.has(fmt.Sprintf(`msg="waiting for the schema registry" topic=in partition=%d `, partition))
	}
	var staying, leaving log
	stays, leaves := begin(&staying), begin(&leaving)
	if err := schemaStack.Close(); err != nil {
		t.Fatal(err)
	}
	for partition := range int32(4) {
		b.write(t, kafka.Record{Topic: "in", Partition: partition, Key: []byte("k"), Value: append(avro.AppendConfluent(nil, ids[1]), 4, 0)})
	}
	all := []int{0, 1, 2, 3}
	kafkatest.Await(t, "all to wait, in both processes", func() bool {
		return !slices.ContainsFunc(all, func(p int) bool { return !waits(&staying, p) && !waits(&leaving, p) }) &&
			slices.ContainsFunc(all, func(p int) bool { return waits(&leaving, p) })
	})
	leaves.stop(t)
	kafkatest.Await(t, "the other to take over", func() bool {
		return !slices.ContainsFunc(all, func(p int) bool { return !waits(&staying, p) })
	})
	schemaCfg.RegistryAddr = strings.TrimPrefix(schemaStack.RegistryURL(), "http://")
	if schemaStack, err = devstack.Start(t.Context(), schemaCfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = schemaStack.Close() })
	if diff := cmp.Diff(b.awaitValues(t, "out", 4), []string{"2", "2", "2", "2"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
	stays.stop(t)
}

func TestMissingSchemasAreAnErrorUnlessTheyMayBeRegistered(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 2, "in", "out", "points-dead-letters")
	cfg := b.config(t)
	cfg.CreateTopics = 0
	err := start(t, points(), cfg).end(t)
	if err == nil || !strings.Contains(err.Error(), "points-dead-letters-value") {
		t.Errorf("got %v, want the subject that is missing", err)
	}
	cfg.AutoRegister = true
	start(t, points(), cfg).awaitReady(t).stop(t)
	cfg.AutoRegister = false
	start(t, points(), cfg).awaitReady(t).stop(t)
}
