package integration_test

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/topology/runner"
)

func TestComposeFileFitsTheCode(t *testing.T) {
	t.Parallel()
	project := loadCompose(t, readTree(t, "docker-compose.yml"))
	for _, fault := range composeFaults(project, brokerVersion(t)) {
		t.Error(fault)
	}
}

func TestComposeCheckSeesFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		old, new string // replaced in the compose file, everywhere
		want     string // part of one of the faults
	}{
		{name: "latest image", old: "cp-schema-registry:8.1.0", new: "cp-schema-registry:latest", want: "schema-registry: image"},
		{name: "image without tag", old: "gokavro/flights:local", new: "gokavro/flights", want: "flights-1: image"},
		{name: "another Kafka", old: "apache/kafka:4.1.0", new: "apache/kafka:3.9.0", want: "kafka: image"},
		{name: "service renamed", old: "  flights-2:\n    <<", new: "  flights-3:\n    <<", want: "services"},
		{name: "another port", old: "127.0.0.1:9092:9092", new: "127.0.0.1:9095:9092", want: "kafka: ports"},
		{name: "open to the network", old: "127.0.0.1:8081:8081", new: "8081:8081", want: "schema-registry: ports"},
		{name: "no health check", old: "    healthcheck:\n      test: [\"CMD\", \"curl\"", new: "    x-check:\n      test: [\"CMD\", \"curl\"", want: "schema-registry: no health check"},
		{name: "health not awaited", old: "condition: service_healthy", new: "condition: service_started", want: "does not wait for a healthy"},
		{name: "shared state", old: "flights-2-state:/state", new: "flights-1-state:/state", want: "share the state volume"},
		{name: "state in the container", old: "flights-1-state:/state", new: "flights-1-state:/data", want: "flights-1: no volume"},
		{name: "unknown flag", old: "--create-topics", new: "--make-topics", want: "unknown flag: --make-topics"},
		{name: "unknown variable", old: "GOKAVRO_REGISTRY:", new: "GOKAVRO_REGISTRIES:", want: "GOKAVRO_REGISTRIES"},
		{name: "broker not advertised", old: "GOKAVRO_BROKERS: kafka:19092", new: "GOKAVRO_BROKERS: kafka:9092", want: "GOKAVRO_BROKERS"},
		{name: "registry elsewhere", old: "http://schema-registry:8081", new: "http://schema-registry:8085", want: "GOKAVRO_REGISTRY"},
		{name: "host not advertised", old: "HOST://localhost:9092", new: "HOST://kafka:9092", want: "KAFKA_ADVERTISED_LISTENERS"},
		{name: "short stop", old: "stop_grace_period: 40s", new: "stop_grace_period: 10s", want: "stop_grace_period"},
		{name: "no restart", old: "    restart: unless-stopped\n\n  flights-1:", new: "\n  flights-1:", want: "schema-registry: restart"},
		{name: "word beside the flags", old: `"--create-topics", "4"`, new: `"--create-topics", "4", "now"`, want: "words beside its flags"},
		{name: "no partitions", old: `"--create-topics", "4"`, new: `"--create-topics", "0"`, want: "partitions"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := readTree(t, "docker-compose.yml")
			if !strings.Contains(text, tt.old) {
				t.Fatalf("docker-compose.yml does not hold %q", tt.old)
			}
			project := loadCompose(t, strings.ReplaceAll(text, tt.old, tt.new))
			got := strings.Join(composeFaults(project, brokerVersion(t)), "\n")
			if !strings.Contains(got, tt.want) {
				t.Errorf("faults: got %q, want one with %q", got, tt.want)
			}
		})
	}
}

// loadCompose reads a compose file as docker compose does, but with an empty
// environment.
func loadCompose(t *testing.T, text string) *types.Project {
	t.Helper()
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  moduleRoot,
		ConfigFiles: []types.ConfigFile{{Filename: "docker-compose.yml", Content: []byte(text)}},
		Environment: types.Mapping{},
	})
	if err != nil {
		t.Fatalf("loading docker-compose.yml: %v", err)
	}
	return project
}

