package codectest

import (
	"fmt"

	"github.com/gokavro/gokavro/codecs"
)

func checkBad[T any](s *Suite[T], c codecs.Codec[T]) error {
	for _, data := range s.Bad {
		if err := s.refuses(c, data); err != nil {
			return err
		}
	}
	return nil
}

func checkCut[T any](s *Suite[T], c codecs.Codec[T]) error {
	if s.OpenEnded {
		return nil
	}
	return s.each(func(_ int, value T) error {
		data, err := c.Encode(value)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		for n := range data {
			// Clipped, so that the codec cannot look behind the cut.
			if err := s.refuses(c, data[:n:n]); err != nil {
				return fmt.Errorf("cut after %d of %d bytes: %w", n, len(data), err)
			}
		}
		return nil
	})
}

func checkTrailing[T any](s *Suite[T], c codecs.Codec[T]) error {
	if s.OpenEnded {
		return nil
	}
	return s.each(func(_ int, value T) error {
		data, err := c.Encode(value)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		for _, more := range [][]byte{{0}, {0xff}, data} {
			if err := s.refuses(c, append(append([]byte{}, data...), more...)); err != nil {
				return fmt.Errorf("with %d bytes behind it: %w", len(more), err)
			}
		}
		return nil
	})
}

// refuses expects an error from both faces, and a value that the failed
// reading left alone.
func (s *Suite[T]) refuses(c codecs.Codec[T], data []byte) error {
	if got, err := c.Decode(data); err == nil {
		return fmt.Errorf("decode of %q: got %+v and no error", data, got)
	} else if got != nil {
		return fmt.Errorf("decode of %q: got %+v beside the error %w", data, got, err)
	}
	for _, value := range s.Values {
		held, err := c.Encode(value)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		var into T
		if err := c.Read(held, &into); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if err := c.Read(data, &into); err == nil {
			return fmt.Errorf("read of %q: got %+v and no error", data, into)
		}
		if err := s.same(fmt.Sprintf("after the failed read of %q", data), into, value); err != nil {
			return err
		}
	}
	return nil
}
