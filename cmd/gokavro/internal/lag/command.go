// Package lag is the command that tells how far a group is behind.
package lag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/cluster"
	"github.com/gokavro/gokavro/topology/kafka"
)

// Command returns `gokavro lag`.
func Command() *cobra.Command {
	var group string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lag --group GROUP",
		Short: "Tell how many records a group has still to process",
		Long: "Prints how many records each partition holds behind the offset that the group has\n" +
			"committed. Only records that a reader is shown count: no transaction markers, aborted or\n" +
			"compacted ones. To count them, they are read. A partition without a commit counts from\n" +
			"its beginning, if the group has committed another one of the topic.",
		Example: "  gokavro lag --group flights\n  gokavro lag --group flights --json",
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&group, "group", "", "consumer `GROUP` (required)")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	connection := cluster.BindKafka(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if group == "" {
			return cli.Usage(errors.New("no group: give --group"))
		}
		cfg, err := connection.CheckKafka()
		if err != nil {
			return err
		}
		client, err := kafka.Dial(cmd.Context(), cfg)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, client.Close()) }()
		found, err := measure(cmd.Context(), client, group)
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(found)
		}
		return found.print(cmd.OutOrStdout())
	}
	return cmd
}

// lag is what a group is behind.
type lag struct {
	Group      string      `json:"group"`
	Lag        int64       `json:"lag"`
	Partitions []partition `json:"partitions"`
}

type partition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Committed *int64 `json:"committed"` // nil if nothing is
	End       int64  `json:"end"`
	Lag       int64  `json:"lag"`
}

func measure(ctx context.Context, client *kafka.Client, group string) (*lag, error) {
	committed, err := client.Committed(group)
	if err != nil {
		return nil, err
	}
	if len(committed) == 0 {
		return nil, fmt.Errorf("group %q has committed nothing: correct the name, or let it process a record", group)
	}
	found := &lag{Group: group}
	for _, topic := range slices.Sorted(maps.Keys(committed)) {
		count, err := client.Partitions(topic)
		if err != nil {
			return nil, err
		}
		for number := range count {
			p := partition{Topic: topic, Partition: number}
			if offset, ok := committed[topic][number]; ok {
				p.Committed = &offset
			}
			if err := p.measure(ctx, client); err != nil {
				return nil, err
			}
			found.Partitions = append(found.Partitions, p)
			found.Lag += p.Lag
		}
	}
	return found, nil
}

// measure counts the visible records behind the commit.
func (p *partition) measure(ctx context.Context, client *kafka.Client) error {
	from, err := client.Offset(p.Topic, p.Partition, kafka.Beginning())
	if err != nil {
		return err
	}
	if p.End, err = client.EndOffset(p.Topic, p.Partition, kafka.ReadCommitted); err != nil {
		return err
	}
	if p.Committed != nil {
		from = max(from, *p.Committed)
	}
	if from >= p.End {
		return nil
	}
	part := kafka.Range{Topic: p.Topic, Partition: p.Partition, From: from, To: p.End}
	return client.ReadBulk(ctx, part, func(piece kafka.Bulk) error {
		p.Lag += int64(len(piece.Records))
		return nil
	})
}

func (l *lag) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TOPIC\tPARTITION\tCOMMITTED\tEND\tLAG")
	for _, p := range l.Partitions {
		committed := "-"
		if p.Committed != nil {
			committed = strconv.FormatInt(*p.Committed, 10)
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%d\n", p.Topic, p.Partition, committed, p.End, p.Lag)
	}
	fmt.Fprintf(table, "total\t\t\t\t%d\n", l.Lag)
	return table.Flush()
}
