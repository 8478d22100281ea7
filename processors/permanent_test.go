package processors_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gokavro/gokavro/processors"
)

func TestPermanentMarksAnError(t *testing.T) {
	t.Parallel()
	root := errors.New("no such town")
	marked := fmt.Errorf("looking it up: %w", processors.Permanent(root))
	if !processors.IsPermanent(marked) || !errors.Is(marked, root) || marked.Error() != "looking it up: no such town" {
		t.Errorf("got %v, want the same error with a mark", marked)
	}
	if processors.IsPermanent(root) || processors.Permanent(nil) != nil {
		t.Error("an error without a mark has one, or nil got one")
	}
}
