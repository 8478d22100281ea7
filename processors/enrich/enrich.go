// Package enrich widens records by what a table knows.
package enrich

import "math"

// Join says how a record is widened by a row of a table: which row, and what
// comes of both.
type Join[In, Row, Out any] struct {
	// Key returns the key of the row that belongs to a value.
	Key func(In) string
	// With returns what comes of a value and its row, nil when the table has
	// none. The row is shared by all records: With must not change it.
	With func(In, *Row) Out
}

// Left returns a join that keeps a record whose row is missing.
func Left[In, Row, Out any](key func(In) string, with func(In, *Row) Out) Join[In, Row, Out] {
	return Join[In, Row, Out]{Key: key, With: with}
}

// Point is a place on the earth in decimal degrees, north and east positive.
type Point struct {
	Latitude, Longitude float64
}

// EarthRadiusKm is the radius of the sphere that distances are taken on: the
// earth's mean radius, to the kilometre.
const EarthRadiusKm = 6371

// GreatCircleKm returns the distance of two places along the surface in
// kilometres, by the haversine formula, which stays exact for small ones.
func GreatCircleKm(a, b Point) float64 {
	latA, latB := radians(a.Latitude), radians(b.Latitude)
	dLat := latB - latA
	dLon := radians(b.Longitude) - radians(a.Longitude)
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(latA)*math.Cos(latB)*math.Pow(math.Sin(dLon/2), 2)
	return 2 * EarthRadiusKm * math.Asin(math.Sqrt(math.Min(1, h)))
}

func radians(degrees float64) float64 { return degrees * math.Pi / 180 }
