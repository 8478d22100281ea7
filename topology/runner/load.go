package runner

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

const envPrefix = "GOKAVRO_"

// Flags returns the flags of a deployed topology.
func Flags() *pflag.FlagSet {
	flags := pflag.NewFlagSet("flags", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.String("config", "", "`FILE` in YAML with any of the settings below, in snake_case")
	flags.StringSlice("brokers", nil, "Kafka brokers, `HOST:PORT`, separated by commas")
	flags.StringSlice("registry", nil, "schema registry `URL`s, separated by commas")
	RegistryFlags(flags)
	flags.String("bundle", "", "`FILE` with the schemas to run from while the registry is down")
	flags.String("state", DefaultStateDir, "`DIR` for the state's files; one process at a time")
	flags.Int("create-topics", 0, "create missing topics with `N` partitions and register their missing schemas")
	flags.Bool("auto-register", false, "register missing schemas of what is written")
	flags.Bool("use-latest", false, "write outputs with the newest schemas of their subjects")
	flags.Bool("normalize", false, "have the registry compare and keep schemas in their normal form")
	flags.String("topic-prefix", "", "`PREFIX` for every topic and the consumer group")
	flags.Int("replication", 0, "replicas `N` of topics that are created; a warning for fewer")
	flags.Int("min-insync-replicas", 0, "min.insync.replicas `N` of topics that are created; a warning for fewer")
	flags.String("partitioner", "", "how keys are placed: murmur2, as Java does, fnv1a, or any to leave the check out")
	flags.Bool("strict", false, "refuse to start where the checks before it only warn")
	flags.String("side", "", "`NAME` of a run beside production, before the names of its group and of all that it writes")
	flags.String("from", "", "`POSITION` where a side run begins: beginning, offset:N or time:T, also as TOPIC/PARTITION=POSITION,...")
	flags.String("until", "", "`POSITION` where a side run ends: end, offset:N, time:T or count:N")
	flags.String("delivery", string(ExactlyOnce), "exactly_once or at_least_once")
	flags.Duration("dial-timeout", DefaultDialTimeout, "how long unreachable brokers or registry are tried")
	flags.Duration("stop-timeout", DefaultStopTimeout, "bound of a graceful stop")
	flags.Int("num-standby", 0, "other processes that keep a copy of each partition's tables, `N` of them")
	flags.Bool("keep-membership", false, "stay a member of the group over a restart of less than 10 s")
	flags.Bool("wait", false, "wait at the start as long as brokers or registry are away")
	flags.String("fetch-bytes", sizeText(DefaultFetchBytes), "bound of the records on their way from the brokers, a `SIZE`")
	flags.String("buffer-bytes", sizeText(DefaultBufferBytes), "bound of the records in hand and what they did, a `SIZE`")
	flags.String("cache-bytes", sizeText(DefaultCacheBytes), "bound of the tables' rows and files in memory, a `SIZE`")
	flags.String("log-level", DefaultLogLevel, "debug, info, warn or error")
	flags.String("bundle-out", "", "write the schemas that the topology needs into `FILE`, and end")
	flags.Bool(sideDropFlag, false, "remove the group, the topics, the subjects and the state of the side run, and end")
	flags.Bool("validate", false, "check configuration, topology, topics and schemas, and end")
	flags.String(schemasFlag, "", "compare all schemas with what is registered, as `FORMAT` text or json, and end")
	flags.Lookup(schemasFlag).NoOptDefVal = formatText
	planFlags(flags)
	return flags
}

// RegistryFlags adds the flags by which a schema registry is entered.
func RegistryFlags(flags *pflag.FlagSet) {
	flags.String("registry-user", "", "`NAME` to sign in to the registry with")
	flags.String("registry-password", "", "`PASSWORD` of that user; others see it here, so rather use $GOKAVRO_REGISTRY_PASSWORD")
	flags.String("registry-token", "", "bearer `TOKEN` in place of both; rather use $GOKAVRO_REGISTRY_TOKEN")
	flags.String("registry-ca-file", "", "PEM `FILE` of the authorities that sign the registry's certificate")
	flags.String("registry-cert-file", "", "PEM `FILE` of the certificate to show to the registry")
	flags.String("registry-key-file", "", "PEM `FILE` of that certificate's key")
}

// notSettings are the flags that are no keys of a config file.
var notSettings = []string{"config", "validate", schemasFlag, "bundle-out", sideDropFlag, planFlag, applyFlag, planOutFlag, "help"}

// Load reads the configuration: the file named by --config, over it the
// environment, over it the flags that were given. Unknown keys of the file
// are an error.
func Load(flags *pflag.FlagSet) (Config, error) {
	k := koanf.New(".")
	if path, _ := flags.GetString("config"); path != "" {
		if err := loadFile(k, path, flags); err != nil {
			return Config{}, err
		}
	}
	if err := k.Load(env.Provider(".", env.Opt{Prefix: envPrefix, TransformFunc: fromEnv(flags)}), nil); err != nil {
		return Config{}, fmt.Errorf("configuration: reading the environment: %w", err)
	}
	given := posflag.ProviderWithFlag(flags, ".", k, func(f *pflag.Flag) (string, any) {
		if slices.Contains(notSettings, f.Name) {
			return "", nil
		}
		return key(f.Name), posflag.FlagVal(flags, f)
	})
	if err := k.Load(given, nil); err != nil {
		return Config{}, fmt.Errorf("configuration: reading the flags: %w", err)
	}
	cfg, err := toConfig(k)
	if err != nil {
		return Config{}, err
	}
	return cfg, nil
}

func key(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

func loadFile(k *koanf.Koanf, path string, flags *pflag.FlagSet) error {
	err := k.Load(file.Provider(path), yaml.Parser())
	if unread, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Errorf("configuration: the config file %s cannot be read: %w: correct --config", path, unread.Err)
	}
	if err != nil {
		return fmt.Errorf("configuration: the config file %s is not YAML of one setting a line, such as create_topics: 6: %w", path, err)
	}
	var unknown []string
	for _, name := range k.Keys() {
		if !known(flags, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("configuration: the config file %s has unknown keys: %s: use %s",
			path, strings.Join(unknown, ", "), strings.Join(keys(flags), ", "))
	}
	return nil
}

func known(flags *pflag.FlagSet, name string) bool { return slices.Contains(keys(flags), name) }

// keys lists the settings' keys in the order of the flags.
func keys(flags *pflag.FlagSet) []string {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(notSettings, f.Name) {
			names = append(names, key(f.Name))
		}
	})
	return names
}

// fromEnv maps GOKAVRO_CREATE_TOPICS to create_topics. Names that are no
// setting are left alone: orchestrators put their own into the environment.
// They also set a variable to nothing where it has no value.
func fromEnv(flags *pflag.FlagSet) func(name, value string) (string, any) {
	return func(name, value string) (string, any) {
		setting := strings.ToLower(strings.TrimPrefix(name, envPrefix))
		if !known(flags, setting) || strings.TrimSpace(value) == "" {
			return "", nil
		}
		return setting, value
	}
}
