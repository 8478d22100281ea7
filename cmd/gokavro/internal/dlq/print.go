package dlq

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/gokavro/gokavro/codecs/registry"
	letters "github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/runner/deadletters"
)

const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// widest bounds an error's text in a table.
const widest = 80

// table prints letters, a line each.
type table struct{ *tabwriter.Writer }

func newTable(w io.Writer) table {
	t := table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	fmt.Fprintln(t, "LETTER\tSTATE\tTOPIC\tPARTITION\tOFFSET\tTIME\tKEY\tSTEP\tATTEMPTS\tERROR")
	return t
}

func (t table) add(l *deadletters.Letter) {
	fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%d\t%s\n", l.Place, l.State, l.Topic, l.Partition, l.Offset,
		l.Time.UTC().Format(timeFormat), text(l.Key, l.NoKey), dash(l.Step), l.Attempts, short(l.Error))
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func short(s string) string {
	if runes := []rune(s); len(runes) > widest {
		return string(runes[:widest-1]) + "…"
	}
	return s
}

// text returns a key or a header for people.
func text(data []byte, none bool) string {
	switch {
	case none:
		return "-"
	case utf8.Valid(data) && !strings.ContainsAny(string(data), "\t\n\r"):
		return string(data)
	}
	return "0x" + hex.EncodeToString(data)
}

func (o *options) list(ctx context.Context, cfg deadletters.Config, out io.Writer) error {
	if o.asJSON {
		return o.lines(ctx, cfg, out, nil)
	}
	t := newTable(out)
	err := deadletters.List(ctx, cfg, o.filter, func(l *deadletters.Letter) error {
		t.add(l)
		return nil
	})
	if err != nil {
		return err
	}
	return t.Flush()
}

func (o *options) show(ctx context.Context, cfg deadletters.Config, out io.Writer) error {
	values := deadletters.NewValues(cfg.Registry)
	if o.asJSON {
		return o.lines(ctx, cfg, out, values)
	}
	shown := 0
	err := deadletters.List(ctx, cfg, o.filter, func(l *deadletters.Letter) error {
		if shown++; shown > 1 {
			fmt.Fprintln(out)
		}
		return describe(ctx, l, values, out)
	})
	if err == nil && shown == 0 {
		err = errors.New("no letter is meant: `gokavro dlq list` prints those that there are")
	}
	return err
}

// describe prints all of a letter.
func describe(ctx context.Context, l *deadletters.Letter, values *deadletters.Values, out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	add := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	add("letter", "%s, %s", l.Place, state(l))
	add("record", "%s/%d at offset %d, %s", l.Topic, l.Partition, l.Offset, l.Time.UTC().Format(timeFormat))
	add("key", "%s", text(l.Key, l.NoKey))
	for _, h := range l.Headers {
		add("header", "%s: %s", h.Key, text(h.Value, h.NoValue))
	}
	add("step", "%s", dash(l.Step))
	add("error", "%s", l.Error)
	if l.Field != "" {
		add("field", "%s", l.Field)
	}
	if l.Position != letters.Unknown {
		add("byte", "%d", l.Position)
	}
	if l.WriterSchema != letters.Unknown {
		add("writer schema", "%d", l.WriterSchema)
	}
	if l.ReaderSchema != letters.Unknown {
		add("reader schema", "%d", l.ReaderSchema)
	}
	add("attempts", "%d", l.Attempts)
	if l.FailedAt.Unix() > 0 {
		add("failed at", "%s", l.FailedAt.UTC().Format(timeFormat))
	}
	if l.Version != "" {
		add("version", "%s", l.Version)
	}
	value, err := values.JSON(ctx, l)
	switch {
	case err == nil:
		add("value", "%s", value)
	case isAway(err):
		return err
	default:
		add("value", "0x%s (%s)", hex.EncodeToString(*l.Value), strings.Join(strings.Fields(err.Error()), " "))
	}
	return w.Flush()
}

