package devstack

import (
	"context"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// listeners returns what gives the first broker its listener, and the others new
// ones.
func listeners(ctx context.Context, first net.Listener) func(network, address string) (net.Listener, error) {
	return func(network, _ string) (net.Listener, error) {
		if next := first; next != nil {
			first = nil
			return next, nil
		}
		var config net.ListenConfig
		return config.Listen(ctx, network, DefaultAddr)
	}
}

// limits returns what keeps a broker from all that it can.
func (cfg Config) limits() ([]kfake.Opt, error) {
	var opts []kfake.Opt
	if cfg.KafkaVersion != "" {
		version := kversion.FromString(cfg.KafkaVersion)
		if version == nil {
			return nil, fmt.Errorf("devstack: there is no Kafka %q: use one such as 2.4", cfg.KafkaVersion)
		}
		opts = append(opts, kfake.MaxVersions(version))
	}
	if len(cfg.Denied) == 0 {
		return opts, nil
	}
	rules, err := cfg.rules()
	if err != nil {
		return nil, err
	}
	// Whoever does not sign in is ANONYMOUS; nobody has to.
	return append(opts, kfake.EnableACLs(), kfake.User("PLAIN", "ANONYMOUS", "", rules...)), nil
}

// rules allows everything but what is denied.
func (cfg Config) rules() ([]kfake.ACL, error) {
	var list []kfake.ACL
	for resource, name := range map[kmsg.ACLResourceType]string{
		kmsg.ACLResourceTypeTopic: "*", kmsg.ACLResourceTypeGroup: "*", kmsg.ACLResourceTypeTransactionalId: "*",
		kmsg.ACLResourceTypeCluster: "kafka-cluster",
	} {
		list = append(list, kfake.ACL{
			Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationAll, Allow: true,
		})
	}
	for _, denied := range cfg.Denied {
		resource, err := kmsg.ParseACLResourceType(denied.Resource)
		if err != nil {
			return nil, fmt.Errorf("devstack: denying %v: %w", denied, err)
		}
		operation, err := kmsg.ParseACLOperation(denied.Operation)
		if err != nil {
			return nil, fmt.Errorf("devstack: denying %v: %w", denied, err)
		}
		list = append(list, kfake.ACL{Resource: resource, Name: denied.Name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: operation})
	}
	return list, nil
}
