package gen_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/codecs/avro/internal/gen/testdata/airline"
)

// flight sets every field but those that may be nil.
func flight() airline.Flight {
	at := time.Date(2024, 2, 29, 23, 59, 58, 0, time.UTC)
	boss := airline.Person{Name: "Ada", Flights: []airline.Flight{}}
	return airline.Flight{
		ID: 1 << 40, OriginIATA: "HAM", OriginIATA2: "BRE", X1st: true, Seats: -3, Load: 0.5, DistanceKm: 1e300,
		Raw: []byte{0, 255}, Digest: [4]byte{1, 2, 3, 4}, Status: airline.StatusInAir2,
		Departs: at, AtGate: at, Local: at, Day: at.Truncate(24 * time.Hour), Boards: 3 * time.Hour, Closes: 5 * time.Microsecond,
		Price: big.NewRat(-12345, 100), Odd: []byte{7},
		Ref: "0f8fad5b-d9cb-469f-a165-70867728950e", Ref16: "7c9e6679-7425-40de-944b-e07fc1f90ae7", Rest: [12]byte{11: 9},
		Crew: []airline.Person{{Name: "Bob", Boss: &boss, Flights: []airline.Flight{}}}, Captain: boss,
		Tags: map[string]string{"a": "b"}, Single: "s", Place: airline.Place{URL: "u", Kind: airline.KindB},
	}
}

// nullable sets the rest too.
func nullable() airline.Flight {
	f := flight()
	status, at, seal, n := airline.StatusPlanned, f.Departs.Add(time.Microsecond), [4]byte{9}, int64(-1)
	f.Previous, f.Arrives, f.Seal, f.Tax = &status, &at, &seal, big.NewRat(1, 16)
	f.Extra = map[string]*int64{"one": &n, "none": nil}
	f.Stops, f.Signature, f.Payload, f.Diverted = []string{}, []byte{}, int32(7), &airline.Place{Kind: airline.KindA}
	return f
}

func TestGeneratedCodeBringsValuesBack(t *testing.T) {
	t.Parallel()
	codec := airline.FlightCodec(avro.Plain())
	if err := codec.Check(); err != nil {
		t.Fatal(err)
	}
	outer := nullable()
	inner := flight()
	inner.Payload = "text"
	outer.Captain.Flights = []airline.Flight{inner}
	for name, want := range map[string]airline.Flight{"without nullable fields": flight(), "with them": nullable(), "recursive": outer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := codec.Append(nil, &want)
			if err != nil {
				t.Fatal(err)
			}
			var got airline.Flight
			if err := codec.Read(data, &got); err != nil {
				t.Fatal(err)
			}
			rats := cmp.Comparer(func(a, b *big.Rat) bool { return a == b || a != nil && b != nil && a.Cmp(b) == 0 })
			if diff := cmp.Diff(want, got, rats); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestGeneratedCodecsOfNestedRecordsFitTheirTypes(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"Person": airline.PersonCodec(avro.Plain()).Check(), "other.Person": airline.OtherPersonCodec(avro.Plain()).Check(),
		"Place": airline.PlaceCodec(avro.Plain()).Check(),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGeneratedCodeKeepsDefaultsAndAliases(t *testing.T) {
	t.Parallel()
	schema := airline.OtherPersonCodec(avro.Plain()).Schema()
	writer, err := avro.ParseSchema(`{"type":"record","name":"other.Person","fields":[]}`)
	if err != nil {
		t.Fatal(err)
	}
	converter, err := avro.NewConverter(writer, schema)
	if err != nil {
		t.Fatal(err)
	}
	datum, err := converter.Append(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got airline.OtherPerson
	if err := airline.OtherPersonCodec(avro.Plain()).Read(datum, &got); err != nil || got.Nick != "a`b" {
		t.Errorf("got %+v and %v, want the default", got, err)
	}
}
