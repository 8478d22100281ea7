package runner

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/knadh/koanf/v2"
)

// values reads settings by their types and keeps what is not of its type:
// koanf itself gives the zero value then, or nanoseconds for a bare number.
type values struct {
	k     *koanf.Koanf
	wrong []string
}

func toConfig(k *koanf.Koanf) (Config, error) {
	v := &values{k: k}
	cfg := Config{
		Brokers:      v.list("brokers"),
		Registry:     v.list("registry"),
		StateDir:     v.text("state"),
		Bundle:       v.text("bundle"),
		UseLatest:    v.truth("use_latest"),
		Normalize:    v.truth("normalize"),
		CreateTopics: v.number("create_topics"),
		AutoRegister: v.truth("auto_register"),
		TopicPrefix:  v.text("topic_prefix"),
		Replication:  v.number("replication"),
		Partitioner:  Partitioner(v.text("partitioner")),
		Strict:       v.truth("strict"),
		Delivery:     Delivery(v.text("delivery")),
		DialTimeout:  v.duration("dial_timeout"),
		StopTimeout:  v.duration("stop_timeout"),
		NumStandby:   v.number("num_standby"),
		Wait:         v.truth("wait"),
		FetchBytes:   v.size("fetch_bytes"),
		BufferBytes:  v.size("buffer_bytes"),
		CacheBytes:   v.size("cache_bytes"),
		LogLevel:     v.text("log_level"),
	}
	cfg.Side, cfg.From, cfg.Until = v.text("side"), v.text("from"), v.text("until")
	cfg.KeepMembership = v.truth("keep_membership")
	cfg.RegistryUser, cfg.RegistryPassword = v.text("registry_user"), v.text("registry_password")
	cfg.RegistryToken, cfg.RegistryCAFile = v.text("registry_token"), v.text("registry_ca_file")
	cfg.RegistryCertFile, cfg.RegistryKeyFile = v.text("registry_cert_file"), v.text("registry_key_file")
	cfg.MinInsyncReplicas = v.number("min_insync_replicas")
	if len(v.wrong) > 0 {
		return Config{}, fmt.Errorf("configuration: %s", strings.Join(v.wrong, "; "))
	}
	return cfg, nil
}

func (v *values) refuse(name, want string) {
	v.wrong = append(v.wrong, fmt.Sprintf("%s is %q: give %s", name, fmt.Sprint(v.k.Get(name)), want))
}

// scalar returns a value as text, and whether it is one; a value that is
// missing is empty.
func scalar(value any) (string, bool) {
	switch value.(type) {
	case nil:
		return "", true
	case string, bool, int, int64, uint64, float64, time.Duration:
		return strings.TrimSpace(fmt.Sprint(value)), true
	}
	return "", false
}

func (v *values) text(name string) string {
	text, ok := scalar(v.k.Get(name))
	if !ok {
		v.refuse(name, "it as text")
	}
	return text
}

func (v *values) number(name string) int {
	text, ok := scalar(v.k.Get(name))
	if ok && text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if !ok || err != nil {
		v.refuse(name, "a number")
	}
	return n
}

func (v *values) truth(name string) bool {
	text, ok := scalar(v.k.Get(name))
	if ok && text == "" {
		return false
	}
	b, err := strconv.ParseBool(text)
	if !ok || err != nil {
		v.refuse(name, "true or false")
	}
	return b
}

func (v *values) duration(name string) time.Duration {
	text, ok := scalar(v.k.Get(name))
	if ok && text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if !ok || err != nil || d <= 0 {
		v.refuse(name, "a duration above 0, such as 20s")
	}
	return d
}

func (v *values) size(name string) int {
	text, ok := scalar(v.k.Get(name))
	if ok && text == "" {
		return 0
	}
	bytes, valid := parseSize(text)
	if !ok || !valid || bytes == 0 {
		v.refuse(name, "a size above 0, such as 64MiB")
	}
	return bytes
}

// list returns a list that is written as one, or as text with commas.
func (v *values) list(name string) []string {
	var parts []any
	switch value := v.k.Get(name).(type) {
	case []any:
		parts = value
	case []string:
		for _, part := range value {
			parts = append(parts, part)
		}
	default:
		parts = []any{value}
	}
	var items []string
	for _, part := range parts {
		text, ok := scalar(part)
		if !ok {
			v.refuse(name, "a list, or text with commas between its items")
			return nil
		}
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
	}
	return items
}
