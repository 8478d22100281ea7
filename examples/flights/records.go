package flights

import "time"

// Airport is a row of the airports table.
type Airport struct {
	IATA      string  `avro:"iata"`
	Name      string  `avro:"name"`
	City      string  `avro:"city"`
	State     string  `avro:"state"`
	Country   string  `avro:"country"`
	Latitude  float64 `avro:"latitude"`  // degrees north
	Longitude float64 `avro:"longitude"` // degrees east
}

// Flight is one flight as it arrived.
type Flight struct {
	Date        time.Time `avro:"date,timestamp-millis"` // scheduled departure, the local time read as UTC
	Delay       int32     `avro:"delay"`                 // of the arrival, minutes, negative when early
	Distance    int32     `avro:"distance"`              // statute miles
	Origin      string    `avro:"origin"`                // IATA code
	Destination string    `avro:"destination"`           // IATA code
}

// EnrichedFlight is a flight with its airports, null where the table does not
// know them, and the running statistics of its origin after it.
type EnrichedFlight struct {
	Date        time.Time `avro:"date,timestamp-millis"`
	Delay       int32     `avro:"delay"`
	Distance    int32     `avro:"distance"`
	Origin      string    `avro:"origin"`
	Destination string    `avro:"destination"`

	OriginName           *string  `avro:"origin_name"`
	OriginCity           *string  `avro:"origin_city"`
	OriginState          *string  `avro:"origin_state"`
	DestinationName      *string  `avro:"destination_name"`
	DestinationCity      *string  `avro:"destination_city"`
	DestinationState     *string  `avro:"destination_state"`
	OriginLatitude       *float64 `avro:"origin_latitude"`
	OriginLongitude      *float64 `avro:"origin_longitude"`
	DestinationLatitude  *float64 `avro:"destination_latitude"`
	DestinationLongitude *float64 `avro:"destination_longitude"`
	GreatCircleKm        *float64 `avro:"great_circle_km"`

	OriginFlights   int64   `avro:"origin_flights"`
	OriginDelayed   int64   `avro:"origin_delayed"` // more than LateMinutes late
	OriginDelaySum  int64   `avro:"origin_delay_sum"`
	OriginDelayMean float64 `avro:"origin_delay_mean"`
	OriginDelayMax  int32   `avro:"origin_delay_max"`
}

// AirportStats are the running statistics of the flights from one airport.
type AirportStats struct {
	IATA       string    `avro:"iata"`
	Flights    int64     `avro:"flights"`
	Delayed    int64     `avro:"delayed"` // more than LateMinutes late
	DelaySum   int64     `avro:"delay_sum"`
	DelayMean  float64   `avro:"delay_mean"`
	DelayMax   int32     `avro:"delay_max"`
	LastFlight time.Time `avro:"last_flight,timestamp-millis"` // the latest date
}
