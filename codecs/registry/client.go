package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"golang.org/x/sync/singleflight"
)

// Client asks a schema registry and remembers its answers. It is safe for
// concurrent use and needs no closing.
type Client struct {
	urls    []string
	nodes   []*sr.Client
	timeout time.Duration
	normal  bool
	good    atomic.Int64 // index of the node that answered last

	cache   *cache
	offline *Bundle // nil without one
	flights singleflight.Group
}

// New checks cfg, reads the files that it names, and returns a client. It does
// not use the network; see [Client.Ping] for that. The error lists all faults
// of cfg.
func New(cfg Config) (*Client, error) {
	nodes, err := cfg.nodes()
	secure, unsafe := cfg.secure()
	offline, unread := cfg.readBundle()
	if err = errors.Join(err, unsafe, unread); err != nil {
		return nil, err
	}
	c := &Client{timeout: cfg.Timeout, normal: cfg.Normalize, cache: newCache()}
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	if offline != nil {
		c.offline = offline
		c.cache.hold(offline)
	}
	httpClient := &http.Client{Transport: newTransport(secure)}
	for _, n := range nodes {
		opts := []sr.ClientOpt{sr.URLs(n.url), sr.HTTPClient(httpClient), sr.UserAgent("gokavro"), sr.LogLevel(sr.LogLevelNone)}
		if n.user != "" {
			opts = append(opts, sr.BasicAuth(n.user, n.password))
		} else if cfg.Bearer != "" {
			opts = append(opts, sr.BearerToken(cfg.Bearer))
		}
		client, err := sr.NewClient(opts...)
		if err != nil {
			return nil, fmt.Errorf("registry: making a client for %s: %w", n.url, err)
		}
		c.urls = append(c.urls, n.url)
		c.nodes = append(c.nodes, client)
	}
	return c, nil
}

// Schema is a schema as the registry holds it.
type Schema struct {
	ID      int    // zero when it was asked for by GUID
	GUID    string // empty when the registry has none, or when it was asked for by id
	Subject string // empty when it was asked for by id or GUID
	Version int    // zero when it was asked for by id or GUID
	Text    string
	Type    string // AVRO, JSON or PROTOBUF
	// References are the schemas whose types Text uses.
	References []Reference
}

// Reference names a schema that another one uses.
type Reference struct {
	Name, Subject string
	Version       int
}

// Ping checks that a schema registry is there and lets us in. It tries until
// [Config.Timeout] is over and returns an [UnavailableError] then.
func (c *Client) Ping(ctx context.Context) error {
	_, err := ask(ctx, c, func(ctx context.Context, node *sr.Client) ([]string, error) {
		return node.Subjects(sr.WithParams(ctx, sr.Limit(1)))
	})
	return c.explain(err, "looking for it", "", 0)
}

// ByID returns the schema with that id. Answers are kept for ever, and
// goroutines that ask for one id at the same time share a request. An id that
// the registry does not know gives a [NotFoundError], which is kept for ten
// seconds.
func (c *Client) ByID(ctx context.Context, id int) (Schema, error) {
	return c.fixed(ctx, address{id: id}, func(ctx context.Context) (Schema, error) {
		found, err := ask(ctx, c, func(ctx context.Context, node *sr.Client) (Schema, error) {
			answer, err := node.SchemaByID(ctx, id)
			return usable(toSchema(sr.SubjectSchema{ID: id, Schema: answer}), err)
		})
		return found, c.explain(err, fmt.Sprintf("asking for schema id %d", id), "", id)
	})
}

// ByGUID returns the schema with that GUID, in the form with four hyphens. GUIDs
// are the same in all copies of a registry; Confluent's has them from version
// 8.0 on. Answers are kept and shared as those of [Client.ByID] are.
func (c *Client) ByGUID(ctx context.Context, guid string) (Schema, error) {
	return c.fixed(ctx, address{guid: guid}, func(ctx context.Context) (Schema, error) {
		found, err := ask(ctx, c, func(ctx context.Context, node *sr.Client) (Schema, error) {
			answer, err := node.SchemaByGUID(ctx, guid)
			return usable(toSchema(sr.SubjectSchema{GUID: guid, Schema: answer.Schema}), err)
		})
		err = c.explain(err, "asking for schema GUID "+guid, "", 0)
		if gone, ok := errors.AsType[*NotFoundError](err); ok {
			gone.GUID = guid
		}
		return found, err
	})
}

