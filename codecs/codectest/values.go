package codectest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/gokavro/gokavro/codecs"
)

func checkRoundTrip[T any](s *Suite[T], c codecs.Codec[T]) error {
	return s.each(func(_ int, value T) error {
		appended, err := c.Append(nil, &value)
		if err != nil {
			return fmt.Errorf("append: %w", err)
		}
		encoded, err := c.Encode(value)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		fromPointer, err := c.Encode(&value)
		if err != nil {
			return fmt.Errorf("encode of a pointer: %w", err)
		}
		for _, data := range [][]byte{appended, encoded, fromPointer} {
			if err := s.reads(c, data, value); err != nil {
				return err
			}
		}
		return nil
	})
}

// reads expects value from both faces.
func (s *Suite[T]) reads(c codecs.Codec[T], data []byte, value T) error {
	var read T
	if err := c.Read(data, &read); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if err := s.same("read", read, value); err != nil {
		return err
	}
	decoded, err := decode(c, data)
	if err != nil {
		return err
	}
	return s.same("decode", decoded, value)
}

func checkAppendKeeps[T any](s *Suite[T], c codecs.Codec[T]) error {
	return s.each(func(_ int, value T) error {
		before := []byte("before")
		for _, capacity := range []int{len(before), 1 << 16} {
			dst := append(make([]byte, 0, capacity), before...)
			out, err := c.Append(dst, &value)
			if err != nil {
				return fmt.Errorf("append: %w", err)
			}
			rest, found := bytes.CutPrefix(out, before)
			if !found {
				return fmt.Errorf("append to %q: got %q, which does not begin with it", before, out)
			}
			if err := s.reads(c, rest, value); err != nil {
				return err
			}
		}
		return nil
	})
}

func checkAppendFails[T any](s *Suite[T], c codecs.Codec[T]) error {
	refused := []*T{nil}
	for i := range s.Refused {
		refused = append(refused, &s.Refused[i])
	}
	for i, value := range refused {
		before := []byte("before")
		out, err := c.Append(append(make([]byte, 0, 1<<12), before...), value)
		if err == nil {
			return fmt.Errorf("append of refused value %d (0 is a nil pointer): got no error", i)
		}
		if !bytes.Equal(out, before) {
			return fmt.Errorf("append of refused value %d: got %q back, want %q", i, out, before)
		}
	}
	return nil
}

func checkEncodedIsOwned[T any](s *Suite[T], c codecs.Codec[T]) error {
	return s.each(func(_ int, value T) error {
		first, err := c.Encode(value)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		second, err := c.Encode(value)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		scribble(first[:cap(first)])
		if err := s.reads(c, second, value); err != nil {
			return fmt.Errorf("after a change of other encoded bytes: %w", err)
		}
		again, err := c.Encode(value)
		if err != nil {
			return fmt.Errorf("encode after a change of the encoded bytes: %w", err)
		}
		if err := s.reads(c, again, value); err != nil {
			return fmt.Errorf("after a change of the encoded bytes: %w", err)
		}
		return nil
	})
}

func checkEncodeNotNil[T any](s *Suite[T], c codecs.Codec[T]) error {
	return s.each(func(_ int, value T) error {
		for _, given := range []any{value, &value} {
			data, err := c.Encode(given)
			if err != nil {
				return fmt.Errorf("encode: %w", err)
			}
			if data == nil {
				return errors.New("encode: got nil, which is a tombstone, want bytes or an empty slice")
			}
		}
		return nil
	})
}

// checkHeaders is for codecs that look at headers.
func checkHeaders[T any](s *Suite[T], c codecs.Codec[T]) error {
	h, ok := c.(codecs.HeaderCodec)
	if !ok {
		return nil
	}
	return s.each(func(_ int, value T) error {
		data, headers, err := h.EncodeWithHeaders(value)
		if err != nil {
			return fmt.Errorf("encode with headers: %w", err)
		}
		if data == nil {
			return errors.New("encode with headers: got nil, which is a tombstone, want bytes or an empty slice")
		}
		if err := s.comesBack(h, data, headers, value); err != nil {
			return err
		}
		if data, err = h.Encode(value); err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		return s.comesBack(h, data, nil, value)
	})
}

func (s *Suite[T]) comesBack(h codecs.HeaderCodec, data []byte, headers map[string][]byte, value T) error {
	decoded, err := h.DecodeWithHeaders(data, headers)
	if err != nil {
		return fmt.Errorf("decode with %d headers: %w", len(headers), err)
	}
	got, err := codecs.Value[T](decoded)
	if err != nil {
		return err
	}
	return s.same(fmt.Sprintf("decode with %d headers", len(headers)), got, value)
}

func checkDecodedIsOwned[T any](s *Suite[T], c codecs.Codec[T]) error {
	return s.each(func(_ int, value T) error {
		data, err := c.Encode(value)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		decoded, err := decode(c, data)
		if err != nil {
			return err
		}
		var read T
		if err := c.Read(data, &read); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		scribble(data)
		return errors.Join(
			s.same("decode, after a change of the bytes", decoded, value),
			s.same("read, after a change of the bytes", read, value),
		)
	})
}

func checkReadReplaces[T any](s *Suite[T], c codecs.Codec[T]) error {
	return s.each(func(i int, old T) error {
		next := s.Values[(i+1)%len(s.Values)]
		oldData, err := c.Encode(old)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		nextData, err := c.Encode(next)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		var into T
		if err := c.Read(oldData, &into); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		shared := into // its slices and maps are those of into
		if err := c.Read(nextData, &into); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		return errors.Join(
			s.same("read over another value", into, next),
			s.same("a copy of the value that was read over", shared, old),
		)
	})
}

func checkWrongType[T any](s *Suite[T], c codecs.Codec[T]) error {
	type stranger struct{ _ chan int }
	for _, value := range []any{stranger{}, &stranger{}, make(chan int), func() {}, &s.Values} {
		if _, err := c.Encode(value); err == nil {
			return fmt.Errorf("encode of a %T: got no error", value)
		}
	}
	for i, value := range s.Refused {
		if _, err := c.Encode(value); err == nil {
			return fmt.Errorf("encode of refused value %d: got no error", i)
		}
	}
	return nil
}

func checkNil[T any](s *Suite[T], c codecs.Codec[T]) error {
	var none *T
	for _, value := range []any{nil, none} {
		if data, err := c.Encode(value); err == nil {
			return fmt.Errorf("encode of a nil %T: got %q and no error", value, data)
		}
	}
	data, err := c.Encode(s.Values[0])
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if err := c.Read(data, nil); err == nil {
		return errors.New("read into a nil pointer: got no error")
	}
	return nil
}

func checkConcurrent[T any](s *Suite[T], c codecs.Codec[T]) error {
	const goroutines, rounds = 8, 20
	faults := make(chan error, goroutines)
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			faults <- s.roundTrips(c, rounds)
		})
	}
	group.Wait()
	close(faults)
	for err := range faults {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Suite[T]) roundTrips(c codecs.Codec[T], rounds int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the codec panicked: %v", r)
		}
	}()
	for range rounds {
		if err := checkRoundTrip(s, c); err != nil {
			return err
		}
	}
	return nil
}

func scribble(data []byte) {
	for i := range data {
		data[i] ^= 0xa5
	}
}
