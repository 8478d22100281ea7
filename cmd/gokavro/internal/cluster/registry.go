package cluster

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology/runner"
)

const defaultDialTimeout = 20 * time.Second

// RegistryFlags are the values of the flags by which one command finds the
// schema registry.
type RegistryFlags struct {
	urls        []string
	access      *pflag.FlagSet
	dialTimeout time.Duration
	normalize   bool
}

// Normalize has the registry compare and keep schemas in their normal form.
func (f *RegistryFlags) Normalize() { f.normalize = true }

// BindRegistry adds the flags of the schema registry to cmd.
func BindRegistry(cmd *cobra.Command) *RegistryFlags {
	f := &RegistryFlags{access: pflag.NewFlagSet("access", pflag.ContinueOnError)}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.urls, "registry", nil,
		"schema registry `URL`s, separated by commas (or $"+RegistryVariable+")")
	f.access.SortFlags = false
	runner.RegistryFlags(f.access)
	flags.AddFlagSet(f.access)
	flags.DurationVar(&f.dialTimeout, "dial-timeout", defaultDialTimeout,
		"how long an unreachable broker or registry is tried")
	return f
}

// Client reads the environment for flags that were not given and returns a
// client, or a usage error for what is missing or wrong.
func (f *RegistryFlags) Client() (*registry.Client, error) {
	urls, err := orVariable(f.urls, "registry", RegistryVariable)
	if err != nil {
		return nil, err
	}
	return f.client(urls)
}

// OptionalClient is Client for a command that does without a registry: it
// returns nil when none is given.
func (f *RegistryFlags) OptionalClient() (*registry.Client, error) {
	urls := orEnvironment(f.urls, RegistryVariable)
	if len(urls) == 0 {
		return nil, checkTimeout(f.dialTimeout)
	}
	return f.client(urls)
}

func (f *RegistryFlags) client(urls []string) (*registry.Client, error) {
	if err := checkTimeout(f.dialTimeout); err != nil {
		return nil, err
	}
	client, err := registry.New(registry.Config{
		URLs: urls, Timeout: f.dialTimeout, Normalize: f.normalize,
		BasicUser: f.text("registry-user"), BasicPassword: f.text("registry-password"), Bearer: f.text("registry-token"),
		CAFile: f.text("registry-ca-file"), CertFile: f.text("registry-cert-file"), KeyFile: f.text("registry-key-file"),
	})
	if err != nil {
		return nil, cli.Usage(fmt.Errorf("--registry: %w", err))
	}
	return client, nil
}

func checkTimeout(d time.Duration) error {
	if d <= 0 {
		return cli.Usage(fmt.Errorf("--dial-timeout %s: give a duration above 0, such as 20s", d))
	}
	return nil
}

// text returns a flag, or the variable of its name: $GOKAVRO_REGISTRY_USER for
// --registry-user.
func (f *RegistryFlags) text(name string) string {
	variable := "GOKAVRO_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	return cmp.Or(f.access.Lookup(name).Value.String(), os.Getenv(variable))
}

func orVariable(given []string, flag, variable string) ([]string, error) {
	list := orEnvironment(given, variable)
	if len(list) == 0 {
		return nil, cli.Usage(fmt.Errorf("no %s: give --%s or set %s", flag, flag, variable))
	}
	return list, nil
}

func orEnvironment(given []string, variable string) (list []string) {
	if len(given) == 0 {
		given = strings.Split(os.Getenv(variable), ",")
	}
	for _, item := range given {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}
