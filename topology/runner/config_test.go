package runner_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"

	"github.com/gokavro/gokavro/integration/devstack"
	"github.com/gokavro/gokavro/topology"
	"github.com/gokavro/gokavro/topology/kafka/kafkatest"
	"github.com/gokavro/gokavro/topology/runner"
)

// full is a configuration in which every setting differs from its default.
func full() runner.Config {
	return runner.Config{
		Brokers: []string{"a:1", "b:2"}, Registry: []string{"http://a:1", "http://b:2"}, StateDir: "rows", CreateTopics: 6,
		RegistryUser: "ann", RegistryPassword: "hunter3", RegistryToken: "hunter4", RegistryCAFile: "ca.pem",
		RegistryCertFile: "cert.pem", RegistryKeyFile: "key.pem", Bundle: "schemas.json",
		AutoRegister: true, UseLatest: true, Normalize: true, TopicPrefix: "test.", Delivery: runner.AtLeastOnce, DialTimeout: 7 * time.Second, StopTimeout: 8 * time.Second, LogLevel: "debug",
		Replication: 3, MinInsyncReplicas: 2, Partitioner: runner.FNV1a, Strict: true,
		Side: "fix", From: "end", Until: "end",
		NumStandby: 2, KeepMembership: true,
		Wait: true, FetchBytes: 2 << 20, BufferBytes: 3 << 20, CacheBytes: 4 << 20,
	}
}

const fullFile = `
brokers: [a:1, " b:2 "]
registry: http://a:1, http://b:2
registry_user: ann
registry_password: hunter3
registry_token: hunter4
registry_ca_file: ca.pem
registry_cert_file: cert.pem
registry_key_file: key.pem
bundle: schemas.json
state: rows
create_topics: 6
auto_register: true
use_latest: true
normalize: true
topic_prefix: test.
side: fix
from: end
until: end
delivery: at_least_once
dial_timeout: 7s
stop_timeout: 8s
num_standby: 2
keep_membership: true
wait: true
fetch_bytes: 2097152
buffer_bytes: 3MiB
cache_bytes: 4096KiB
log_level: debug
replication: 3
min_insync_replicas: 2
partitioner: fnv1a
strict: true
`

func load(t *testing.T, args ...string) (runner.Config, error) {
	t.Helper()
	flags := runner.Flags()
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return runner.Load(flags)
}

