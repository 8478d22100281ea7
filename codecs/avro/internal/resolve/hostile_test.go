package resolve_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/codecs/avro/internal/ast"
	"github.com/gokavro/gokavro/codecs/avro/internal/resolve"
)

// records is a union of so many records of different names.
func records(t *testing.T, prefix string, count int, fields string) *ast.Node {
	t.Helper()
	list := make([]string, count)
	for i := range list {
		list[i] = fmt.Sprintf(`{"type":"record","name":"%s%d","fields":[%s]}`, prefix, i, fields)
	}
	return parse(t, "["+strings.Join(list, ",")+"]")
}

func TestUnionsOfManyRecordsAreBounded(t *testing.T) {
	t.Parallel()
	a := resolve.New(records(t, "A", 5000, `{"name":"a","type":"int"}`), records(t, "B", 5000, `{"name":"b","type":"int"}`))
	if last := a.Branches[4999]; last.Kind != resolve.Fail || !strings.Contains(last.Err.Error(), "too many pairs") {
		t.Errorf("got %+v, want a refusal", last)
	}
}

func TestUnionsOfManyRecordsOfTheSameNamesAreRead(t *testing.T) {
	t.Parallel()
	const fields = `{"name":"a","type":"int"},{"name":"b","type":"string"},{"name":"c","type":["null","long"]}`
	a := resolve.New(records(t, "A", 2000, fields), records(t, "A", 2000, fields))
	for i, b := range a.Branches {
		if b.Kind != resolve.ReaderUnion || b.Branch != i || b.Inner.Kind != resolve.Record {
			t.Fatalf("branch %d: got %+v, want the record of the same name", i, b)
		}
	}
}
