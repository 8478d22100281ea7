package plan

import "unsafe"

// Decode reads data into a zeroed value of the decoder's own type T.
func Decode[T any](d *Decoder, data []byte, into *T) error {
	return d.Decode(data, unsafe.Pointer(into))
}

// Append appends the binary form of a value of the encoder's own type T.
func Append[T any](e *Encoder, dst []byte, value *T) ([]byte, error) {
	return e.Append(dst, unsafe.Pointer(value))
}

// AppendDirect is [Append] for a value whose fields are all short scalars,
// where dst has room for it; ok tells whether it was one. Callers inline it.
func AppendDirect[T any](e *Encoder, dst []byte, value *T) (_ []byte, ok bool) {
	o, n := writeDirect(e.root, e.first, dst, unsafe.Pointer(value))
	return dst[:n], o.code == encodeEnd
}
