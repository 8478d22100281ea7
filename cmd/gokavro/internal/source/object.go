package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrDeep is why a line is not read.
var ErrDeep = errors.New("it is nested more than 10,000 levels deep")

// Object reads a line of a batch, a JSON object with a member name, into v. The
// fault of one that is nested too deeply is its own, not the batch's: it is
// ErrDeep, and deep is the name, null without one.
func Object(line []byte, v any) (deep json.RawMessage, err error) {
	err = json.Unmarshal(line, v)
	if _, ok := errors.AsType[*json.SyntaxError](err); !ok {
		return nil, err
	}
	if deep, again := nameOf(line); again == nil {
		return deep, ErrDeep
	}
	return nil, err
}

// nameOf finds the member name of an object however deep the others are.
func nameOf(line []byte) (name json.RawMessage, err error) {
	tokens := json.NewDecoder(bytes.NewReader(line))
	if open, err := tokens.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("no object: %w", err)
	}
	name = json.RawMessage("null")
	for tokens.More() {
		key, err := tokens.Token()
		if err != nil {
			return nil, err
		}
		if key == "name" {
			err = tokens.Decode(&name)
		} else {
			err = skip(tokens)
		}
		if err != nil {
			return nil, err
		}
	}
	_, err = tokens.Token()
	return name, err
}

// skip goes over one value.
func skip(tokens *json.Decoder) error {
	for depth := 0; ; {
		token, err := tokens.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
