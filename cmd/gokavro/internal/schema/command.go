// Package schema is the command that looks at schemas: their canonical form,
// their fingerprints, whether one reads what another wrote, Go code for them, and
// files of those that a registry holds.
package schema

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/source"
	"github.com/gokavro/gokavro/codecs/avro"
)

// Command returns `gokavro schema`.
func Command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Look at Avro schemas and check that they fit",
		Long:  "Looks at Avro schemas; only bundle needs a registry. A FILE of - is standard input.",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(canonicalCommand(), fingerprintCommand(), checkCommand(), genCommand(), bundleCommand())
	return cmd
}

func canonicalCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "canonical FILE",
		Short: "Print the Parsing Canonical Form of a schema",
		Long: "Prints the Parsing Canonical Form of the Avro specification: what the schema says about\n" +
			"bytes, and nothing else, always written in the same way.",
		Example: "  gokavro schema canonical user.avsc",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			parsed, err := source.Schema(cmd, args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), parsed.Canonical())
			return err
		},
	}
}

const (
	crc64Sum  = "crc64"
	md5Sum    = "md5"
	sha256Sum = "sha256"
)

func fingerprintCommand() *cobra.Command {
	var algorithm string
	cmd := &cobra.Command{
		Use:   "fingerprint FILE",
		Short: "Print the fingerprint of a schema",
		Long: "Prints the fingerprint of the schema's canonical form, in lower-case hex. That of crc64\n" +
			"(CRC-64-AVRO) is in the byte order of the single-object encoding.",
		Example: "  gokavro schema fingerprint --algorithm sha256 user.avsc",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			sum, err := summer(algorithm)
			if err != nil {
				return cli.Usage(err)
			}
			parsed, err := source.Schema(cmd, args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), sum(parsed))
			return err
		},
	}
	cmd.Flags().StringVar(&algorithm, "algorithm", crc64Sum, "`NAME` of the fingerprint: crc64, md5 or sha256")
	_ = cmd.RegisterFlagCompletionFunc("algorithm", cobra.FixedCompletions(
		[]string{crc64Sum, md5Sum, sha256Sum}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// summer returns the function that makes a fingerprint.
func summer(algorithm string) (func(*avro.ParsedSchema) string, error) {
	switch algorithm {
	case crc64Sum:
		return (*avro.ParsedSchema).Fingerprint, nil
	case md5Sum:
		return func(s *avro.ParsedSchema) string {
			sum := md5.Sum([]byte(s.Canonical()))
			return hex.EncodeToString(sum[:])
		}, nil
	case sha256Sum:
		return func(s *avro.ParsedSchema) string {
			sum := sha256.Sum256([]byte(s.Canonical()))
			return hex.EncodeToString(sum[:])
		}, nil
	}
	return nil, fmt.Errorf("--algorithm %q: use crc64, md5 or sha256", algorithm)
}
