package runner_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

func TestStateStaysInThePartitionOfItsRecords(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 4, "in")
	var first, second []kafka.Record
	var wantFirst, want []string
	places := map[string]int32{}
	for i := range 20 {
		// Most keys are away from the partition that their hash names.
		key := fmt.Sprintf("k%02d", i)
		places[key] = int32(i % 4)
		in := kafka.Record{Topic: "in", Partition: places[key], Key: []byte(key), Value: []byte("v")}
		first, second = append(first, in, in), append(second, in)
		wantFirst = append(wantFirst, key+" v=1", key+" v=2")
		want = append(want, key+" v=1", key+" v=2", key+" v=3")
	}
	b.write(t, first...)
	cfg := b.config(t)
	cfg.Partitioner = runner.AnyPartitioner
	r := start(t, counting(), cfg)
	if diff := cmp.Diff(b.awaitValues(t, "out", len(wantFirst)), wantFirst); diff != "" {
		t.Fatalf("first run (-got +want): %s", diff)
	}
	r.stop(t)
	for _, row := range b.read(t, "counts") {
		if row.Partition != places[string(row.Key)] {
			t.Errorf("got the row of %s in partition %d, want it in %d", row.Key, row.Partition, places[string(row.Key)])
		}
	}
	b.write(t, second...)
	cfg.StateDir = t.TempDir()
	r = start(t, counting(), cfg)
	if diff := cmp.Diff(b.awaitValues(t, "out", len(want)), want); diff != "" {
		t.Errorf("second run, with an empty state folder (-got +want): %s", diff)
	}
	r.stop(t)
}

func TestWhatIsWrittenCarriesTheTimeOfItsInput(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	began := time.Now().Truncate(time.Millisecond)
	r := start(t, counting(), b.config(t)).awaitReady(t)
	at := time.UnixMilli(1_000_000_000_123)
	for i, value := range []string{"x", ""} { // the empty one has a value, and none is a dead letter
		in := record("in", "k", value)
		in.Time = at.Add(time.Duration(i) * time.Hour)
		b.write(t, in)
	}
	b.write(t, kafka.Record{Topic: "in", Partition: -1, Key: []byte("k"), Time: at})
	b.awaitValues(t, "out", 2)
	b.awaitValues(t, "count-dead-letters", 1)
	r.stop(t)
	want := []time.Time{at, at.Add(time.Hour)}
	for _, topic := range []string{"out", "counts"} {
		var got []time.Time
		for _, r := range b.read(t, topic) {
			got = append(got, r.Time)
			if len(r.Headers) > 0 {
				t.Errorf("topic %s: got headers %v, want none", topic, r.Headers)
			}
		}
		if topic == "counts" { // of the changes that one commit takes there is only the last
			got, want = got[len(got)-1:], want[1:]
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("topic %s: times (-got +want): %s", topic, diff)
		}
	}
	// Retention goes by it: the letter of an old record would not be kept at all.
	if letter := b.read(t, "count-dead-letters")[0]; letter.Time.Before(began) {
		t.Errorf("got the dead letter at %s, want it when the record failed", letter.Time)
	}
	if diff := cmp.Diff(r.Stats(), runner.Stats{In: 3, Out: 2, DeadLetters: 1}); diff != "" {
		t.Errorf("statistics (-got +want): %s", diff)
	}
}

func TestARunnerOutlivesItsBroker(t *testing.T) {
	t.Parallel()
	cfg := devstack.Config{Dir: t.TempDir()}
	b := setup(t, cfg)
	cfg.KafkaAddr = b.stack.Brokers()[0]
	cfg.RegistryAddr = strings.TrimPrefix(b.stack.RegistryURL(), "http://")
	b.topics(t, 4, "in")
	const batch = 3000
	want := map[string]bool{}
	fill := func(name string) {
		var records []kafka.Record
		for i := range batch {
			value := fmt.Sprintf("%s%04d", name, i)
			records = append(records, record("in", strconv.Itoa(i%50), value))
			want[value] = true
		}
		b.write(t, records...)
	}
	fill("before")
	r := start(t, counting(), b.config(t))
	kafkatest.Await(t, "the first outputs", func() bool { return r.Stats().Out > 0 })
	for round := range 2 {
		if err := b.stack.Close(); err != nil {
			t.Fatal(err)
		}
		b.start(t, cfg)
		fill(fmt.Sprintf("round%d-", round))
	}
	got := map[string]int{}
	kafkatest.Await(t, "every output", func() bool {
		clear(got)
		for _, value := range b.values(t, "out") {
			_, rest, _ := strings.Cut(value, " ")
			text, _, _ := strings.Cut(rest, "=")
			got[text]++
		}
		return len(got) == len(want)
	})
	r.stop(t)
	for value := range want {
		if got[value] == 0 {
			t.Errorf("%s is lost", value)
		}
	}
}

