package datum

import (
	"slices"

	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// record reads the writer's fields in their order, and puts the reader's into
// theirs when that is another.
func (r *reading) record(a *resolve.Action) error {
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	base, first := len(r.dst), len(r.spans)
	r.spans = append(r.spans, make([]span, len(a.Reader.Fields))...)
	for i := range a.Fields {
		if err := r.field(&a.Fields[i], first); err != nil {
			return within(a.Fields[i].Name, err)
		}
	}
	for _, def := range a.Defaults {
		from := len(r.dst)
		if err := r.put(r.defaults[def.Field]); err != nil {
			return within(def.Field.Name, err)
		}
		r.spans[first+def.Index] = span{from, len(r.dst)}
	}
	r.sort(base, r.spans[first:])
	r.spans = r.spans[:first]
	return nil
}

func (r *reading) field(f *resolve.Field, first int) error {
	if f.Read == nil {
		return r.skip(f.Writer)
	}
	from := len(r.dst)
	err := r.read(f.Read)
	r.spans[first+f.Index] = span{from, len(r.dst)}
	return err
}

// sort puts the spans, which make up dst from base on, one after another.
func (r *reading) sort(base int, spans []span) {
	r.dst, r.order = inOrder(r.dst, r.order, base, spans)
}

func inOrder(dst, scratch []byte, base int, spans []span) (sorted, used []byte) {
	if slices.IsSortedFunc(spans, func(a, b span) int { return a.from - b.from }) {
		return dst, scratch
	}
	scratch = append(scratch[:0], dst[base:]...)
	dst = dst[:base]
	for _, s := range spans {
		dst = append(dst, scratch[s.from-base:s.to-base]...)
	}
	return dst, scratch
}
