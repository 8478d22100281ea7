package dlq_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/processors/dlq"
)

func origin() dlq.Origin {
	return dlq.Origin{
		Topic: "flights", Partition: 3, Offset: 1 << 40, Time: time.UnixMilli(-5), Attempts: 4, Step: "count", Letter: "0/12",
	}
}

func TestOriginsComeBackFromTheirHeaders(t *testing.T) {
	t.Parallel()
	own := []dlq.Header{{Key: "h", Value: []byte("v")}, {Key: "none", NoValue: true}}
	headers := append(own, origin().Headers()...)
	got, err := dlq.ParseOrigin(headers)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, origin()); diff != "" {
		t.Errorf("origin (-got +want): %s", diff)
	}
	if diff := cmp.Diff(dlq.WithoutOrigin(headers), own); diff != "" {
		t.Errorf("other headers (-got +want): %s", diff)
	}
}

func TestParseOriginNamesTheHeaderThatIsWrong(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"partition", "offset", "time", "attempts"} {
		for _, value := range []string{"", "x", "-1.5", "99999999999999999999"} {
			headers := origin().Headers()
			for i := range headers {
				if headers[i].Key == "gokavro-origin-"+name {
					headers[i].Value = []byte(value)
				}
			}
			if _, err := dlq.ParseOrigin(headers); err == nil || !strings.Contains(err.Error(), "gokavro-origin-"+name) {
				t.Errorf("%s %q: got %v, want the header named", name, value, err)
			}
		}
	}
	if _, err := dlq.ParseOrigin(nil); err == nil || !strings.Contains(err.Error(), "gokavro dlq replay") {
		t.Errorf("got %v, want who writes there", err)
	}
}

func FuzzParseOrigin(f *testing.F) {
	f.Add("flights", "3", "12", "1000", "4")
	f.Add("", "-1", "x", "", "99999999999")
	f.Fuzz(func(t *testing.T, topic, partition, offset, at, attempts string) {
		headers := origin().Headers()
		for i, value := range []string{topic, partition, offset, at, attempts} {
			headers[i].Value = []byte(value)
		}
		o, err := dlq.ParseOrigin(headers)
		if err != nil {
			return
		}
		again, err := dlq.ParseOrigin(o.Headers())
		if err != nil || !cmp.Equal(o, again) {
			t.Errorf("got %+v, %v, want %+v", again, err, o)
		}
	})
}
