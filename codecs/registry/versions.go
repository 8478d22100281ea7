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
	found, err := ask(ctx, c, func(ctx context.Context, node *sr.Client) ([]int, error) {
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
	level, err := c.levelOf(ctx, subject)
	_, missing := errors.AsType[*NotFoundError](err)
	if missing || err == nil && level == sr.CompatNone.String() && c.isApicurio() {
		return c.levelOf(ctx, sr.GlobalSubject)
	}
	return level, err
}

func (c *Client) levelOf(ctx context.Context, subject string) (string, error) {
	level, err := ask(ctx, c, func(ctx context.Context, node *sr.Client) (string, error) {
		found := node.Compatibility(sr.WithParams(ctx, sr.DefaultToGlobal), subject)[0]
		return found.Level.String(), found.Err
	})
	return level, c.explain(err, fmt.Sprintf("asking for the compatibility level of subject %q", subject), subject, 0)
}

// isApicurio tells a registry by its addresses. Apicurio says NONE of a subject
// that has no level of its own, and there is no other NONE: setting it takes
// the subject's level away.
func (c *Client) isApicurio() bool { return strings.Contains(c.urls[c.good.Load()], "/apis/ccompat/") }
