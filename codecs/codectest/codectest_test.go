package codectest

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unsafe"

	"github.com/gokavro/gokavro/codecs"
)

// row has a part of each kind that a codec may share by mistake.
type row struct {
	Name string
	List []int
	Map  map[string]int
}

func rows() []row {
	return []row{
		{Name: "a", List: []int{1, 2, 3}, Map: map[string]int{"x": 1}},
		{Name: "b", List: []int{4}, Map: map[string]int{"y": 2}},
	}
}

// broken is the JSON codec with one method replaced.
type broken struct {
	codecs.Codec[row]
	encode     func(value any) ([]byte, error)
	decode     func(data []byte) (any, error)
	appendJSON func(dst []byte, value *row) ([]byte, error)
	read       func(data []byte, into *row) error
	headers    bool
}

func (b broken) Encode(value any) ([]byte, error) {
	if b.encode != nil {
		return b.encode(value)
	}
	return b.Codec.Encode(value)
}

func (b broken) Decode(data []byte) (any, error) {
	if b.decode != nil {
		return b.decode(data)
	}
	return b.Codec.Decode(data)
}

func (b broken) Append(dst []byte, value *row) ([]byte, error) {
	if b.appendJSON != nil {
		return b.appendJSON(dst, value)
	}
	return b.Codec.Append(dst, value)
}

func (b broken) Read(data []byte, into *row) error {
	if b.read != nil {
		return b.read(data, into)
	}
	return b.Codec.Read(data, into)
}

// EncodeWithHeaders puts the bytes into a header, from which nobody takes them
// back.
func (b broken) EncodeWithHeaders(value any) ([]byte, map[string][]byte, error) {
	data, err := b.Encode(value)
	if err != nil || !b.headers {
		return data, nil, err
	}
	return []byte("{}"), map[string][]byte{"all": data}, nil
}

func (b broken) DecodeWithHeaders(data []byte, _ map[string][]byte) (any, error) {
	return b.Decode(data)
}

func TestSuiteSeesEachFault(t *testing.T) {
	t.Parallel()
	right := codecs.JSON[row]()
	var scratch []byte
	tests := []struct {
		check string
		codec broken
	}{
		{"both faces read what both wrote", broken{decode: func([]byte) (any, error) { return &row{Name: "other"}, nil }}},
		{"append keeps what was there", broken{appendJSON: func(_ []byte, value *row) ([]byte, error) { return right.Append(nil, value) }}},
		{"append gives dst back after an error", broken{appendJSON: func(dst []byte, value *row) ([]byte, error) {
			if value == nil {
				return append(dst, "half"...), errors.New("nil")
			}
			return right.Append(dst, value)
		}}},
		{"encoded bytes are the caller's", broken{encode: func(value any) ([]byte, error) {
			v, err := codecs.Value[row](value)
			if err != nil {
				return nil, err
			}
			scratch, err = right.Append(scratch[:0], &v)
			return scratch, err
		}}},
		{"encoding never gives nil", broken{encode: func(any) ([]byte, error) { return nil, nil }}},
		{"records with headers come back", broken{headers: true}},
		{"decoded values keep no bytes", broken{read: func(data []byte, into *row) error {
			if err := right.Read(data, into); err != nil {
				return err
			}
			start := bytes.IndexByte(data, ':') + 2
			into.Name = unsafe.String(&data[start], len(into.Name))
			return nil
		}}},
		{"reading replaces the whole value", broken{read: func(data []byte, into *row) error { return json.Unmarshal(data, into) }}},
		{"a wrong type is an error", broken{encode: func(value any) ([]byte, error) {
			if v, err := codecs.Value[row](value); err == nil {
				return right.Encode(v)
			}
			return []byte("{}"), nil
		}}},
		{"a nil value is an error", broken{encode: func(value any) ([]byte, error) {
			if value == nil {
				return []byte("{}"), nil
			}
			return right.Encode(value)
		}}},
		{"bad bytes are refused", broken{read: func(data []byte, into *row) error {
			var value row
			err := json.Unmarshal(data, &value)
			*into = value
			return err
		}}},
		{"cut bytes are refused", broken{decode: func(data []byte) (any, error) {
			if v, err := right.Decode(data); err == nil {
				return v, nil
			}
			return &row{}, nil
		}}},
		{"trailing bytes are refused", broken{decode: func(data []byte) (any, error) {
			var value row
			err := json.NewDecoder(strings.NewReader(string(data))).Decode(&value)
			if err != nil {
				return nil, err
			}
			return &value, nil
		}}},
		{"concurrent use", broken{read: func([]byte, *row) error { panic("not safe") }}},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		seen[tt.check] = true
	}
	for _, c := range checks[row]() {
		if !seen[c.name] {
			t.Errorf("no broken codec for the check %q", c.name)
		}
	}
	for _, tt := range tests {
		t.Run(tt.check, func(t *testing.T) {
			t.Parallel()
			tt.codec.Codec = right
			suite := Suite[row]{
				New:    func(testing.TB) codecs.Codec[row] { return tt.codec },
				Values: rows(),
				Bad:    [][]byte{[]byte(`{"Name":"c","List":[1],"Map":7}`)},
			}
			if err := suite.validate(); err != nil {
				t.Fatal(err)
			}
			for _, c := range checks[row]() {
				if c.name == tt.check && suite.run(t, c) == nil {
					t.Errorf("the check found no fault in a broken codec")
				}
			}
		})
	}
}

func TestSuiteAcceptsASoundCodec(t *testing.T) {
	t.Parallel()
	Run(t, Suite[row]{
		New:    func(testing.TB) codecs.Codec[row] { return codecs.JSON[row]() },
		Values: rows(),
		Bad:    [][]byte{nil, []byte(`{"Name":7}`), []byte(`[]`)},
	})
}

func TestSuiteNeedsACodecAndDifferentValues(t *testing.T) {
	t.Parallel()
	codec := func(testing.TB) codecs.Codec[row] { return codecs.JSON[row]() }
	tests := []struct {
		name  string
		suite Suite[row]
		want  string
	}{
		{"no codec", Suite[row]{Values: rows()}, "codectest: the suite has no New"},
		{"one value", Suite[row]{New: codec, Values: rows()[:1]}, "codectest: the suite has 1 values: give at least two"},
		{"equal values", Suite[row]{New: codec, Values: append(rows(), rows()[1])}, "codectest: values 1 and 2 of the suite are equal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := tt.suite.validate(); err == nil || err.Error() != tt.want {
				t.Errorf("validate: got %v, want %s", err, tt.want)
			}
		})
	}
}