// Version returns the schema that subject holds as that version, counted from
// 1; references name schemas so. A version that was deleted softly is found
// too, as data may still need it. Answers are kept and shared as those of
// [Client.ByID] are. A version that is not there gives a [NotFoundError]; one
// below 1 is a mistake, as [Client.Latest] asks for the newest.
func (c *Client) Version(ctx context.Context, subject string, version int) (Schema, error) {
	if version < 1 {
		return Schema{}, fmt.Errorf("registry: asking for version %d of subject %q: versions are counted from 1", version, subject)
	}
	return c.fixed(ctx, address{subject: subject, version: version}, func(ctx context.Context) (Schema, error) {
		found, err := ask(ctx, c, func(ctx context.Context, node *sr.Client) (Schema, error) {
			answer, err := node.SchemaByVersion(sr.WithParams(ctx, sr.ShowDeleted), subject, version)
			return usable(toSchema(answer), err)
		})
		err = c.explain(err, fmt.Sprintf("asking for version %d of subject %q", version, subject), subject, 0)
		if gone, ok := errors.AsType[*NotFoundError](err); ok {
			gone.Version = version
		}
		return found, err
	})
}

// Latest returns the newest version of subject. It always asks.
func (c *Client) Latest(ctx context.Context, subject string) (Schema, error) {
	held, ok := bundled(c, subject, func(b *Bundle, s *bundledSubject) (Schema, bool) {
		numbers := s.numbers(false)
		if len(numbers) == 0 {
			return Schema{}, false
		}
		return b.version(subject, numbers[len(numbers)-1])
	})
	found, err := askOr(ctx, c, held, ok, func(ctx context.Context, node *sr.Client) (Schema, error) {
		answer, err := node.SchemaByVersion(ctx, subject, -1)
		return usable(toSchema(answer), err)
	})
	return found, c.explain(err, fmt.Sprintf("asking for the latest schema of subject %q", subject), subject, 0)
}

// Subjects lists the subjects that hold schemas. It always asks.
func (c *Client) Subjects(ctx context.Context) ([]string, error) {
	var held []string
	if c.offline != nil {
		held = c.offline.Subjects()
	}
	found, err := askOr(ctx, c, held, c.offline != nil, func(ctx context.Context, node *sr.Client) ([]string, error) {
		return node.Subjects(ctx)
	})
	return found, c.explain(err, "listing the subjects", "", 0)
}

// fixed answers from the cache what never changes, and asks otherwise.
func (c *Client) fixed(ctx context.Context, at address, fetch func(context.Context) (Schema, error)) (Schema, error) {
	if found, ok, err := c.cache.at(at); ok {
		return found, err
	}
	key := fmt.Sprintf("at\x00%d\x00%s\x00%d\x00%s", at.id, at.guid, at.version, at.subject)
	return c.shared(ctx, key, func(ctx context.Context) (Schema, error) {
		if found, ok, err := c.cache.at(at); ok {
			return found, err
		}
		found, err := fetch(ctx)
		c.cache.keep(at, found, err)
		return found, err
	})
}

// shared runs fetch once for all callers of key. The request goes on when the
// caller that began it gives up, because others may wait for it too; the
// client's time-out ends it.
func (c *Client) shared(ctx context.Context, key string, fetch func(context.Context) (Schema, error)) (Schema, error) {
	done := c.flights.DoChan(key, func() (any, error) {
		return fetch(context.WithoutCancel(ctx))
	})
	select {
	case result := <-done:
		found, _ := result.Val.(Schema)
		return found, result.Err
	case <-ctx.Done():
		return Schema{}, c.explain(ctx.Err(), "waiting for an answer", "", 0)
	}
}

func toSchema(s sr.SubjectSchema) Schema {
	out := Schema{ID: s.ID, GUID: s.GUID, Subject: s.Subject, Version: s.Version, Text: s.Schema.Schema, Type: s.Type.String()}
	for _, r := range s.References {
		out.References = append(out.References, Reference{Name: r.Name, Subject: r.Subject, Version: r.Version})
	}
	return out
}