func TestRunnersShareThePartitions(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	stays := start(t, counting(), b.config(t)).awaitReady(t)
	leaves := start(t, counting(), b.config(t)).awaitReady(t)
	n := 0
	more := func() {
		var records []kafka.Record
		for partition := range int32(4) {
			records = append(records, kafka.Record{Topic: "in", Partition: partition, Key: fmt.Append(nil, "k", partition), Value: []byte("v")})
		}
		b.write(t, records...)
		n += len(records)
		b.awaitValues(t, "out", n)
	}
	kafkatest.Await(t, "both to take part", func() bool {
		more()
		return stays.Stats().Out > 0 && leaves.Stats().Out > 0
	})
	leaves.stop(t)
	more()
	stays.stop(t)
	if got := stays.Stats().In + leaves.Stats().In; got != int64(n) {
		t.Errorf("got %d records taken by the two, want %d", got, n)
	}
	counts := map[string]string{}
	for _, value := range b.values(t, "out") {
		counts[value] = ""
	}
	if len(counts) != n {
		t.Errorf("got %d different outputs, want %d: the counts did not go on", len(counts), n)
	}
}

func TestALookupTableIsFollowed(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 2, "names")
	b.write(t, record("names", "a", "Anna"), record("names", "b", "Bert"))
	r := start(t, counting(), b.config(t)).awaitReady(t)
	b.write(t, record("in", "a", "x"), record("in", "b", "x"))
	got := b.awaitValues(t, "out", 2)
	if diff := cmp.Diff(got, []string{"a x=1 Anna", "b x=1 Bert"}); diff != "" {
		t.Errorf("as loaded (-got +want): %s", diff)
	}
	b.write(t, record("names", "a", "Alma"), kafka.Record{Topic: "names", Partition: -1, Key: []byte("b")})
	awaitOutput := func(key, end string, present bool) {
		kafkatest.Await(t, fmt.Sprintf("%s to be followed by %q: %t", key, end, present), func() bool {
			n := len(b.values(t, "out"))
			b.write(t, record("in", key, "y"))
			b.awaitValues(t, "out", n+1)
			last := ""
			for _, r := range b.read(t, "out") {
				if string(r.Key) == key {
					last = string(r.Value)
				}
			}
			return strings.HasSuffix(last, end) == present
		})
	}
	awaitOutput("a", " Alma", true)
	awaitOutput("b", " Bert", false)
	r.stop(t)
}

func TestARowThatDoesNotDecodeEndsTheRun(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 1, "in")
	kafkatest.Create(t, b.client, kafka.Topic{Name: "counts", Partitions: 1, Compact: true})
	b.write(t, record("counts", "k", "short"), record("in", "k", "x"))
	cfg := b.config(t)
	cfg.CreateTopics = 1
	err := start(t, counting(), cfg).end(t)
	if err == nil {
		t.Fatal("got no error, want one that names record and store")
	}
	for _, part := range []string{"record in/0 at offset 0", `key "k"`, "store counts"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q in it", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "goroutine") {
		t.Errorf("got %q, want one line", err)
	}
}

func TestAStopThatIsStuckIsGivenUp(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	entered, release := make(chan string, 1), make(chan struct{})
	cfg := b.config(t)
	cfg.StopTimeout = 300 * time.Millisecond
	r := start(t, blocking(func(value string) {
		entered <- value
		<-release
	}), cfg)
	b.topics(t, 4, "in")
	r.awaitReady(t)
	b.write(t, record("in", "k", "x"))
	<-entered
	r.cancel()
	if err := r.end(t); err == nil || !strings.Contains(err.Error(), "did not stop within 300ms") {
		t.Errorf("got %v, want an error that names the bound", err)
	}
	if err := start(t, counting(), cfg).end(t); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v from a runner on the same folder, want it kept from the one that is stuck", err)
	}
	close(release)
	start(t, counting(), b.config(t)).awaitReady(t).stop(t)
	if got := b.values(t, "out"); len(got) > 1 {
		t.Errorf("got %v, want only what the record's next owner made of it", got)
	}
}

func TestARunnerRunsOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	r := start(t, counting(), b.config(t)).awaitReady(t)
	if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("got %v from a second Run, want an error", err)
	}
	r.stop(t)
}

func TestARunThatIsEndedBeforeItIsReadyIsNoError(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", devstack.DefaultAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	silent := listener.Addr().String()
	for name, edit := range map[string]func(*runner.Config){
		"all up":            func(*runner.Config) {},
		"brokers silent":    func(c *runner.Config) { c.Brokers = []string{silent} },
		"a silent registry": func(c *runner.Config) { c.Registry = []string{"http://" + silent} },
	} {
		for _, after := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond} {
			cfg := b.config(t)
			edit(&cfg)
			r, err := runner.New(counting(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), after)
			begin := time.Now()
			err = r.Run(ctx)
			cancel()
			if err != nil || time.Since(begin) > 10*time.Second {
				t.Errorf("%s, ended after %s: got %v after %s, want nil at once", name, after, err, time.Since(begin))
			}
		}
	}
}

func TestARunThatIsEndedWhileASchemaIsRegisteredIsNoError(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	address, err := url.Parse(b.stack.RegistryURL())
	if err != nil {
		t.Fatal(err)
	}
	registry := httputil.NewSingleHostReverseProxy(address)
	hangs := make(chan struct{}, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/versions") {
			registry.ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // so that the server sees the client's end
		select {
		case hangs <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	}))
	defer proxy.Close()
	cfg := b.config(t)
	cfg.Registry = []string{proxy.URL}
	r := start(t, counting(), cfg)
	select {
	case <-hangs:
	case err := <-r.done:
		t.Fatalf("got %v, want a run that waits for the registry", err)
	case <-time.After(kafkatest.Patience):
		t.Fatal("nothing was registered")
	}
	r.stop(t)
}

func TestAStateFolderIsForOneRunner(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	cfg := b.config(t)
	r := start(t, counting(), cfg).awaitReady(t)
	err := start(t, counting(), cfg).end(t)
	if err == nil || !strings.Contains(err.Error(), cfg.StateDir) || !strings.Contains(err.Error(), "--state") {
		t.Errorf("got %v, want an error that names folder and flag", err)
	}
	r.stop(t)
	start(t, counting(), cfg).awaitReady(t).stop(t)
}

func TestCheckListsTopicsAndSchemasTogether(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	b.topics(t, 2, "in")
	b.topics(t, 3, "counts")
	r, err := runner.New(counting(), b.config(t))
	if err != nil {
		t.Fatal(err)
	}
	err = r.Check(t.Context())
	if err == nil {
		t.Fatal("got no error")
	}
	for _, part := range []string{`"in": 2`, `"counts": 3`, `"out"`, `"names"`, `"count-dead-letters"`, "count-dead-letters-value"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q in it", err, part)
		}
	}
	if _, err := b.client.Partitions("out"); !errors.Is(err, kafka.ErrTopicNotFound) {
		t.Errorf("got %v for a topic, want it not created", err)
	}
	if err := start(t, counting(), b.config(t)).end(t); err == nil || !strings.Contains(err.Error(), `"in": 2`) {
		t.Errorf("got %v from Run, want the sizes", err)
	}
	if _, err := b.client.Partitions("out"); !errors.Is(err, kafka.ErrTopicNotFound) {
		t.Errorf("got %v for a topic, want none created beside those of other sizes", err)
	}
}

func TestATopicPrefixKeepsCopiesApart(t *testing.T) {
	t.Parallel()
	b := setup(t, devstack.Config{})
	var runs []*running
	for _, prefix := range []string{"", "copy."} {
		cfg := b.config(t)
		cfg.TopicPrefix = prefix
		runs = append(runs, start(t, counting(), cfg).awaitReady(t))
		b.write(t, record(prefix+"in", "k", "to "+prefix))
	}
	got := slices.Concat(b.awaitValues(t, "out", 1), b.awaitValues(t, "copy.out", 1))
	for _, r := range runs {
		r.stop(t)
	}
	if diff := cmp.Diff(got, []string{"k to =1", "k to copy.=1"}); diff != "" {
		t.Errorf("outputs (-got +want): %s", diff)
	}
}