func isAway(err error) bool {
	_, away := errors.AsType[*registry.UnavailableError](err)
	return away || errors.Is(err, context.Canceled)
}

func state(l *deadletters.Letter) string {
	if l.Marked.IsZero() {
		return string(l.State)
	}
	return fmt.Sprintf("%s at %s", l.State, l.Marked.UTC().Format(time.RFC3339))
}

// line is a letter as JSON. The value is there for show only.
type line struct {
	Letter       string          `json:"letter"`
	State        letters.State   `json:"state"`
	Marked       string          `json:"marked,omitempty"`
	Topic        string          `json:"topic"`
	Partition    int32           `json:"partition"`
	Offset       int64           `json:"offset"`
	Time         string          `json:"time"`
	Key          *string         `json:"key,omitempty"`
	KeyBase64    *string         `json:"key_base64,omitempty"`
	Headers      []header        `json:"headers,omitempty"`
	Step         string          `json:"step"`
	Error        string          `json:"error"`
	Field        string          `json:"field,omitempty"`
	Position     *int64          `json:"position,omitempty"`
	WriterSchema *int64          `json:"writer_schema,omitempty"`
	ReaderSchema *int64          `json:"reader_schema,omitempty"`
	Attempts     int32           `json:"attempts"`
	FailedAt     string          `json:"failed_at,omitempty"`
	Version      string          `json:"version,omitempty"`
	Value        json.RawMessage `json:"value,omitempty"`
	ValueBase64  *string         `json:"value_base64,omitempty"`
	ValueError   string          `json:"value_error,omitempty"`
}

type header struct {
	Key         string  `json:"key"`
	Value       *string `json:"value,omitempty"`
	ValueBase64 *string `json:"value_base64,omitempty"`
}

func newLine(l *deadletters.Letter) *line {
	m := &line{
		Letter: l.Place.String(), State: l.State, Topic: l.Topic, Partition: l.Partition, Offset: l.Offset,
		Time: l.Time.UTC().Format(timeFormat), Step: l.Step, Error: l.Error, Field: l.Field, Attempts: l.Attempts, Version: l.Version,
		Position: known(l.Position), WriterSchema: known(l.WriterSchema), ReaderSchema: known(l.ReaderSchema),
	}
	m.Key, m.KeyBase64 = textOrBase64(l.Key, l.NoKey)
	for _, h := range l.Headers {
		value, bytes := textOrBase64(h.Value, h.NoValue)
		m.Headers = append(m.Headers, header{Key: h.Key, Value: value, ValueBase64: bytes})
	}
	if !l.Marked.IsZero() {
		m.Marked = l.Marked.UTC().Format(timeFormat)
	}
	if l.FailedAt.Unix() > 0 {
		m.FailedAt = l.FailedAt.UTC().Format(timeFormat)
	}
	return m
}

func known(n int64) *int64 {
	if n == letters.Unknown {
		return nil
	}
	return &n
}

func textOrBase64(data []byte, none bool) (text, bytes *string) {
	if none {
		return nil, nil
	}
	if s := string(data); utf8.Valid(data) {
		return &s, nil
	}
	s := base64.StdEncoding.EncodeToString(data)
	return nil, &s
}

// lines prints letters as JSON lines, with their values if there is what turns
// them into JSON.
func (o *options) lines(ctx context.Context, cfg deadletters.Config, out io.Writer, values *deadletters.Values) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return deadletters.List(ctx, cfg, o.filter, func(l *deadletters.Letter) error {
		m := newLine(l)
		if values != nil {
			if err := m.setValue(ctx, l, values); err != nil {
				return err
			}
		}
		return encoder.Encode(m)
	})
}

func (m *line) setValue(ctx context.Context, l *deadletters.Letter, values *deadletters.Values) (err error) {
	if m.Value, err = values.JSON(ctx, l); err == nil {
		return nil
	}
	if isAway(err) {
		return err
	}
	encoded := base64.StdEncoding.EncodeToString(*l.Value)
	m.ValueBase64, m.ValueError = &encoded, err.Error()
	return nil
}
