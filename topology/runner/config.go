package runner

import (
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Defaults of [Config].
const (
	// DefaultStateDir is the folder for the state's files.
	DefaultStateDir = "state"
	// DefaultDialTimeout is how long brokers and registry are tried.
	DefaultDialTimeout = 20 * time.Second
	// DefaultStopTimeout bounds a graceful stop.
	DefaultStopTimeout = 30 * time.Second
	// DefaultLogLevel is the level of [Main]'s logger.
	DefaultLogLevel = "info"

	clientPrefix = "gokavro-"
	maxStandby   = 10
)

// Delivery is what a crash may do to records.
type Delivery string

const (
	// ExactlyOnce commits what a record did, its outputs, its changes of the state
	// and the offset behind it, in one transaction. Whoever reads the outputs with
	// isolation.level=read_committed sees each once. It is Kafka Streams'
	// processing.guarantee=exactly_once_v2.
	ExactlyOnce Delivery = "exactly_once"
	// AtLeastOnce writes outputs and changes at once and the offsets after them: a
	// crash repeats what came after the last offsets, in the state too.
	AtLeastOnce Delivery = "at_least_once"
)

func (d Delivery) known() bool { return d == ExactlyOnce || d == AtLeastOnce }

// Partitioner is how a key's partition is chosen.
type Partitioner string

const (
	// Murmur2 is how Java's clients and Kafka Connect choose. See [kafka.NewHasher].
	Murmur2 Partitioner = "murmur2"
	// FNV1a is how goka and sarama choose.
	FNV1a Partitioner = "fnv1a"
	// AnyPartitioner leaves out the check of the inputs' keys, for producers with a
	// way of their own; what is written is placed as by default.
	AnyPartitioner Partitioner = "any"
)

func (p Partitioner) known() bool { return p == Murmur2 || p == FNV1a || p == AnyPartitioner }

// prefixChars are the characters that Kafka allows in a topic's name.
var prefixChars = regexp.MustCompile(`^[a-zA-Z0-9._-]*$`)

// Config says where a topology runs. The same keys are used in a file
// (snake_case), the environment (GOKAVRO_ and upper case) and flags (dashes).
type Config struct {
	// Brokers are Kafka's addresses, host:port. At least one is needed.
	Brokers []string
	// Registry holds the schema registry's URLs. At least one is needed, unless
	// there is a Bundle.
	Registry []string
	// RegistryUser and RegistryPassword sign in to the registry with HTTP basic
	// authentication. RegistryToken is a bearer token in their place. Default:
	// none.
	RegistryUser, RegistryPassword, RegistryToken string
	// RegistryCAFile is a PEM file with the authorities that sign the registry's
	// certificate. Default: the system's.
	RegistryCAFile string
	// RegistryCertFile and RegistryKeyFile are PEM files with the certificate and
	// the key that are shown to the registry. Default: none.
	RegistryCertFile, RegistryKeyFile string
	// Bundle is a file of `gokavro schema bundle` or --bundle-out, to run from
	// while the registry is down. Default: none.
	Bundle string
	// StateDir is the folder for the state's files; one process at a time may
	// use it. Default: "state" below the working directory.
	StateDir string
	// CreateTopics is the number of partitions that missing topics are created
	// with, 10,000 at most; their missing schemas are registered as well.
	// Default 0: both must be there.
	CreateTopics int
	// AutoRegister registers missing schemas of what the topology writes, without
	// creating topics. Default: off.
	AutoRegister bool
	// UseLatest writes outputs with the newest schemas of their subjects, see
	// avro.UseLatest. Default: off.
	UseLatest bool
	// Normalize has the registry compare and keep schemas in their normal form.
	// Default: off.
	Normalize bool
	// TopicPrefix goes before the name of every topic and of the consumer group,
	// so that several copies of a topology can share a cluster. Default: none.
	TopicPrefix string
	// Replication is the replication factor of topics that are created, and what
	// less than is warned of. Default 0: the broker's, and a warning below 3 where
	// there are 3 brokers.
	Replication int
	// MinInsyncReplicas is min.insync.replicas of topics that are created, and what
	// less than is warned of. Default 0: the broker's, and a warning below 2 where
	// there are 3 replicas.
	MinInsyncReplicas int
	// Partitioner chooses the partitions of what is written, and is what the keys of
	// the inputs are held against at the start: [Murmur2], [FNV1a] or
	// [AnyPartitioner]. Default: Murmur2; for a hand-written goka group FNV1a,
	// unless its inputs' keys are where Murmur2 puts them.
	Partitioner Partitioner
	// Strict makes a refusal of each warning of the checks before the start.
	// Default: off.
	Strict bool
	// Delivery is exactly_once or at_least_once. Default exactly_once.
	Delivery Delivery
	// Side is the name of a run beside production: a dot behind it, it goes before
	// the names of the consumer group and of all that the topology writes, while
	// inputs and lookup tables are production's. Its state is in a folder of
	// StateDir, and what it writes is created as needed. Default: none, or "replay"
	// when From or Until is set.
	Side string
	// From is where a side run begins the first time: a position, as
	// kafka.ParsePosition reads it, and others as TOPIC=POSITION and
	// TOPIC/PARTITION=POSITION behind it, with commas. Default: the beginning.
	From string
	// Until is where a side run ends: positions as those of From, of which none is
	// behind what is visible at the first start, or count:N, which is so many
	// records together. Until then no record is parked for a later try: one that
	// fails is met by its policy. Default: it has no end.
	Until string
	// DialTimeout is how long brokers and registry are tried at the start before
	// giving up. Default 20 s.
	DialTimeout time.Duration
	// StopTimeout bounds a graceful stop; brokers that do not answer take up to 6 s
	// more. Default 30 s.
	StopTimeout time.Duration
	// NumStandby is how many other processes keep a copy of each partition's
	// tables, so that one of them can take it over at once. Default 0.
	NumStandby int
	// KeepMembership leaves this process a member of its group when it stops, for
	// as long as the session lasts: a start within 10 s finds its partitions as
	// they were, and nobody else gets them meanwhile. Default: a stop gives them to
	// the others at once.
	KeepMembership bool
	// Wait has the start wait for brokers and registry as long as they are away,
	// in place of giving up after DialTimeout. Default: off.
	Wait bool
	// FetchBytes bounds the records on their way from the brokers, BufferBytes
	// those in hand with what they did until it is committed, and CacheBytes the
	// rows and files of tables that are kept in memory, each of the whole process.
	// Default 64 MiB, 256 MiB and 128 MiB; 1 MiB at least.
	FetchBytes, BufferBytes, CacheBytes int
	// LogLevel is debug, info, warn or error; [Main] makes its logger by it.
	// Default info.
	LogLevel string
	// Logger gets the runner's log. Default: discarded.
	Logger *slog.Logger
	// Events are told what the runner does. Default: nobody is.
	Events Events
}

// WithDefaults returns the configuration with its defaults filled in.
func (c Config) WithDefaults() Config {
	if c.StateDir == "" {
		c.StateDir = DefaultStateDir
	}
	if c.Delivery == "" {
		c.Delivery = ExactlyOnce
	}
	if c.DialTimeout == 0 {
		c.DialTimeout = DefaultDialTimeout
	}
	if c.StopTimeout == 0 {
		c.StopTimeout = DefaultStopTimeout
	}
	if c.Side == "" && (c.From != "" || c.Until != "") {
		c.Side = DefaultSide
	}
	if c.Side != "" && c.From == "" {
		c.From = kafka.Beginning().String()
	}
	if c.LogLevel == "" {
		c.LogLevel = DefaultLogLevel
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c.withMemory()
}

// Validate returns every fault of the configuration in one error.
func (c Config) Validate() error { return c.validate(needs{registry: true}) }

// needs is what a configuration must have beside brokers.
type needs struct{ registry bool }

func (c Config) validate(n needs) error {
	var faults []string
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if len(c.Brokers) == 0 {
		add("no brokers: give --brokers HOST:PORT, GOKAVRO_BROKERS or brokers in the config file")
	} else if err := c.kafka("").Validate(); err != nil {
		add("%v", err)
	}
	if len(c.Registry) == 0 && c.Bundle == "" && n.registry {
		add("no schema registry: give --registry URL, GOKAVRO_REGISTRY or registry in the config file")
	} else if _, err := registry.New(c.registry()); err != nil && n.registry {
		add("%v", err)
	}
	if c.CreateTopics < 0 || c.CreateTopics > kafka.MaxPartitions {
		add("create_topics is %d: give a number of partitions of 1 or more, %d at most", c.CreateTopics, kafka.MaxPartitions)
	}
	if !prefixChars.MatchString(c.TopicPrefix) {
		add("topic_prefix is %q: use letters, digits and . _ - only", c.TopicPrefix)
	}
	if c.Delivery != "" && !c.Delivery.known() {
		add("delivery is %q: use %s or %s", c.Delivery, ExactlyOnce, AtLeastOnce)
	}
	faults = append(faults, c.wishFaults()...)
	if c.DialTimeout < 0 {
		add("dial_timeout is %s: give a duration above 0, such as 20s", c.DialTimeout)
	}
	if c.StopTimeout < 0 {
		add("stop_timeout is %s: give a duration above 0, such as 30s", c.StopTimeout)
	}
	if c.NumStandby < 0 || c.NumStandby > maxStandby {
		add("num_standby is %d: give a number of copies of 0 or more, %d at most", c.NumStandby, maxStandby)
	}
	faults = append(faults, c.memoryFaults()...)
	if _, err := logLevel(c.LogLevel); err != nil {
		add("%v", err)
	}
	faults = append(faults, c.sideFaults()...)
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("configuration: %s", strings.Join(faults, "; "))
}

// wishFaults validates what wishes lists.
func (c Config) wishFaults() (faults []string) {
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if c.Replication < 0 || c.Replication > math.MaxInt16 {
		add("replication is %d: give a number of replicas of 1 or more", c.Replication)
	}
	if c.MinInsyncReplicas < 0 || c.Replication > 0 && c.MinInsyncReplicas > c.Replication {
		add("min_insync_replicas is %d: give a number from 1 to that of the replicas", c.MinInsyncReplicas)
	}
	if c.Partitioner != "" && !c.Partitioner.known() {
		add("partitioner is %q: use %s, %s or %s", c.Partitioner, Murmur2, FNV1a, AnyPartitioner)
	}
	return faults
}

// String returns the configuration in one line without secrets.
func (c Config) String() string {
	return fmt.Sprintf("brokers=%s registry=%d url(s) %s state=%s create_topics=%d auto_register=%t use_latest=%t normalize=%t topic_prefix=%q delivery=%s dial_timeout=%s stop_timeout=%s num_standby=%d keep_membership=%t %s %s %s log_level=%s",
		strings.Join(c.Brokers, ","), len(c.Registry), c.access(), c.StateDir, c.CreateTopics, c.AutoRegister, c.UseLatest, c.Normalize,
		c.TopicPrefix, c.Delivery, c.DialTimeout, c.StopTimeout, c.NumStandby, c.KeepMembership, c.wishes(), c.bounds(), c.position(), c.LogLevel)
}

// wishes says what the checks before a start ask for.
func (c Config) wishes() string {
	return fmt.Sprintf("replication=%d min_insync_replicas=%d partitioner=%q strict=%t", c.Replication, c.MinInsyncReplicas, c.Partitioner, c.Strict)
}

// position says what a side run is.
func (c Config) position() string {
	return fmt.Sprintf("side=%q from=%q until=%q", c.Side, c.From, c.Until)
}

// access says how the registry is entered, without secrets.
func (c Config) access() string {
	return fmt.Sprintf("registry_user=%q registry_password=%s registry_token=%s registry_ca_file=%q registry_cert_file=%q registry_key_file=%q bundle=%q",
		c.RegistryUser, masked(c.RegistryPassword), masked(c.RegistryToken), c.RegistryCAFile, c.RegistryCertFile, c.RegistryKeyFile, c.Bundle)
}

func masked(secret string) string {
	if secret == "" {
		return "none"
	}
	return "***"
}

func (c Config) kafka(name string) kafka.Config {
	return kafka.Config{Brokers: c.Brokers, ClientID: clientPrefix + name, Timeout: c.DialTimeout, Logger: c.Logger}
}

func (c Config) registry() registry.Config {
	return registry.Config{
		URLs: c.Registry, Timeout: c.DialTimeout, Normalize: c.Normalize, Bundle: c.Bundle,
		BasicUser: c.RegistryUser, BasicPassword: c.RegistryPassword, Bearer: c.RegistryToken,
		CAFile: c.RegistryCAFile, CertFile: c.RegistryCertFile, KeyFile: c.RegistryKeyFile,
	}
}

func logLevel(name string) (slog.Level, error) {
	var level slog.Level
	if name == "" {
		return slog.LevelInfo, nil
	}
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return level, fmt.Errorf("log_level is %q: use debug, info, warn or error", name)
	}
	return level, nil
}
