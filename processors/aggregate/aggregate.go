// Package aggregate folds the records of a key into running state.
package aggregate

import "github.com/gokavro/gokavro/processors"

// Fold keeps add(state, record) as the state of each key, starting from
// State's zero value, and hands on emit(record, state after it).
func Fold[In, State, Out any](
	add func(State, processors.Record[In]) State, emit func(In, State) Out,
) processors.Func[In, Out, State] {
	return func(in processors.Record[In], row *processors.Row[State], out func(Out)) error {
		state, _ := row.Get()
		state = add(state, in)
		row.Set(state)
		out(emit(in.Value, state))
		return nil
	}
}

// Summary is the running count, sum, mean and maximum of a number, and how
// often it went over a limit. Its zero value has seen nothing.
type Summary struct {
	Count int64
	Over  int64 // how many values were greater than the limit
	Sum   int64
	Mean  float64 // Sum / Count, 0 before the first value
	Max   int64   // 0 before the first value
}

// Add returns the summary after one more value. The mean is taken from the
// sum each time, so it does not drift.
func (s Summary) Add(value, limit int64) Summary {
	if s.Count == 0 || value > s.Max {
		s.Max = value
	}
	if value > limit {
		s.Over++
	}
	s.Count++
	s.Sum += value
	s.Mean = float64(s.Sum) / float64(s.Count)
	return s
}
