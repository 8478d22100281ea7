package runner_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// request is a kind of request that a running processor sends.
type request struct {
	key kmsg.Key
	// refused is an error that the broker may answer.
	refused *kerr.Error
	// anew is set for requests that come only when the engine starts over.
	anew bool
	// only is the delivery that sends it, empty for both.
	only runner.Delivery
}

func requests() []request {
	return []request{
		{key: kmsg.Produce, refused: kerr.NotLeaderForPartition},
		{key: kmsg.Fetch, refused: kerr.NotLeaderForPartition},
		{key: kmsg.ListOffsets, refused: kerr.NotLeaderForPartition, anew: true},
		{key: kmsg.Metadata, refused: kerr.LeaderNotAvailable, anew: true},
		{key: kmsg.FindCoordinator, refused: kerr.CoordinatorLoadInProgress, anew: true},
		{key: kmsg.JoinGroup, refused: kerr.NotCoordinator, anew: true},
		{key: kmsg.SyncGroup, refused: kerr.NotCoordinator, anew: true},
		{key: kmsg.Heartbeat, refused: kerr.NotCoordinator},
		{key: kmsg.OffsetFetch, refused: kerr.CoordinatorLoadInProgress, anew: true},
		{key: kmsg.ApiVersions, refused: kerr.UnknownServerError, anew: true},
		{key: kmsg.InitProducerID, refused: kerr.CoordinatorLoadInProgress, anew: true},
		{key: kmsg.OffsetCommit, refused: kerr.NotCoordinator, only: runner.AtLeastOnce},
		{key: kmsg.AddPartitionsToTxn, refused: kerr.ConcurrentTransactions, only: runner.ExactlyOnce},
		{key: kmsg.AddOffsetsToTxn, refused: kerr.NotCoordinator, only: runner.ExactlyOnce},
		{key: kmsg.TxnOffsetCommit, refused: kerr.CoordinatorLoadInProgress, only: runner.ExactlyOnce},
		{key: kmsg.EndTxn, refused: kerr.CoordinatorNotAvailable, only: runner.ExactlyOnce},
	}
}

// trouble is what befalls a request.
type trouble struct {
	name string
	devstack.Trouble
}

func (r request) troubles() []trouble {
	return []trouble{
		{"refused", devstack.Trouble{Code: r.refused.Code}},
		{"failed", devstack.Trouble{Code: kerr.UnknownServerError.Code}},
		{"delayed", devstack.Trouble{Hold: func() { <-time.After(150 * time.Millisecond) }}},
		{"cut", devstack.Trouble{Cut: true}},
	}
}

// isShared reports whether those that read and write for the test send the
// request too.
func (r request) isShared() bool {
	return slices.Contains([]kmsg.Key{kmsg.Fetch, kmsg.ListOffsets, kmsg.Metadata}, r.key)
}

// TestTroubleWithARequestPasses lets trouble come over each kind of request of a
// runner that is at work: a different one over each, or, in the long form, all
// over all.
func TestTroubleWithARequestPasses(t *testing.T) {
	t.Parallel()
	for _, delivery := range []runner.Delivery{runner.ExactlyOnce, runner.AtLeastOnce} {
		t.Run(string(delivery), func(t *testing.T) {
			t.Parallel()
			f := startTroubled(t, delivery)
			for i, r := range requests() {
				if r.only != "" && r.only != delivery {
					continue
				}
				all := r.troubles()
				if !*allTroubles {
					all = all[i%len(all) : i%len(all)+1]
				}
				for _, trouble := range all {
					f.befall(t, r, trouble)
				}
			}
			f.awaitState(t, runner.Running, "")
			f.stop(t)
			if delivery == runner.ExactlyOnce {
				f.checkCounts(t, int64(f.rounds))
			}
		})
	}
}

var allTroubles = flag.Bool("runner.troubles", false, "let every trouble come over every kind of request")

// troubled is a runner that is to meet troubles.
type troubled struct {
	*testBundle
	*running
	runner   *runner.Runner
	delivery runner.Delivery
	rounds   int
}

func startTroubled(t *testing.T, delivery runner.Delivery) *troubled {
	t.Helper()
	f := &troubled{testBundle: setup(t, devstack.Config{}), delivery: delivery}
	cfg := f.config(t)
	cfg.Delivery = delivery
	var err error
	if f.runner, err = runner.New(counting(), cfg); err != nil {
		t.Fatal(err)
	}
	f.running = run(t, f.runner).awaitReady(t)
	return f
}

// befall writes a round while the runner leaves it, brings the trouble about,
// and has the runner go on.
func (f *troubled) befall(t *testing.T, r request, trouble trouble) {
	t.Helper()
	began := time.Now()
	if err := f.runner.Pause("in"); err != nil {
		t.Fatal(err)
	}
	f.round(t, f.rounds)
	f.rounds++
	trouble.APIKey, trouble.Times = int16(r.key), 2
	hits := f.stack.Disturb(trouble.Trouble)
	if r.anew {
		f.stack.Disturb(devstack.Trouble{APIKey: commits(f.delivery), Times: 1, Code: kerr.UnknownServerError.Code})
	}
	if err := f.runner.Resume("in"); err != nil {
		t.Fatal(err)
	}
	kafkatest.Await(t, fmt.Sprintf("%s %s", r.key.Name(), trouble.name), func() bool { return hits() == trouble.Times || hits() > 0 && !r.isShared() })
	f.awaitRounds(t, f.rounds, f.delivery)
	t.Logf("%s %s: over after %s", r.key.Name(), trouble.name, time.Since(began).Round(time.Millisecond))
}

// commits is the request that ends a commit.
func commits(d runner.Delivery) int16 {
	if d == runner.AtLeastOnce {
		return int16(kmsg.OffsetCommit)
	}
	return int16(kmsg.EndTxn)
}
