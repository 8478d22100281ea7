package dlq

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"

	letters "github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/runner/deadletters"
)

type options struct {
	topology     string
	places       []string
	pattern      string
	key          string
	since, until string
	state        string
	partitions   []int
	filter       deadletters.Filter

	asJSON, again, execute bool
	edit                   string
}

// bind adds the flags that say which letters are meant.
func (o *options) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.topology, "topology", "", "`NAME` of the topology, with the topic prefix before it, or of the goka group (required)")
	flags.StringSliceVar(&o.places, "letter", nil, "only the letter `PARTITION/OFFSET`; may be repeated")
	flags.StringVar(&o.filter.Topic, "topic", "", "only records of this `TOPIC`")
	flags.IntSliceVar(&o.partitions, "partition", nil, "only records of partition `P` of their topic; may be repeated")
	flags.Int64Var(&o.filter.From, "from-offset", 0, "only records of offset `N` or more")
	flags.Int64Var(&o.filter.To, "to-offset", 0, "only records before offset `N`")
	flags.StringVar(&o.since, "since", "", "only records of `TIME` (RFC 3339) or later")
	flags.StringVar(&o.until, "until", "", "only records before `TIME`")
	flags.StringVar(&o.filter.Step, "step", "", "only records that failed at `STEP`, or could not be decoded by that input")
	flags.StringVar(&o.pattern, "error", "", "only errors in which the regular expression `REGEXP` is found")
	flags.StringVar(&o.key, "key", "", "only records with this `KEY`")
}

// bindPrinting adds the flags of the commands that only print.
func (o *options) bindPrinting(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.state, "state", "", "only letters of `STATE`: open, replayed or dropped")
	var names []string
	for _, s := range states() {
		names = append(names, string(s))
	}
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print one JSON object a letter")
}

// check finds what is wrong with the command line itself, and makes the filter.
func (o *options) check(cmd *cobra.Command) (err error) {
	for _, text := range o.places {
		place, err := deadletters.ParsePlace(text)
		if err != nil {
			return fmt.Errorf("--letter %q: write PARTITION/OFFSET, as `gokavro dlq list` does", text)
		}
		o.filter.Places = append(o.filter.Places, place)
	}
	if o.filter.Since, err = parseTime("since", o.since); err != nil {
		return err
	}
	if o.filter.Until, err = parseTime("until", o.until); err != nil {
		return err
	}
	if o.pattern != "" {
		if o.filter.Error, err = regexp.Compile(o.pattern); err != nil {
			return fmt.Errorf("--error %q is no regular expression: %w", o.pattern, err)
		}
	}
	if cmd.Flags().Changed("key") {
		o.filter.Key = []byte(o.key)
	}
	for _, p := range o.partitions {
		if p < 0 || p > math.MaxInt32 {
			return fmt.Errorf("--partition %d: give the number of a partition, from 0 on", p)
		}
		o.filter.Partitions = append(o.filter.Partitions, int32(p))
	}
	return o.checkRest(cmd)
}

func (o *options) checkRest(cmd *cobra.Command) error {
	switch {
	case o.filter.From < 0 || o.filter.To < 0:
		return errors.New("--from-offset and --to-offset: give a number of 0 or more")
	case o.filter.To > 0 && o.filter.To <= o.filter.From:
		return fmt.Errorf("--to-offset %d is not above --from-offset %d: no record lies between them", o.filter.To, o.filter.From)
	case o.edit == "" && cmd.Flags().Changed("edit"):
		return errors.New("--edit is empty: name a file, or leave it out to replay records as they were")
	case o.state != "" && !slices.Contains(states(), letters.State(o.state)):
		return fmt.Errorf("--state %q: use open, replayed or dropped", o.state)
	}
	if o.state != "" {
		o.filter.States = []letters.State{letters.State(o.state)}
	}
	if o.again {
		o.filter.States = states()
	}
	return nil
}

func parseTime(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("--%s %q: write a time as 2026-01-31T12:00:00Z", flag, text)
	}
	return at, nil
}