func mustLoad(t *testing.T, args ...string) runner.Config {
	t.Helper()
	cfg, err := load(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func diff(got, want runner.Config) string {
	return cmp.Diff(got, want, cmpopts.IgnoreFields(runner.Config{}, "Logger", "Events"))
}

// clearEnv keeps a test from the settings around it.
func clearEnv(t *testing.T) {
	t.Helper()
	for _, setting := range os.Environ() {
		if name, _, _ := strings.Cut(setting, "="); strings.HasPrefix(name, "GOKAVRO_") {
			t.Setenv(name, "")
		}
	}
}

func TestEverySettingHasAFlagAndEveryFlagASetting(t *testing.T) {
	t.Parallel()
	settings := map[string]bool{"config": true, "validate": true, "plan": true, "apply": true, "plan-out": true, "schemas": true, "bundle-out": true, "side-drop": true} // of the command line only
	for field := range reflect.TypeFor[runner.Config]().Fields() {
		switch name := field.Name; name {
		case "Logger", "Events":
		case "StateDir":
			settings["state"] = true
		case "RegistryCAFile":
			settings["registry-ca-file"] = true
		default:
			settings[dashed(name)] = true
		}
	}
	flags := map[string]bool{}
	runner.Flags().VisitAll(func(f *pflag.Flag) { flags[f.Name] = true })
	if diff := cmp.Diff(flags, settings); diff != "" {
		t.Errorf("flags differ from the settings (-flags +settings): %s", diff)
	}
}

// dashed turns CreateTopics into create-topics.
func dashed(name string) string {
	var text strings.Builder
	for i, c := range name {
		if c >= 'A' && c <= 'Z' && i > 0 {
			text.WriteByte('-')
		}
		text.WriteRune(c)
	}
	return strings.ToLower(text.String())
}

func TestSettingsComeFromTheFileTheEnvironmentAndTheFlags(t *testing.T) {
	clearEnv(t)
	if d := diff(mustLoad(t), runner.Config{}.WithDefaults()); d != "" {
		t.Errorf("nothing given (-got +want): %s", d)
	}
	path := configFile(t, fullFile)
	if d := diff(mustLoad(t, "--config", path), full()); d != "" {
		t.Errorf("file (-got +want): %s", d)
	}
	for name, value := range map[string]string{
		"BROKERS": "a:1,b:2", "REGISTRY": " http://a:1 , http://b:2,", "STATE": "rows", "CREATE_TOPICS": "6", "AUTO_REGISTER": "true",
		"TOPIC_PREFIX": "test.", "DELIVERY": "at_least_once", "DIAL_TIMEOUT": "7s", "STOP_TIMEOUT": "8s", "LOG_LEVEL": "debug",
		"REGISTRY_USER": "ann", "REGISTRY_PASSWORD": "hunter3", "REGISTRY_TOKEN": "hunter4", "REGISTRY_CA_FILE": "ca.pem",
		"REGISTRY_CERT_FILE": "cert.pem", "REGISTRY_KEY_FILE": "key.pem", "BUNDLE": "schemas.json", "USE_LATEST": "true", "NORMALIZE": "true",
		"REPLICATION": "3", "MIN_INSYNC_REPLICAS": "2", "PARTITIONER": "fnv1a", "STRICT": "true",
		"NUM_STANDBY": "2", "KEEP_MEMBERSHIP": "true",
		"WAIT": "true", "FETCH_BYTES": "2MiB", "BUFFER_BYTES": "3MiB", "CACHE_BYTES": "4MiB",
		"SIDE": "fix", "FROM": "end", "UNTIL": "end",
	} {
		t.Setenv("GOKAVRO_"+name, value)
	}
	t.Setenv("GOKAVRO_HOME", "/somewhere") // not ours
	if d := diff(mustLoad(t), full()); d != "" {
		t.Errorf("environment (-got +want): %s", d)
	}
	other := configFile(t, "brokers: c:3\ncreate_topics: 9\nauto_register: false\ndial_timeout: 9s\nstate: other\n")
	if d := diff(mustLoad(t, "--config", other), full()); d != "" {
		t.Errorf("the environment goes over the file (-got +want): %s", d)
	}
	want := full()
	want.Brokers, want.CreateTopics, want.AutoRegister, want.DialTimeout = []string{"d:4", "e:5"}, 2, false, time.Minute
	got := mustLoad(t, "--config", other, "--brokers", "d:4", "--brokers", "e:5", "--create-topics", "2", "--auto-register=false", "--dial-timeout", "1m")
	if d := diff(got, want); d != "" {
		t.Errorf("flags go over both (-got +want): %s", d)
	}
	if d := diff(mustLoad(t, "--state", runner.DefaultStateDir), func() runner.Config {
		c := full()
		c.StateDir = runner.DefaultStateDir
		return c
	}()); d != "" {
		t.Errorf("a flag with its default's value goes over the environment (-got +want): %s", d)
	}
	t.Setenv("GOKAVRO_BROKERS", " ")
	t.Setenv("GOKAVRO_DIAL_TIMEOUT", "")
	got = mustLoad(t, "--config", other)
	if got.DialTimeout != 9*time.Second || !reflect.DeepEqual(got.Brokers, []string{"c:3"}) {
		t.Errorf("got %v, %s; want a variable without value to leave the file's", got.Brokers, got.DialTimeout)
	}
}

//nolint:paralleltest // clearEnv changes the environment
func TestLoadListsValuesOfTheWrongType(t *testing.T) {
	clearEnv(t)
	path := configFile(t, "create_topics: [1]\nauto_register: 7\ndial_timeout: 20\nstop_timeout: true\nstate: [x]\nbrokers: [[a]]\n")
	_, err := load(t, "--config", path)
	if err == nil {
		t.Fatal("got no error")
	}
	for _, part := range []string{"create_topics", "auto_register", `dial_timeout is "20"`, "stop_timeout", "state", "brokers"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q in it", err, part)
		}
	}
	if d := diff(mustLoad(t, "--config", configFile(t, "state:\ndial_timeout: ~\ntopic_prefix: 5\n")), func() runner.Config {
		c := runner.Config{TopicPrefix: "5"}.WithDefaults()
		c.StateDir, c.DialTimeout = "", 0
		return c
	}()); d != "" {
		t.Errorf("keys without values (-got +want): %s", d)
	}
}

func TestValidateListsAllFaults(t *testing.T) {
	t.Parallel()
	valid := full()
	valid.RegistryToken, valid.Bundle = "", "" // excludes the user; is no file
	valid.RegistryCAFile, valid.RegistryCertFile, valid.RegistryKeyFile = "", "", ""
	if err := valid.Validate(); err != nil {
		t.Errorf("got %v, want a full configuration to be valid", err)
	}
	wrong := runner.Config{
		Brokers: []string{"localhost"}, Registry: []string{"localhost:8081"}, CreateTopics: -1, TopicPrefix: "a b",
		Delivery: "twice", DialTimeout: -1, StopTimeout: -1, LogLevel: "loud", NumStandby: -1,
		Replication: -1, MinInsyncReplicas: -1, Partitioner: "crc32",
	}
	for name, tt := range map[string]struct {
		cfg  runner.Config
		want []string
	}{
		"all":                {wrong, []string{`"localhost"`, "http://localhost:8081", "create_topics is -1", `"a b"`, `"twice"`, "dial_timeout", "stop_timeout", "num_standby", `"loud"`, "replication is -1", "min_insync_replicas is -1", `"crc32"`}},
		"none":               {runner.Config{}, []string{"--brokers", "GOKAVRO_BROKERS", "--registry", "GOKAVRO_REGISTRY"}},
		"access":             {full(), []string{"both a user and a bearer token", "ca.pem", "schemas.json"}},
		"half a certificate": {runner.Config{Registry: []string{"https://a"}, RegistryCertFile: "cert.pem"}, []string{"give both"}},
		"too many":           {runner.Config{CreateTopics: 1 << 40}, []string{"create_topics is 1099511627776"}},
	} {
		err := tt.cfg.Validate()
		if err == nil {
			t.Errorf("%s: got no error", name)
			continue
		}
		for _, part := range tt.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: got %v, want %q in it", name, err, part)
			}
		}
	}
}

func TestWithDefaultsFillsOnlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	want := runner.Config{StateDir: "state", Delivery: runner.ExactlyOnce, DialTimeout: 20 * time.Second, StopTimeout: 30 * time.Second, LogLevel: "info", FetchBytes: 64 << 20, BufferBytes: 256 << 20, CacheBytes: 128 << 20}
	got := runner.Config{}.WithDefaults()
	if d := diff(got, want); d != "" || got.Logger == nil {
		t.Errorf("got logger %v, (-got +want): %s", got.Logger, d)
	}
	given := full()
	given.Logger = slog.Default()
	if got := given.WithDefaults(); diff(got, given) != "" || got.Logger != given.Logger {
		t.Errorf("given settings changed (-got +want): %s", diff(got, given))
	}
}

func TestStringNamesEverySettingWithoutSecrets(t *testing.T) {
	t.Parallel()
	cfg := full()
	cfg.Registry = []string{"https://me:hunter2@registry"}
	got := cfg.String()
	want := `brokers=a:1,b:2 registry=1 url(s) registry_user="ann" registry_password=*** registry_token=*** ` +
		`registry_ca_file="ca.pem" registry_cert_file="cert.pem" registry_key_file="key.pem" bundle="schemas.json" ` +
		`state=rows create_topics=6 auto_register=true use_latest=true normalize=true topic_prefix="test." delivery=at_least_once dial_timeout=7s stop_timeout=8s num_standby=2 keep_membership=true ` +
		`replication=3 min_insync_replicas=2 partitioner="fnv1a" strict=true wait=true fetch_bytes=2MiB buffer_bytes=3MiB cache_bytes=4MiB ` +
		`side="fix" from="end" until="end" log_level=debug`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// command runs the command in this process, as main would.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return commandOf(t, counting, args...)
}

