package registry

import (
	"context"
	"fmt"

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

// Level returns the compatibility level of subject, the registry's own where
// the subject has none, in the registry's words, such as BACKWARD. It always
// asks.
func (c *Client) Level(ctx context.Context, subject string) (string, error) {
	held, ok := bundled(c, subject, func(_ *Bundle, s *bundledSubject) (string, bool) { return s.level, s.level != "" })
	found, err := askOr(ctx, c, held, ok, func(ctx context.Context, node *sr.Client) (string, error) {
		found, err := level(sr.WithParams(ctx, sr.DefaultToGlobal), node, subject)
		if errorCode(err) == sr.ErrSubjectLevelCompatibilityNotConfigured.Code {
			return level(ctx, node, sr.GlobalSubject) // some ignore DefaultToGlobal
		}
		return found, err
	})
	return found, c.explain(err, fmt.Sprintf("asking for the compatibility level of subject %q", subject), subject, 0)
}

func level(ctx context.Context, node *sr.Client, subject string) (string, error) {
	found := node.Compatibility(ctx, subject)[0]
	return found.Level.String(), found.Err
}
