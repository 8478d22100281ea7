package registry

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

// Lookup returns id and version of that very schema under subject, without
// registering it. refs are the schemas whose types it uses, as it was
// registered with them. Answers are kept for ever; a [NotFoundError] is not.
func (c *Client) Lookup(ctx context.Context, subject, schema string, refs ...Reference) (Schema, error) {
	if found, ok := c.held(subject, schema, refs); ok {
		return found, nil
	}
	offered := toSubmission(schema, refs)
	return c.known(ctx, "lookup", registered{subject, schema, spell(refs)}, func(ctx context.Context) (Schema, error) {
		found, err := ask(ctx, c, func(ctx context.Context, node *sr.Client) (Schema, error) {
			answer, err := node.LookupSchema(c.normalizing(ctx), subject, offered)
			return usable(toSchema(answer), err)
		})
		return found, c.explain(err, fmt.Sprintf("looking up a schema of subject %q", subject), subject, 0)
	})
}

// Register registers schema under subject and returns it with its id and
// version. refs are the schemas whose types it uses; they are registered
// before. A schema that is there already is returned as it is, so two processes
// may register at once. Answers are kept for ever. A schema that the subject's
// compatibility level forbids gives an [IncompatibleError].
func (c *Client) Register(ctx context.Context, subject, schema string, refs ...Reference) (Schema, error) {
	if found, ok := c.held(subject, schema, refs); ok {
		return found, nil
	}
	offered := toSubmission(schema, refs)
	return c.known(ctx, "register", registered{subject, schema, spell(refs)}, func(ctx context.Context) (Schema, error) {
		found, err := ask(ctx, c, func(ctx context.Context, node *sr.Client) (Schema, error) {
			return register(c.normalizing(ctx), node, subject, offered)
		})
		return found, c.explain(err, fmt.Sprintf("registering a schema under subject %q", subject), subject, 0)
	})
}

// register asks for the version in a second request where the registry's
// answer to the first holds the id only.
func register(ctx context.Context, node *sr.Client, subject string, offered sr.Schema) (Schema, error) {
	var answer sr.SubjectSchema
	path := "/subjects/" + url.PathEscape(subject) + "/versions"
	if err := node.Do(ctx, http.MethodPost, path, offered, &answer); err != nil {
		return Schema{}, strange(err)
	}
	if answer.Version > 0 && answer.Schema.Schema != "" {
		answer.Subject = subject
		return usable(toSchema(answer), nil)
	}
	found, err := node.LookupSchema(ctx, subject, offered)
	return usable(toSchema(found), err)
}

// normalizing asks for normal forms where the configuration says so.
func (c *Client) normalizing(ctx context.Context) context.Context {
	if !c.normal {
		return ctx
	}
	return sr.WithParams(ctx, sr.Normalize)
}

// held finds a schema in the bundle.
func (c *Client) held(subject, schema string, refs []Reference) (Schema, bool) {
	if c.offline == nil {
		return Schema{}, false
	}
	return c.offline.find(subject, schema, refs)
}

// known answers from the cache what is registered, and asks otherwise.
func (c *Client) known(ctx context.Context, what string, key registered, fetch func(context.Context) (Schema, error)) (Schema, error) {
	if found, ok := c.cache.bySubject(key); ok {
		return found, nil
	}
	flight := strings.Join([]string{what, key.subject, key.refs, key.text}, "\x00")
	return c.shared(ctx, flight, func(ctx context.Context) (Schema, error) {
		if found, ok := c.cache.bySubject(key); ok {
			return found, nil
		}
		found, err := fetch(ctx)
		if err == nil {
			c.cache.keepSubject(key, found)
		}
		return found, err
	})
}

func toSubmission(text string, refs []Reference) sr.Schema {
	out := sr.Schema{Schema: text}
	for _, r := range refs {
		out.References = append(out.References, sr.SchemaReference{Name: r.Name, Subject: r.Subject, Version: r.Version})
	}
	return out
}

// spell writes references as the part of a key.
func spell(refs []Reference) string {
	if len(refs) == 0 {
		return ""
	}
	return fmt.Sprintf("%#v", refs)
}
