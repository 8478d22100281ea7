package runner

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/pflag"
)

// FlagError words what Parse of [Flags] returned in one line for people: it names
// the flag, its value and what to give.
func FlagError(err error) error {
	bad, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return fmt.Errorf("%w: see --help", err)
	}
	return fmt.Errorf("--%s %q: %s", bad.GetFlag().Name, bad.GetValue(), accepted(bad))
}

// accepted says what the values of a flag look like.
func accepted(bad *pflag.InvalidValueError) string {
	switch bad.GetFlag().Value.Type() {
	case "int", "int32", "int64":
		if errors.Is(bad, strconv.ErrRange) {
			return "the number is too large"
		}
		return "give a whole number"
	case "bool":
		return "give true or false, or leave the value out"
	case "duration":
		return "give a duration, such as 20s"
	case "stringSlice":
		return "give a list with commas"
	}
	return fmt.Sprintf("%v: see --help", bad.Unwrap())
}
