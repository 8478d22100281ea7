package compile

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/lovoo/goka"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/topology/graph"
)

// input is what the steps are given for a record of an input: its bytes, and
// what came of decoding them.
type input struct {
	raw   []byte
	value any
	err   error
}

var errNoValue = errors.New("the record has no value (a tombstone), and a stream's records must have one")

// inputCodec is the goka.Codec of an input. Its Decode never fails: goka would
// stop the whole processor, while the callback can keep the record as a dead
// letter, or try again when the registry does not answer.
type inputCodec struct{ codec codecs.Untyped }

// Encode is never called for an input.
func (c inputCodec) Encode(value any) ([]byte, error) { return c.codec.Encode(value) }

// Decode returns an *input. One whose codec looks at headers, which goka has for
// the callback only, is decoded there.
func (c inputCodec) Decode(data []byte) (any, error) {
	in := &input{raw: data}
	if _, later := c.codec.(codecs.HeaderCodec); !later {
		in.decode(c.codec, nil)
	}
	return in, nil
}

func (in *input) decode(codec codecs.Untyped, headers goka.Headers) {
	in.value, in.err = nil, nil
	if in.raw == nil {
		in.err = errNoValue
		return
	}
	defer func() {
		if r := recover(); r != nil {
			in.value, in.err = nil, fmt.Errorf("the codec %w", &graph.PanicError{Value: r, Stack: debug.Stack()})
		}
	}()
	if c, ok := codec.(codecs.HeaderCodec); ok {
		in.value, in.err = c.DecodeWithHeaders(in.raw, headers)
		return
	}
	in.value, in.err = codec.Decode(in.raw)
}
