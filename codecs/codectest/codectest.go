// Package codectest is the conformance suite of [codecs.Codec]: what topologies
// and goka rely on, checked on any implementation.
//
//	func TestCodecConforms(t *testing.T) {
//		codectest.Run(t, codectest.Suite[int64]{
//			New:    func(testing.TB) codecs.Codec[int64] { return codecs.Int64() },
//			Values: []int64{0, 1, -1},
//			Bad:    [][]byte{{1, 2, 3}},
//		})
//	}
package codectest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/gokavro/gokavro/codecs"
)

// Suite says what [Run] tests a codec with.
type Suite[T any] struct {
	// New returns the codec. It is called once for each check.
	New func(t testing.TB) codecs.Codec[T]
	// Values are values that the codec can encode: at least two, different in
	// every part.
	Values []T
	// Refused are values that Encode must refuse beside those of another type.
	Refused []T
	// Bad are bytes that must be refused, beside the cut and the lengthened
	// ones that Run makes.
	Bad [][]byte
	// Equal compares two values. Default: reflect.DeepEqual.
	Equal func(a, b T) bool
	// OpenEnded is for a format that has no end of its own, such as text: a part
	// of a datum is a datum, and so is a datum with more bytes behind it. Run
	// then leaves out the checks of cut and lengthened data.
	OpenEnded bool
}

// Run tests a codec, each check in a parallel subtest. Run it with the race
// detector too.
func Run[T any](t *testing.T, suite Suite[T]) {
	t.Helper()
	if err := suite.validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range checks[T]() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if err := suite.run(t, c); err != nil {
				t.Error(err)
			}
		})
	}
}

func (s *Suite[T]) validate() error {
	if s.New == nil {
		return errors.New("codectest: the suite has no New")
	}
	if len(s.Values) < 2 {
		return fmt.Errorf("codectest: the suite has %d values: give at least two", len(s.Values))
	}
	if s.Equal == nil {
		s.Equal = func(a, b T) bool { return reflect.DeepEqual(a, b) }
	}
	for i, a := range s.Values {
		for j, b := range s.Values[:i] {
			if s.Equal(a, b) {
				return fmt.Errorf("codectest: values %d and %d of the suite are equal", j, i)
			}
		}
	}
	return nil
}

// check is one rule; its test returns how the codec breaks it.
type check[T any] struct {
	name string
	test func(s *Suite[T], c codecs.Codec[T]) error
}

func checks[T any]() []check[T] {
	return []check[T]{
		{"both faces read what both wrote", checkRoundTrip[T]},
		{"append keeps what was there", checkAppendKeeps[T]},
		{"append gives dst back after an error", checkAppendFails[T]},
		{"encoded bytes are the caller's", checkEncodedIsOwned[T]},
		{"encoding never gives nil", checkEncodeNotNil[T]},
		{"records with headers come back", checkHeaders[T]},
		{"decoded values keep no bytes", checkDecodedIsOwned[T]},
		{"reading replaces the whole value", checkReadReplaces[T]},
		{"a wrong type is an error", checkWrongType[T]},
		{"a nil value is an error", checkNil[T]},
		{"bad bytes are refused", checkBad[T]},
		{"cut bytes are refused", checkCut[T]},
		{"trailing bytes are refused", checkTrailing[T]},
		{"concurrent use", checkConcurrent[T]},
	}
}

// run makes a panic a fault of the codec.
func (s *Suite[T]) run(t testing.TB, c check[T]) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the codec panicked: %v", r)
		}
	}()
	return c.test(s, s.New(t))
}

// each calls test with every value and its index.
func (s *Suite[T]) each(test func(i int, value T) error) error {
	for i, value := range s.Values {
		if err := test(i, value); err != nil {
			return fmt.Errorf("value %d: %w", i, err)
		}
	}
	return nil
}

// same compares a value with what was expected.
func (s *Suite[T]) same(what string, got, want T) error {
	if !s.Equal(got, want) {
		return fmt.Errorf("%s: got %+v, want %+v", what, got, want)
	}
	return nil
}

// decode uses the untyped face and takes the T out of what it gave.
func decode[T any](c codecs.Codec[T], data []byte) (T, error) {
	got, err := c.Decode(data)
	if err != nil {
		var none T
		return none, fmt.Errorf("decode: %w", err)
	}
	return codecs.Value[T](got)
}
