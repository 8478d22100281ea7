package flights

import (
	"bytes"
	_ "embed"
	"io"
)

//go:embed data/flights.avro
var flightsFile []byte

//go:embed data/airports.avro
var airportsFile []byte

// FlightsFile returns the object container file of 20,000 flights.
func FlightsFile() io.Reader { return bytes.NewReader(flightsFile) }

// AirportsFile returns the object container file of 3,376 airports.
func AirportsFile() io.Reader { return bytes.NewReader(airportsFile) }
