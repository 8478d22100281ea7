package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// decade is what is told of the users of one decade of age.
type decade struct {
	users, ages int
}

// analyse groups users by the decade they are in: 36 is in 30.
func analyse(all []User) map[int]decade {
	found := map[int]decade{}
	for _, user := range all {
		start := int(user.Age) / 10 * 10
		d := found[start]
		d.users++
		d.ages += int(user.Age)
		found[start] = d
	}
	return found
}

// writeTable prints the decades in their order.
func writeTable(w io.Writer, found map[int]decade) {
	fmt.Fprintf(w, "%-7s  %5s  %8s\n", "decade", "users", "mean age")
	for _, start := range slices.Sorted(maps.Keys(found)) {
		d := found[start]
		fmt.Fprintf(w, "%2d to %2d  %5d  %8.1f\n", start, start+9, d.users, float64(d.ages)/float64(d.users))
	}
}
