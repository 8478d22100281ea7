package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry/dirlock"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/graph"
	"github.com/gokavro/gokavro/topology/internal/check"
	"github.com/gokavro/gokavro/topology/internal/replay"
	"github.com/gokavro/gokavro/topology/kafka"
)

const (
	// DefaultSide is the name of a side run that was given none.
	DefaultSide = "replay"
	// sideFolder is where a state folder keeps those of side runs.
	sideFolder = "side"
	// sideDropFlag removes a side run.
	sideDropFlag = "side-drop"
)

// sidePrefix goes before the names of what a side run writes.
func sidePrefix(name string) string { return name + "." }

// sideChars are those of a topic's name and of a folder's.
var sideChars = regexp.MustCompile(`^[a-zA-Z0-9_-]*$`)

// aside returns the configuration and the graph of a side run: as they are, but
// for the names of its group and of all that it writes.
func aside(cfg Config, g *graph.Graph) (Config, *graph.Graph, error) {
	if cfg.Side == "" {
		return cfg, g, nil
	}
	prefix := sidePrefix(cfg.Side)
	own := &graph.Graph{Name: prefix + g.Name, Nodes: slices.Clone(g.Nodes)}
	for i, n := range own.Nodes {
		if isWritten(n) {
			own.Nodes[i].Topic = prefix + n.Topic
		}
		if cfg.Until != "" {
			own.Nodes[i].Policy.Retry.Topic = false // nobody would see to what is parked at the end
		}
	}
	cfg.StateDir = filepath.Join(cfg.StateDir, sideFolder, cfg.Side)
	cfg.CreateTopics = 0 // production's are not for it to create
	return cfg, own, errors.Join(cfg.checkPositions(own), own.Validate())
}

func isWritten(n graph.Node) bool { return n.Kind == graph.Output || n.Kind == graph.Store }

// checkPositions makes sure that the positions name inputs only.
func (c Config) checkPositions(g *graph.Graph) error {
	var inputs []string
	for _, n := range g.Of(graph.Input) {
		inputs = append(inputs, c.TopicPrefix+n.Topic)
	}
	from, err := replay.ParseFrom(c.From)
	if err != nil {
		return fmt.Errorf("configuration: from is %w", err)
	}
	named := from.Topics()
	if c.Until != "" {
		until, err := replay.ParseUntil(c.Until)
		if err != nil {
			return fmt.Errorf("configuration: until is %w", err)
		}
		named = append(named, until.Topics()...)
	}
	for _, topic := range named {
		if !slices.Contains(inputs, topic) {
			return fmt.Errorf("configuration: from or until names topic %s, which is no input of the topology: it has %s", topic, strings.Join(inputs, ", "))
		}
	}
	return nil
}

// sideFaults says what is wrong with the settings of a side run.
func (c Config) sideFaults() []string {
	var faults []string
	if !sideChars.MatchString(c.Side) {
		faults = append(faults, fmt.Sprintf("side is %q: use letters, digits and _ - only", c.Side))
	}
	if c.From != "" {
		if _, err := replay.ParseFrom(c.From); err != nil {
			faults = append(faults, fmt.Sprintf("from is %v", err))
		}
	}
	if c.Until != "" {
		if _, err := replay.ParseUntil(c.Until); err != nil {
			faults = append(faults, fmt.Sprintf("until is %v", err))
		}
	}
	return faults
}

// writtenTopics returns what the topology writes, as it is to be created.
func (s *site) writtenTopics(partitions int32) []kafka.Topic {
	written := slices.DeleteFunc(s.group().Topics, func(t check.Topic) bool { return t.Role == check.Input || t.Role == check.Lookup })
	return s.cfg.topics(written, int(partitions))
}

// createSide creates the topics of a side run, with as many partitions as its
// inputs have, once it is known where it begins and ends.
func (r *Runner) createSide(ctx context.Context, site *site) error {
	if r.cfg.Side == "" {
		return nil
	}
	partitions, err := site.inputPartitions()
	if err != nil || partitions == 0 { // what is missing is said later, with all else
		return err
	}
	if err := replay.Check(r.sideRun(site)); err != nil && !errors.Is(err, kafka.ErrTopicNotFound) {
		return fmt.Errorf("side run %s: %w", r.cfg.Side, err)
	}
	created, err := site.kafka.CreateMissing(ctx, site.writtenTopics(partitions)...)
	if len(created) > 0 {
		r.cfg.Logger.Info("created topics", "topics", created, "partitions", partitions)
	}
	return err
}

// inputPartitions returns how many partitions the inputs have, 0 when there is
// none of them.
func (s *site) inputPartitions() (count int32, err error) {
	for _, n := range s.graph.Of(graph.Input) {
		found, err := s.kafka.Partitions(s.topic(n.Topic))
		if err != nil && !errors.Is(err, kafka.ErrTopicNotFound) {
			return 0, err
		}
		count = max(count, found)
	}
	return count, nil
}

// planned returns the number of partitions that a topic which is missing will
// have: that of the inputs for one of a side run's own, or of retries.
func (s *site) planned(topic string, missing int32) (int32, error) {
	if missing > 0 && s.isOfRetries(topic) {
		count, err := s.inputPartitions()
		return cmp.Or(count, missing), err
	}
	if s.cfg.Side == "" || !strings.HasPrefix(topic, sidePrefix(s.cfg.Side)) {
		return missing, nil
	}
	return s.inputPartitions()
}

