package registry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
	shortestTry  = time.Second // one try gets at least this, so that a small Timeout does not cut slow answers
)

var errNoNode = errors.New("the bundle does not hold it, and there is no registry to ask")

// ask sends a request to the nodes in turn, beginning with the one that
// answered last, until one gives an answer that counts or the time is over.
func ask[T any](ctx context.Context, c *Client, request func(context.Context, *sr.Client) (T, error)) (T, error) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var last error
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		var told patience
		answer, again, err := round(withPatience(bounded, &told), c, request)
		if err == nil || judge(err) == final {
			return answer, err
		}
		if last != nil && bounded.Err() != nil {
			err = last // says more than that the time was over
		}
		last = err
		if errors.Is(ctx.Err(), context.Canceled) {
			return answer, ctx.Err()
		}
		if !again {
			return answer, &UnavailableError{URLs: c.urls, Err: plain(err)}
		}
		if !wait(bounded, told.after(pause, len(c.nodes))) {
			if errors.Is(ctx.Err(), context.Canceled) {
				return answer, ctx.Err()
			}
			return answer, &UnavailableError{URLs: c.urls, Err: plain(err), within: c.tried(ctx)}
		}
	}
}

// round asks every node once. again says that a node may answer later; its
// error wins over that of a node that cannot be used at all.
func round[T any](ctx context.Context, c *Client, request func(context.Context, *sr.Client) (T, error)) (answer T, again bool, last error) {
	if len(c.nodes) == 0 {
		return answer, false, &UnavailableError{Err: errNoNode}
	}
	first := int(c.good.Load())
	for i := range c.nodes {
		at := (first + i) % len(c.nodes)
		var err error
		if answer, err = try(ctx, c, c.nodes[at], request); err == nil {
			c.good.Store(int64(at))
			return answer, false, nil
		}
		switch judge(err) {
		case final:
			return answer, false, err
		case tryLater:
			last, again = err, true
		case nextNode:
			if !again {
				last = err
			}
		}
	}
	return answer, again, last
}

// try sends one request to one node. A hung connection must leave time for
// another try.
func try[T any](ctx context.Context, c *Client, node *sr.Client, request func(context.Context, *sr.Client) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, max(c.timeout/4, shortestTry))
	defer cancel()
	answer, err := request(ctx, node)
	return answer, strange(err)
}

// wait pauses for half to the whole of d; false when the time is over first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d/2 + rand.N(d/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// tried is the time that a message may name: our own bound, not the caller's.
func (c *Client) tried(ctx context.Context) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	return c.timeout
}

// usable refuses an answer of the right form that holds nothing.
func usable(s Schema, err error) (Schema, error) {
	if err == nil && (s.Text == "" || s.ID < 0) {
		err = &strangeAnswerError{errors.New("the answer holds no schema")}
	}
	return s, err
}

// explain turns a registry's refusal into an error of this package.
func (c *Client) explain(err error, doing, subject string, id int) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*UnavailableError](err); ok {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &UnavailableError{URLs: c.urls, Err: err}
	}
	var answer *sr.ResponseError
	if !errors.As(err, &answer) {
		return fmt.Errorf("registry: %s: %w", doing, err)
	}
	switch answer.StatusCode {
	case http.StatusNotFound:
		return &NotFoundError{Subject: subject, ID: id, Err: err, at: c.urls[int(c.good.Load())]}
	case http.StatusConflict:
		return &IncompatibleError{Subject: subject, Reasons: reasons(answer.Message)}
	}
	return &refusedError{doing: doing, status: answer.StatusCode, err: err}
}
