package table

import (
	"context"
	"fmt"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology/kafka"
	"github.com/gokavro/gokavro/topology/runner"
)

// folder is a table in a state folder.
type folder struct {
	options
	state *runner.StateFolder
	table runner.StateTable
}

func (f *folder) one(ctx context.Context) (rows []kafka.Record, where string, err error) {
	rows, err = f.all(ctx)
	return rows, fmt.Sprintf("the partitions %d of state folder %s", f.table.Partitions, f.dir), err
}

func (f *folder) all(ctx context.Context) ([]kafka.Record, error) {
	var rows []kafka.Record
	for row, err := range f.state.Rows(f.table, max(f.keys.from, f.keys.prefix), f.keys.to) {
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if f.keys.holds(row.Key) {
			rows = append(rows, kafka.Record{
				Topic: f.table.Topic, Partition: row.Partition, Offset: noOffset, Time: row.Time, Key: []byte(row.Key), Value: row.Value,
			})
		}
	}
	return rows, nil
}

// noOffset is that of a row, whose record is not known.
const noOffset = -1

// schemas are those that the state folder keeps, then those of the registry.
type schemas struct {
	kept     *avro.SchemaDir  // nil for a table in Kafka
	registry *registry.Client // nil without one
}

// Schema asks the folder before it asks the registry.
func (s schemas) Schema(ctx context.Context, subject string, ref avro.SchemaRef) (*avro.ParsedSchema, error) {
	err := fmt.Errorf("the schema of the %s is not known here", ref)
	if s.kept != nil {
		var found *avro.ParsedSchema
		if found, err = s.kept.Schema(ctx, subject, ref); err == nil {
			return found, nil
		}
	}
	if s.registry == nil {
		return nil, fmt.Errorf("%w: it is looked for in the registry that --registry names", err)
	}
	return avro.RegistrySchemas(s.registry).Schema(ctx, subject, ref)
}
