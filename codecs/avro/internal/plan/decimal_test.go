package plan_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/gokavro/gokavro/codecs/avro/internal/plan"
)

func TestRationalsAndScaledIntegersAreTheSameDecimals(t *testing.T) {
	t.Parallel()
	numbers := []int64{
		0, 1, -1, 4, 5, -8, 10, 40, 50, -100, 1250, 10000, -123400, -125, 127, 128, -128, -129, 1 << 31, 99999, -99999, 1e15, 999999999999999999, -1e18,
		math.MaxInt64, math.MinInt64, math.MinInt64 + 1,
	}
	for _, scale := range []int{0, 1, 2, 3, 4, 5, 9, 18, 19} {
		for _, kind := range []string{`"bytes"`, `"fixed","name":"F","size":9`, `"fixed","name":"F","size":20`} {
			schema := fmt.Sprintf(`{"type":%s,"logicalType":"decimal","precision":20,"scale":%d}`, kind, scale)
			rats, ints := coderOf[*big.Rat](t, schema, nil), coderOf[int64](t, schema, nil)
			for _, v := range numbers {
				rat := new(big.Rat).SetFrac(big.NewInt(v), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
				want, err1 := plan.Append(ints.e, nil, &v)
				got, err2 := plan.Append(rats.e, nil, &rat)
				if err1 != nil || err2 != nil || string(got) != string(want) {
					t.Errorf("%d as %s: got %x, %v, want %x, %v", v, schema, got, err2, want, err1)
				}
				var again *big.Rat
				if err := plan.Decode(rats.d, want, &again); err != nil || again.Cmp(rat) != 0 || again.String() != rat.String() {
					t.Errorf("reading %x as %s: got %v, %v, want %v", want, schema, again, err, rat)
				}
				// One number's memory is not another's.
				again.Add(again, big.NewRat(1, 3)).Denom().SetInt64(7)
			}
		}
	}
}

func TestDecimalsAboveTheirSizeAreErrors(t *testing.T) {
	t.Parallel()
	schema := `{"type":"fixed","name":"F","size":2,"logicalType":"decimal","precision":4,"scale":1}`
	for name, err := range map[string]error{
		"a large Rat":     encodeError(t, schema, big.NewRat(10000, 10)),
		"a small Rat":     encodeError(t, schema, big.NewRat(-10000, 10)),
		"a huge Rat":      encodeError(t, schema, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 100))),
		"a Rat too fine":  encodeError(t, schema, big.NewRat(1, 100)),
		"a large integer": encodeError(t, schema, int64(10000)),
	} {
		if err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

//nolint:paralleltest // what others allocate would be counted
func TestRationalsAreWrittenWithoutAllocations(t *testing.T) {
	c := coderOf[*big.Rat](t, `{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, nil)
	rat := big.NewRat(125, 100)
	buffer := make([]byte, 0, 64)
	if got := testing.AllocsPerRun(100, func() { _, _ = plan.Append(c.e, buffer, &rat) }); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}
