package enrich_test

import (
	"math"
	"testing"

	"github.com/gokavro/gokavro/processors/enrich"
)

func TestGreatCircleKmAgreesWithKnownDistances(t *testing.T) {
	t.Parallel()
	var (
		pole   = enrich.Point{Latitude: 90}
		origin = enrich.Point{}
		lax    = enrich.Point{Latitude: 33.94253611, Longitude: -118.4080744}
		jfk    = enrich.Point{Latitude: 40.63975111, Longitude: -73.77892556}
		east   = enrich.Point{Longitude: 179.5}
		west   = enrich.Point{Longitude: -179.5}
	)
	degree := 2 * math.Pi * enrich.EarthRadiusKm / 360
	tests := []struct {
		name string
		a, b enrich.Point
		want float64
	}{
		{name: "the same place", a: lax, b: lax, want: 0},
		{name: "a quarter of the earth", a: origin, b: pole, want: 90 * degree},
		{name: "half the earth", a: origin, b: enrich.Point{Longitude: 180}, want: 180 * degree},
		{name: "over the date line", a: east, b: west, want: degree},
		{name: "Los Angeles to New York", a: lax, b: jfk, want: 3974.2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			there, back := enrich.GreatCircleKm(tt.a, tt.b), enrich.GreatCircleKm(tt.b, tt.a)
			if math.Abs(there-tt.want) > 0.1 {
				t.Errorf("got %f km, want %f", there, tt.want)
			}
			if math.Abs(there-back) > 1e-9 {
				t.Errorf("got %f km there and %f back", there, back)
			}
		})
	}
}

func TestLeftKeepsARecordWithoutRow(t *testing.T) {
	t.Parallel()
	join := enrich.Left(
		func(in string) string { return in[:1] },
		func(in string, row *int) string {
			if row == nil {
				return in + ": unknown"
			}
			return in + ": known"
		},
	)
	rows := map[string]*int{"a": new(int)}
	for in, want := range map[string]string{"ab": "ab: known", "xy": "xy: unknown"} {
		if got := join.With(in, rows[join.Key(in)]); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
