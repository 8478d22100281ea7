package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/sr"
)

// Delete deletes a subject with all its versions for good, those too that were
// deleted softly. One that does not exist is no error. Records that were written
// with its schemas cannot be read any more, unless other subjects hold them.
func (c *Client) Delete(ctx context.Context, subject string) error {
	for _, how := range []sr.DeleteHow{sr.SoftDelete, sr.HardDelete} {
		_, err := ask(ctx, c, func(ctx context.Context, node *sr.Client) ([]int, error) {
			return node.DeleteSubject(ctx, subject, how)
		})
		err = c.explain(err, fmt.Sprintf("deleting subject %q", subject), subject, 0)
		if _, missing := errors.AsType[*NotFoundError](err); err != nil && !missing {
			return err
		}
	}
	return nil
}
