package avro_test

import (
	"math/big"
	"testing"

	"github.com/gokavro/gokavro/codecs"
	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/codectest"
)

// framedBad are bytes that are no Confluent message of a known schema.
func framedBad() [][]byte {
	return [][]byte{
		nil, {0}, {0, 0, 0, 0}, {0, 0, 0, 0, 0}, {1, 0, 0, 0, 1, 2}, {0, 255, 255, 255, 255, 2}, {0, 127, 255, 255, 255, 2},
	}
}

func TestTypedConforms(t *testing.T) {
	t.Parallel()
	tooPrecise := everythings()[1]
	tooPrecise.Price = big.NewRat(1, 3)
	suite := codectest.Suite[everything]{
		Values:  everythings(),
		Refused: []everything{tooPrecise},
		Bad:     [][]byte{nil, {1}, {2}, []byte("not Avro at all, though long enough for a few of the fields of it")},
		Equal:   sameParts[everything],
	}
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		suite := suite
		suite.New = func(testing.TB) codecs.Codec[everything] { return avro.Typed[everything](avro.Plain()) }
		codectest.Run(t, suite)
	})
	for _, wire := range []avro.Wire{avro.Confluent, avro.ConfluentGUID} {
		t.Run("framed as "+wire.String(), func(t *testing.T) {
			t.Parallel()
			suite, reg := suite, startRegistry(t)
			suite.Bad = append(framedBad(), suite.Bad...)
			suite.New = func(t testing.TB) codecs.Codec[everything] {
				return avro.Typed[everything](reg.open(t, "everything-value", avro.Format(wire))...)
			}
			codectest.Run(t, suite)
		})
	}
}

type card struct {
	Suit string  `avro:"suit"`
	Mark [2]byte `avro:"mark"`
}

const cardSchema = `{"type":"record","name":"Card","fields":[
	{"name":"suit","type":{"type":"enum","name":"Suit","symbols":["SPADES","HEARTS"]}},
	{"name":"mark","type":{"type":"fixed","name":"Mark","size":2}}]}`

func TestTypedWithAGivenSchemaConforms(t *testing.T) {
	t.Parallel()
	codectest.Run(t, codectest.Suite[card]{
		New: func(t testing.TB) codecs.Codec[card] {
			codec := avro.Typed[card](avro.Plain(), avro.Schema(cardSchema))
			if err := codec.Check(); err != nil {
				t.Fatal(err)
			}
			return codec
		},
		Values:  []card{{Suit: "SPADES"}, {Suit: "HEARTS", Mark: [2]byte{1, 2}}},
		Refused: []card{{}, {Suit: "STARS"}},
		Bad:     [][]byte{nil, {4, 0, 0}, {1, 0, 0}, {0, 0}},
	})
}

// An empty datum has no bytes at all, but is not a tombstone.
func TestEmptyRecordsConform(t *testing.T) {
	t.Parallel()
	data, err := avro.Typed[struct{}](avro.Plain(), avro.Schema(`{"type":"record","name":"Empty","fields":[]}`)).Encode(struct{}{})
	if err != nil || data == nil || len(data) != 0 {
		t.Errorf("encode: got %v and error %v, want an empty slice", data, err)
	}
}

const noteSchema = `{"type":"record","name":"Note","namespace":"example","fields":[
	{"name":"id","type":"long"},
	{"name":"text","type":["null","string"],"default":null},
	{"name":"tags","type":{"type":"array","items":"string"}},
	{"name":"marks","type":{"type":"map","values":"int"}},
	{"name":"raw","type":"bytes"}]}`

func notes() []map[string]any {
	return []map[string]any{
		{"id": int64(1), "text": nil, "tags": []any{}, "marks": map[string]any{}, "raw": []byte{}},
		{
			"id": int64(-1 << 40), "text": map[string]any{"string": "Zürich"}, "tags": []any{"a", "b"},
			"marks": map[string]any{"x": int32(1)}, "raw": []byte{1, 2},
		},
		{
			"id": int64(3), "text": map[string]any{"string": ""}, "tags": []any{"c"},
			"marks": map[string]any{"y": int32(-1)}, "raw": []byte{3},
		},
	}
}

func TestGenericConforms(t *testing.T) {
	t.Parallel()
	suite := codectest.Suite[map[string]any]{
		Values: notes(),
		Refused: []map[string]any{
			{},
			nil,
			{"id": "one", "text": nil, "tags": []any{}, "marks": map[string]any{}, "raw": []byte{}},
			{"id": int64(1), "text": "bare", "tags": []any{}, "marks": map[string]any{}, "raw": []byte{}},
		},
		Bad:   [][]byte{nil, {2}, {2, 4}, {2, 0, 1, 1}, {2, 2, 255}},
		Equal: sameParts[map[string]any],
	}
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		suite := suite
		suite.New = func(testing.TB) codecs.Codec[map[string]any] { return avro.Generic(noteSchema, avro.Plain()) }
		codectest.Run(t, suite)
	})
	t.Run("framed", func(t *testing.T) {
		t.Parallel()
		suite, reg := suite, startRegistry(t)
		suite.Bad = append(framedBad(), suite.Bad...)
		suite.New = func(t testing.TB) codecs.Codec[map[string]any] {
			return avro.Generic(noteSchema, reg.open(t, "note-value")...)
		}
		codectest.Run(t, suite)
	})
}
