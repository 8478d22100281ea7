package registry_test

import (
	"errors"
	"testing"

	"github.com/gokavro/gokavro/codecs/registry"
)

func TestDeleteTakesAllVersionsForGood(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	for _, schema := range []string{userV1, userV2} {
		if _, err := client.Register(t.Context(), "gone-value", schema); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Register(t.Context(), "kept-value", userV1); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is none
		if err := client.Delete(t.Context(), "gone-value"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := client.Versions(t.Context(), "gone-value", true)
	if _, missing := errors.AsType[*registry.NotFoundError](err); !missing {
		t.Errorf("got %v, want a NotFoundError", err)
	}
	if _, err := client.Latest(t.Context(), "kept-value"); err != nil {
		t.Errorf("another subject: %v", err)
	}
}
