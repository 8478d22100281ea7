package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

// Versions lists the versions of subject, oldest first; with deleted also those
// that were deleted softly, which data may still need. A subject without any
// gives a [NotFoundError]. It always asks.
func (c *Client) Versions(ctx context.Context, subject string, deleted bool) ([]int, error) {
	held, ok := bundled(c, subject, func(_ *Bundle, s *bundledSubject) ([]int, bool) {
		numbers := s.numbers(deleted)
		return numbers, len(numbers) > 0
	})
	found, err := askOr(ctx, c, held, ok, func(ctx context.Context, node *sr.Client) ([]int, error) {
		if deleted {
			ctx = sr.WithParams(ctx, sr.ShowDeleted)
		}
		return node.SubjectVersions(ctx, subject)
	})
	return found, c.explain(err, fmt.Sprintf("listing the versions of subject %q", subject), subject, 0)
}

// Level returns the compatibility level that holds for subject, the registry's
// own where the subject has none, in the registry's words, such as BACKWARD. It
// always asks.
func (c *Client) Level(ctx context.Context, subject string) (string, error) {
	held, ok := bundled(c, subject, func(_ *Bundle, s *bundledSubject) (string, bool) { return s.level, s.level != "" })
	ask := func(subject string) (string, error) {
		level, err := askOr(ctx, c, held, ok, func(ctx context.Context, node *sr.Client) (string, error) {
			found := node.Compatibility(sr.WithParams(ctx, sr.DefaultToGlobal), subject)[0]
			return found.Level.String(), found.Err
		})
		return level, c.explain(err, fmt.Sprintf("asking for the compatibility level of subject %q", subject), subject, 0)
	}
	level, err := ask(subject)
	_, missing := errors.AsType[*NotFoundError](err) // some ignore DefaultToGlobal
	if missing || err == nil && level == sr.CompatNone.String() && c.isApicurio() {
		return ask(sr.GlobalSubject)
	}
	return level, err
}

// isApicurio tells a registry by its addresses. Apicurio says NONE of a subject
// that has no level of its own, and there is no other NONE: setting it takes
// the subject's level away.
func (c *Client) isApicurio() bool {
	return len(c.urls) > 0 && strings.Contains(c.urls[c.good.Load()], "/apis/ccompat/")
}
