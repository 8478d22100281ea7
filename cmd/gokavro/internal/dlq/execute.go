package dlq

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
	letters "github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/runner/deadletters"
)

// task is one run of a command that changes something.
type task struct {
	out, stderr io.Writer
	stdin       io.Reader
}

func (o *options) replay(ctx context.Context, cfg deadletters.Config, t *task) error {
	var fix func(context.Context, *deadletters.Letter) error
	if o.edit != "" {
		edits, err := readEdits(o.edit, t.stdin)
		if err != nil {
			return fmt.Errorf("--edit %s: %w", o.edit, err)
		}
		if o.filter.Places, err = edits.places(o.filter.Places); err != nil {
			return fmt.Errorf("--edit %s: %w", o.edit, err)
		}
		fix = edits.fix(deadletters.NewValues(cfg.Registry))
	}
	if !o.execute {
		return o.dryRun(ctx, cfg, t, "replayed into "+cfg.Topology+"-retry", fix)
	}
	n, err := deadletters.Replay(ctx, cfg, o.filter, fix)
	return told(t, n, "replayed", err)
}

func (o *options) drop(ctx context.Context, cfg deadletters.Config, t *task) error {
	if !o.execute {
		return o.dryRun(ctx, cfg, t, "dropped", nil)
	}
	n, err := deadletters.Drop(ctx, cfg, o.filter)
	return told(t, n, "dropped", err)
}

func told(t *task, n int, what string, err error) error {
	if err != nil {
		return fmt.Errorf("letters %s: %d: %w", what, n, err)
	}
	fmt.Fprintf(t.stderr, "letters %s: %d\n", what, n)
	return nil
}

// dryRun prints the letters that are meant, after trying what is to be done to
// them.
func (o *options) dryRun(ctx context.Context, cfg deadletters.Config, t *task, what string, fix func(context.Context, *deadletters.Letter) error) error {
	f := o.filter
	if len(f.States) == 0 {
		f.States = []letters.State{letters.Open}
	}
	rows := newTable(t.out)
	n := 0
	err := deadletters.List(ctx, cfg, f, func(l *deadletters.Letter) error {
		if fix != nil {
			if err := fix(ctx, l); err != nil {
				return err
			}
		}
		rows.add(l)
		n++
		return nil
	})
	if err != nil {
		return err
	}
	if err := rows.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(t.stderr, "letters that would be %s: %d (--execute does it)\n", what, n)
	return nil
}

// edits are changed values by their letters' places.
type edits map[deadletters.Place]edit

// edit is what counts of a line of `gokavro dlq show --json`.
type edit struct {
	Letter      string          `json:"letter"`
	Value       json.RawMessage `json:"value"`
	ValueBase64 *string         `json:"value_base64"`
}

// maxEdits bounds the file.
const maxEdits = 64 << 20

func readEdits(path string, stdin io.Reader) (edits, error) {
	data, err := readFile(path, stdin)
	if err != nil {
		return nil, err
	}
	found := edits{}
	lines := json.NewDecoder(bytes.NewReader(data))
	for number := 1; ; number++ {
		var e edit
		err := lines.Decode(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("object %d: it is no JSON: %w", number, err)
		}
		place, err := deadletters.ParsePlace(e.Letter)
		switch {
		case err != nil:
			return nil, fmt.Errorf("object %d: its member letter is %q: leave it as `gokavro dlq show --json` has written it", number, e.Letter)
		case (e.Value == nil) == (e.ValueBase64 == nil):
			return nil, fmt.Errorf("object %d: give one of the members value and value_base64", number)
		case found[place].Letter != "":
			return nil, fmt.Errorf("object %d: the letter %s is in it twice: leave one of them", number, place)
		}
		found[place] = e
	}
	if len(found) == 0 {
		return nil, errors.New("it holds no letter: take the output of `gokavro dlq show --json`")
	}
	return found, nil
}

func readFile(path string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("the file cannot be opened: %w: correct the name", cli.Cause(err))
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxEdits+1))
	if err == nil && len(data) > maxEdits {
		err = fmt.Errorf("it has more than %d MiB: replay fewer letters at a time", maxEdits>>20)
	}
	return data, err
}

// places restricts a choice of letters to those that are edited.
func (e edits) places(chosen []deadletters.Place) ([]deadletters.Place, error) {
	var all []deadletters.Place
	for place := range e {
		all = append(all, place)
	}
	for _, place := range chosen {
		if _, ok := e[place]; !ok {
			return nil, fmt.Errorf("it does not hold the letter %s, which --letter names", place)
		}
	}
	if len(chosen) > 0 {
		return chosen, nil
	}
	return all, nil
}

// fix returns what gives letters their changed values.
func (e edits) fix(values *deadletters.Values) func(context.Context, *deadletters.Letter) error {
	return func(ctx context.Context, l *deadletters.Letter) error {
		changed := e[l.Place]
		switch {
		case changed.ValueBase64 != nil:
			data, err := base64.StdEncoding.DecodeString(*changed.ValueBase64)
			l.Value = &data
			if err != nil {
				return fmt.Errorf("letter %s: value_base64: %w", l.Place, err)
			}
			return nil
		case l.Value == nil && string(changed.Value) == "null":
			return nil
		}
		return values.SetJSON(ctx, l, changed.Value)
	}
}