// commandOf is command of another topology.
func commandOf(t *testing.T, build func() *topology.Topology, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = runner.Command(t.Context(), build, args, &out, &errs)
	return code, out.String(), errs.String()
}

//nolint:paralleltest // clearEnv changes the environment
func TestCommandTellsUsageFromOtherFaults(t *testing.T) {
	clearEnv(t)
	b := setup(t, devstack.Config{})
	here := []string{"--brokers", b.stack.Brokers()[0], "--registry", b.stack.RegistryURL(), "--state", filepath.Join(t.TempDir(), "rows")}
	tests := []struct {
		name string
		args []string
		code int
		want string

		stdout string
	}{
		{name: "unknown flag", args: []string{"--wat"}, code: runner.ExitUsage, want: "--wat"},
		{name: "argument", args: []string{"x"}, code: runner.ExitUsage, want: `"x"`},
		{name: "no partitions", args: append([]string{"--create-topics", "0"}, here...), code: runner.ExitUsage, want: "--create-topics 0"},
		{name: "several flags", args: []string{"--create-topics", "0", "--dial-timeout", "0s"}, code: runner.ExitUsage, want: "--dial-timeout 0s"},
		{name: "no addresses", code: runner.ExitUsage, want: "--brokers"},
		{name: "no addresses in the file", args: []string{"--config", configFile(t, "state: x\n")}, code: runner.ExitFault, want: "no brokers"},
		{name: "no file", args: []string{"--config", "absent.yaml"}, code: runner.ExitFault, want: "absent.yaml"},
		{name: "unknown key", args: []string{"--config", configFile(t, "wat: 1\n")}, code: runner.ExitFault, want: "wat"},
		{name: "no topics", args: here, code: runner.ExitFault, want: `"in"`},
		{name: "no topics to validate", args: append([]string{"--validate"}, here...), code: runner.ExitFault, want: `"in"`, stdout: "ok: permissions\n"},
		{name: "no replicas", args: append([]string{"--replication", "0"}, here...), code: runner.ExitUsage, want: "--replication 0"},
	}
	for _, tt := range tests {
		code, stdout, stderr := command(t, tt.args...)
		if code != tt.code || (stdout != "") != (tt.stdout != "") || !strings.Contains(stdout, tt.stdout) || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: got code %d, stdout %q, stderr %q; want %d and one line with %q", tt.name, code, stdout, stderr, tt.code, tt.want)
		}
	}
	code, stdout, stderr := command(t, "--help")
	if code != runner.ExitOK || !strings.Contains(stdout, "--create-topics") || stderr != "" {
		t.Errorf("--help: got code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	start(t, counting(), b.config(t)).awaitReady(t).stop(t)
	code, stdout, stderr = command(t, append([]string{"--validate"}, here...)...)
	if code != runner.ExitOK || !strings.HasSuffix(stdout, "ok: registration\ntopology count is valid: its topics and schemas are there\n") || stderr != "" {
		t.Errorf("--validate: got code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

//nolint:paralleltest // clearEnv changes the environment
func TestCommandEndsCleanlyWithItsContext(t *testing.T) {
	clearEnv(t)
	b := setup(t, devstack.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		args := []string{"--brokers", b.stack.Brokers()[0], "--registry", b.stack.RegistryURL(), "--state", t.TempDir(), "--create-topics", "2"}
		ended <- runner.Command(ctx, counting, args, &out, b.log)
	}()
	kafkatest.Await(t, "it to run", func() bool { return b.log.has("msg=running") })
	b.write(t, record("in", "k", "x"))
	b.awaitValues(t, "out", 1)
	cancel()
	if code := <-ended; code != runner.ExitOK || out.Len() > 0 || !b.log.has("msg=stopped in=1 out=1 dead_letters=0") {
		t.Errorf("got code %d, stdout %q, stderr %s", code, out.String(), b.log.text.String())
	}
}
