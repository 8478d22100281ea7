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
