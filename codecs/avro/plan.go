package avro

import "github.com/twmb/avro"

// Plan decodes data of one writer schema in the form of a reader's schema. It
// is safe for concurrent use.
type Plan struct {
	writer *ParsedSchema
	plan   *avro.Schema
}

// Resolve returns the plan for what writer wrote and reader reads. Schemas
// that do not go together are an error that names the field.
func Resolve(writer, reader *ParsedSchema) (*Plan, error) {
	plan, err := resolve(writer, reader)
	if err != nil {
		return nil, err
	}
	return &Plan{writer: writer, plan: plan}, nil
}

// Decode decodes the whole of datum into a pointer to a zero value; on an
// error what it points to is not to be used. An any holds unions as
// [FileReader.Read] gives them. The datum is checked first, also where the
// reader's schema does not need it.
func (p *Plan) Decode(datum []byte, into any) error {
	if err := p.writer.Validate(datum); err != nil {
		return err
	}
	return decodeAll(p.plan, datum, into)
}
