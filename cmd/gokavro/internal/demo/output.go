package demo

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	"github.com/gokavro/gokavro/cmd/gokavro/internal/outfile"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/examples/flights"
)

// output is the files of --out. Both are made before anything starts and take
// their names when they are whole.
type output struct {
	enriched, stats *outfile.File // nil without --out
}

func openOutput(dir string) (o output, err error) {
	if dir == "" {
		return output{}, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return output{}, fmt.Errorf("--out %s: the folder cannot be made: %w: give another", dir, cli.Cause(err))
	}
	if o.enriched, err = createOut(dir, flights.EnrichedTopic, flights.EnrichedCodec().Schema()); err != nil {
		return output{}, err
	}
	if o.stats, err = createOut(dir, flights.StatsTopic, flights.StatsCodec().Schema()); err != nil {
		o.discard()
		return output{}, err
	}
	return o, nil
}

// createOut starts the file of a topic's records in dir.
func createOut(dir, topic string, schema *avro.ParsedSchema) (*outfile.File, error) {
	file, err := outfile.Create(filepath.Join(dir, topic+".avro"))
	if err != nil {
		return nil, err
	}
	if err := file.Begin(schema); err != nil {
		file.Discard()
		return nil, err
	}
	return file, nil
}

// commit writes the table, and puts both files in place.
func (o output) commit(stats []flights.AirportStats) error {
	if o.stats == nil {
		return nil
	}
	for i := range stats {
		if err := o.stats.Write(&stats[i]); err != nil {
			return err
		}
	}
	if err := o.stats.Commit(); err != nil {
		return err
	}
	return o.enriched.Commit()
}

// discard removes what is not in place.
func (o output) discard() {
	for _, file := range []*outfile.File{o.enriched, o.stats} {
		if file != nil {
			file.Discard()
		}
	}
}