// bound binds a codec. That of a side run may register schemas in subjects of its
// own alone: a codec can have one that production shares.
func (s *site) bound(codec bindable, b avro.Binding, written bool) codecs.Untyped {
	if s.cfg.Side == "" {
		return codec.Bind(b)
	}
	b.AutoRegister = written && !s.readOnly
	if made := codec.Bind(b); len(s.foreign(made)) == 0 {
		return made
	}
	b.AutoRegister = false
	return codec.Bind(b)
}

// willRegister tells of a check alone that a side run would register the schemas
// of a codec.
func (s *site) willRegister(codec any) bool {
	return s.readOnly && s.cfg.Side != "" && len(s.foreign(codec)) == 0
}

// foreign returns the subjects of a codec that are not a side run's own.
func (s *site) foreign(codec any) []string {
	var subjects []string
	for _, c := range schemaCodecs(codec) {
		if !s.isOwn(c.Subject()) {
			subjects = append(subjects, c.Subject())
		}
	}
	return subjects
}

func (s *site) isOwn(subject string) bool {
	return strings.HasPrefix(subject, s.topic(sidePrefix(s.cfg.Side)))
}

// alongside runs the topology; a side run begins and ends where it is told to.
func (r *Runner) alongside(ctx context.Context, site *site) error {
	if r.cfg.Side == "" {
		return r.run(ctx, site)
	}
	run, err := replay.Begin(ctx, r.sideRun(site))
	if err != nil {
		return fmt.Errorf("side run %s: %w: go on as it was begun, take another name with --side, or remove it with --side-drop", r.cfg.Side, err)
	}
	if r.ends = run.Ends(); r.ends == nil {
		return r.run(ctx, site)
	}
	bounded, stop := context.WithCancel(ctx)
	defer stop()
	began, reached := time.Now(), make(chan bool, 1)
	go func() {
		reached <- run.AwaitEnd(bounded)
		stop()
	}()
	err = r.run(bounded, site)
	stop()
	if !<-reached {
		return err
	}
	if _, fault := errors.AsType[*processorError](err); fault {
		return err
	}
	stats := r.Stats()
	r.cfg.Logger.Info("the side run has reached its end", "side", r.cfg.Side, "from", r.cfg.From, "until", r.cfg.Until,
		"in", stats.In, "out", stats.Out, "dead_letters", stats.DeadLetters, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

func (r *Runner) sideRun(site *site) replay.Config {
	cfg := replay.Config{
		Client: site.kafka, Group: site.topic(r.graph.Name), Dir: r.cfg.StateDir, From: r.cfg.From, Until: r.cfg.Until,
	}
	for _, n := range r.graph.Of(graph.Input) {
		cfg.Topics = append(cfg.Topics, site.topic(n.Topic))
	}
	for _, topic := range site.writtenTopics(1) {
		cfg.Written = append(cfg.Written, topic.Name)
	}
	return cfg
}

// DropSide deletes all that a side run has made: its consumer group, its topics
// with their schemas' subjects, and its state folder. It is refused while a
// process of it runs. Production is left alone.
func (r *Runner) DropSide(ctx context.Context) error {
	if r.cfg.Side == "" {
		return errors.New("dropping a side run: it has no name: give --side NAME")
	}
	lock, err := dirlock.Take(r.cfg.StateDir)
	if err != nil {
		return fmt.Errorf("dropping side run %s: its state folder %s cannot be taken: %w: stop its process first", r.cfg.Side, r.cfg.StateDir, err)
	}
	err = r.dropSide(ctx)
	return errors.Join(err, lock.Release())
}

func (r *Runner) dropSide(ctx context.Context) error {
	site, err := r.connect(ctx)
	if err != nil {
		return err
	}
	defer site.close()
	if err := site.kafka.DeleteGroup(site.topic(r.graph.Name)); err != nil {
		return err
	}
	var topics []string
	for _, topic := range site.writtenTopics(1) {
		topics = append(topics, topic.Name)
	}
	if _, err := site.kafka.DeleteTopics(ctx, topics...); err != nil {
		return err
	}
	site.readOnly = true
	site.bind()
	for _, subject := range site.subjects() {
		if !site.isOwn(subject) {
			continue
		}
		if err := site.registry.Delete(ctx, subject); err != nil {
			return err
		}
	}
	return os.RemoveAll(r.cfg.StateDir)
}

func runSideDrop(ctx context.Context, t *topology.Topology, cfg Config, stdout io.Writer) error {
	r, err := New(t, cfg)
	if err != nil {
		return err
	}
	if err := r.DropSide(ctx); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "side run %s is removed: group, topics, subjects and state\n", r.cfg.Side)
	return nil
}

// sideFault says what is wrong with a flag of a side run.
func sideFault(name, text string) string {
	if text == "" {
		return fmt.Sprintf("--%s is empty: give a value, or leave it out", name)
	}
	cfg := Config{}
	*map[string]*string{"side": &cfg.Side, "from": &cfg.From, "until": &cfg.Until}[name] = text
	return strings.Join(cfg.sideFaults(), "; ")
}
