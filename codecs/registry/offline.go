package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/twmb/franz-go/pkg/sr"
)

// Bundle fetches all versions of subjects, also those that were deleted softly,
// and of those that their schemas refer to. A subject that is not there gives a
// [NotFoundError]. A client that has a bundle itself answers from it, so that
// a new one is fetched with another client.
func (c *Client) Bundle(ctx context.Context, subjects ...string) (*Bundle, error) {
	out := newBundle()
	for len(subjects) > 0 {
		name := subjects[0]
		subjects = subjects[1:]
		if out.subjects[name] != nil {
			continue
		}
		referred, err := c.bundle(ctx, out, name)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, referred...)
	}
	return out, nil
}

// bundle fetches one subject, and returns those that its schemas refer to.
func (c *Client) bundle(ctx context.Context, into *Bundle, name string) (referred []string, err error) {
	numbers, err := c.Versions(ctx, name, true)
	if err != nil {
		return nil, err
	}
	live, err := c.Versions(ctx, name, false)
	if _, missing := errors.AsType[*NotFoundError](err); err != nil && !missing {
		return nil, err
	}
	level, err := c.Level(ctx, name)
	if err != nil {
		return nil, err
	}
	alive := make(map[int]bool, len(live))
	for _, number := range live {
		alive[number] = true
	}
	subject := &bundledSubject{level: level}
	into.subjects[name] = subject
	for _, number := range numbers {
		found, err := c.Version(ctx, name, number)
		if err != nil {
			return nil, err
		}
		for _, r := range found.References {
			referred = append(referred, r.Subject)
		}
		found.Subject, found.Version = "", 0
		into.schemas[found.ID] = found
		if err := into.addVersion(subject, bundleNumber{Version: number, ID: found.ID, Deleted: !alive[number]}); err != nil {
			return nil, fmt.Errorf("registry: subject %q: %w", name, err)
		}
	}
	return referred, nil
}

// readBundle reads the file that cfg names, nil when it names none.
func (cfg Config) readBundle() (*Bundle, error) {
	if cfg.Bundle == "" {
		return nil, nil
	}
	file, err := os.Open(cfg.Bundle)
	if err != nil {
		return nil, fmt.Errorf("registry: opening a bundle: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxBundleBytes+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("registry: reading a bundle: %w", err)
	}
	bundle, err := ParseBundle(text)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, cfg.Bundle)
	}
	return bundle, nil
}

// hold puts what never changes of a bundle where it is looked for first.
func (c *cache) hold(b *Bundle) {
	for id, schema := range b.schemas {
		byID, byGUID := schema, schema
		byID.GUID, byGUID.ID = "", 0
		c.schemas[address{id: id}] = byID
		if schema.GUID != "" {
			c.schemas[address{guid: schema.GUID}] = byGUID
		}
	}
	for name, subject := range b.subjects {
		for _, v := range subject.versions {
			c.schemas[address{subject: name, version: v.number}] = b.at(name, v)
		}
	}
}

// bundled runs f on the bundle's subject of that name.
func bundled[T any](c *Client, name string, f func(*Bundle, *bundledSubject) (T, bool)) (answer T, ok bool) {
	if c.offline == nil || c.offline.subjects[name] == nil {
		return answer, false
	}
	return f(c.offline, c.offline.subjects[name])
}

// askOr is ask for what may change. Where the bundle has an answer, each node
// gets one try, and the bundle's answer stands in for a registry that is down.
func askOr[T any](ctx context.Context, c *Client, held T, ok bool, request func(context.Context, *sr.Client) (T, error)) (T, error) {
	if !ok {
		return ask(ctx, c, request)
	}
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, _, err := round(bounded, c, request)
	if err == nil || judge(err) == final {
		return answer, err
	}
	if ctx.Err() != nil {
		return answer, ctx.Err()
	}
	return held, nil
}