// brokerVersion is the Kafka version of the broker that runs without Docker.
func brokerVersion(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^readonly kafka_version=(\S+)$`).FindStringSubmatch(readTree(t, "integration/kafka.sh"))
	if found == nil {
		t.Fatal("integration/kafka.sh sets no kafka_version")
	}
	return found[1]
}

func composeFaults(project *types.Project, kafkaVersion string) []string {
	names := project.ServiceNames()
	slices.Sort(names)
	if diff := cmp.Diff([]string{"flights-1", "flights-2", "kafka", "schema-registry"}, names); diff != "" {
		return []string{"services (-want +got):\n" + diff}
	}
	kafka, registry := project.Services["kafka"], project.Services["schema-registry"]
	var faults []string
	for _, name := range names {
		faults = append(faults, serviceFaults(project.Services[name])...)
	}
	if want := "apache/kafka:" + kafkaVersion; kafka.Image != want {
		faults = append(faults, fmt.Sprintf("kafka: image is %s, integration/kafka.sh runs %s", kafka.Image, want))
	}
	faults = append(faults, portFaults(kafka, 9092)...)
	faults = append(faults, portFaults(registry, 8081)...)
	faults = append(faults, listenerFaults(kafka)...)
	faults = append(faults, waitFaults(registry, "kafka")...)
	for _, name := range []string{"flights-1", "flights-2"} {
		faults = append(faults, processorFaults(project, project.Services[name])...)
	}
	if first, second := stateVolume(project.Services["flights-1"]), stateVolume(project.Services["flights-2"]); first == second {
		faults = append(faults, fmt.Sprintf("flights-1 and flights-2 share the state volume %q", first))
	}
	return faults
}

// serviceFaults are the rules for every service.
func serviceFaults(s types.ServiceConfig) []string {
	var faults []string
	if _, tag, found := strings.Cut(s.Image, ":"); !found || tag == "" || tag == "latest" {
		faults = append(faults, fmt.Sprintf("%s: image %q is not pinned to a version", s.Name, s.Image))
	}
	if s.Restart != types.RestartPolicyUnlessStopped {
		faults = append(faults, fmt.Sprintf("%s: restart is %q, want unless-stopped", s.Name, s.Restart))
	}
	return faults
}

// portFaults wants one port, the same on this host's loopback, and a health
// check, because others wait for this service.
func portFaults(s types.ServiceConfig, port uint32) []string {
	var faults []string
	want := fmt.Sprintf("127.0.0.1:%d:%d", port, port)
	var got []string
	for _, p := range s.Ports {
		got = append(got, fmt.Sprintf("%s:%s:%d", p.HostIP, p.Published, p.Target))
	}
	if diff := cmp.Diff([]string{want}, got); diff != "" {
		faults = append(faults, fmt.Sprintf("%s: ports (-want +got):\n%s", s.Name, diff))
	}
	if s.HealthCheck == nil || s.HealthCheck.Disable || len(s.HealthCheck.Test) < 2 {
		faults = append(faults, s.Name+": no health check")
	}
	return faults
}

// listenerFaults wants an address for this host and one for the containers, both
// really listened on.
func listenerFaults(kafka types.ServiceConfig) []string {
	var faults []string
	listeners := variable(kafka, "KAFKA_LISTENERS")
	advertised := variable(kafka, "KAFKA_ADVERTISED_LISTENERS")
	for name, address := range map[string]string{"HOST": "localhost:9092", "CONTAINERS": "kafka:19092"} {
		if !slices.Contains(strings.Split(advertised, ","), name+"://"+address) {
			faults = append(faults, fmt.Sprintf("kafka: KAFKA_ADVERTISED_LISTENERS is %q, without %s://%s", advertised, name, address))
		}
		_, port, _ := strings.Cut(address, ":")
		if !slices.Contains(strings.Split(listeners, ","), name+"://:"+port) {
			faults = append(faults, fmt.Sprintf("kafka: KAFKA_LISTENERS is %q, without %s://:%s", listeners, name, port))
		}
	}
	return faults
}

func waitFaults(s types.ServiceConfig, on ...string) []string {
	var faults []string
	for _, name := range on {
		if s.DependsOn[name].Condition != types.ServiceConditionHealthy {
			faults = append(faults, fmt.Sprintf("%s: does not wait for a healthy %s", s.Name, name))
		}
	}
	return faults
}

func processorFaults(project *types.Project, s types.ServiceConfig) []string {
	faults := waitFaults(s, "kafka", "schema-registry")
	if s.Build == nil || s.Build.Dockerfile != "Dockerfile" {
		faults = append(faults, s.Name+": is not built from Dockerfile")
	}
	if grace := s.StopGracePeriod; grace == nil || time.Duration(*grace) < runner.DefaultStopTimeout+5*time.Second {
		faults = append(faults, fmt.Sprintf("%s: stop_grace_period is not well above the stop timeout, %v", s.Name, runner.DefaultStopTimeout))
	}
	volume := stateVolume(s)
	if _, declared := project.Volumes[volume]; !declared {
		faults = append(faults, fmt.Sprintf("%s: no volume of its own at %s", s.Name, variable(s, "GOKAVRO_STATE")))
	}
	faults = append(faults, variableFaults(s)...)
	faults = append(faults, flagFaults(s)...)
	return append(faults, addressFaults(project, s)...)
}

// flagFaults parses the command as cmd/flights does.
func flagFaults(s types.ServiceConfig) []string {
	flags := runner.Flags()
	if err := flags.Parse(s.Command); err != nil {
		return []string{fmt.Sprintf("%s: command %q: %v", s.Name, s.Command, err)}
	}
	var faults []string
	if flags.NArg() > 0 {
		faults = append(faults, fmt.Sprintf("%s: command %q has words beside its flags", s.Name, s.Command))
	}
	if partitions, err := flags.GetInt("create-topics"); err != nil || partitions < 2 {
		faults = append(faults, fmt.Sprintf("%s: two processors cannot share %d partitions", s.Name, partitions))
	}
	return faults
}

// variableFaults wants every variable to be one of a setting, which has a flag.
func variableFaults(s types.ServiceConfig) []string {
	var faults []string
	for name := range s.Environment {
		setting, ours := strings.CutPrefix(name, "GOKAVRO_")
		flag := strings.ToLower(strings.ReplaceAll(setting, "_", "-"))
		if !ours || slices.Contains([]string{"config", "validate", "schemas"}, flag) || runner.Flags().Lookup(flag) == nil {
			faults = append(faults, fmt.Sprintf("%s: cmd/flights does not read the variable %s", s.Name, name))
		}
	}
	return faults
}

// addressFaults wants the processors to call addresses that the other services
// really have.
func addressFaults(project *types.Project, s types.ServiceConfig) []string {
	var faults []string
	brokers := variable(s, "GOKAVRO_BROKERS")
	advertised := variable(project.Services["kafka"], "KAFKA_ADVERTISED_LISTENERS")
	if !slices.Contains(strings.Split(advertised, ","), "CONTAINERS://"+brokers) {
		faults = append(faults, fmt.Sprintf("%s: GOKAVRO_BROKERS is %q, kafka advertises %q", s.Name, brokers, advertised))
	}
	registry := variable(s, "GOKAVRO_REGISTRY")
	address, err := url.Parse(registry)
	listens := variable(project.Services["schema-registry"], "SCHEMA_REGISTRY_LISTENERS")
	if err != nil || address.Hostname() != "schema-registry" || !strings.HasSuffix(listens, ":"+address.Port()) {
		faults = append(faults, fmt.Sprintf("%s: GOKAVRO_REGISTRY is %q, schema-registry listens on %q", s.Name, registry, listens))
	}
	return faults
}

// stateVolume names the volume on the processor's state folder.
func stateVolume(s types.ServiceConfig) string {
	for _, volume := range s.Volumes {
		if volume.Type == types.VolumeTypeVolume && volume.Target == variable(s, "GOKAVRO_STATE") {
			return volume.Source
		}
	}
	return ""
}

func variable(s types.ServiceConfig, name string) string {
	if value := s.Environment[name]; value != nil {
		return *value
	}
	return ""
}
