package produce

import (
	"context"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/registry"
	"github.com/gokavro/gokavro/topology/kafka"
)

const (
	framingConfluent       = "confluent"
	framingConfluentHeader = "confluent-header"
	framingSingleObject    = "single-object"
	framingApicurio        = "apicurio"
	framingPlain           = "plain"
)

func framings() []string {
	return []string{framingConfluent, framingConfluentHeader, framingSingleObject, framingApicurio, framingPlain}
}

// frame is how records name their schema: by what stands before the datum, or
// by a header.
type frame struct {
	prefix  []byte
	headers []kafka.Header
}

// newFrame asks the registry for the name of a schema that is registered.
func newFrame(ctx context.Context, client *registry.Client, framing, subject string, schema *avro.ParsedSchema) (frame, error) {
	wire := map[string]avro.Wire{
		framingConfluentHeader: avro.ConfluentGUID, framingSingleObject: avro.SingleObject, framingApicurio: avro.Apicurio,
	}[framing]
	if framing == framingPlain {
		return frame{}, nil
	}
	ref, err := avro.RegistrySchemas(client).Ref(ctx, wire, subject, schema)
	if err != nil {
		return frame{}, err
	}
	name := avro.AppendFrame(nil, ref)
	if framing == framingConfluentHeader {
		return frame{headers: []kafka.Header{{Key: avro.ValueSchemaHeader, Value: name}}}, nil
	}
	return frame{prefix: name}, nil
}
