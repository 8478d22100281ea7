package ast

import (
	"errors"
	"fmt"
)

// Bounds of the defaults of a schema. A few words of JSON may stand for any
// number of values: a record's default takes those of the fields that it leaves
// out, and which branch of a union one fits is found out by trying.
const (
	maxDefaultWork  = 1 << 19 // values that are looked at
	maxDefaultDepth = 500
	unionTries      = 3  // how often the full parser looks at a branch
	textWork        = 16 // bytes that count as another value
)

var errDefaultSize = errors.New("its default stands for too many values, with those of the fields in it; give it fewer")

// checkDefaults refuses defaults that the full parser would not come to the end
// of.
func (p *parser) checkDefaults() error {
	s := scale{left: maxDefaultWork}
	for _, record := range p.records {
		for _, f := range record.Fields {
			if f.Default == nil {
				continue
			}
			if err := s.weigh(newDocument(f.Default).value(0), f.Type, 1); err != nil {
				return fmt.Errorf("record %s: field %s: %w", record.Name, f.Name, err)
			}
		}
	}
	return nil
}

// scale weighs defaults. Those that do not fit their types weigh little.
type scale struct{ left, depth int }

// weigh weighs a default that is looked at so many times.
func (s *scale) weigh(v value, n *Node, times int) error {
	s.depth++
	defer func() { s.depth-- }()
	first, work := v.first(), 1
	if first != '{' && first != '[' {
		work += (v.end - v.at) / textWork
	}
	if s.left -= times * work; s.left < 0 || s.depth > maxDefaultDepth {
		return errDefaultSize
	}
	switch {
	case n.Kind == Union:
		return s.weighBranches(v, n, times*unionTries)
	case n.Kind == Record && first == '{':
		return s.weighRecord(v, n, times)
	case n.Kind == Array && first == '[', n.Kind == Map && first == '{':
		return v.each(first, func(_, inner value) error { return s.weigh(inner, n.Items, times) })
	}
	return nil
}

func (s *scale) weighBranches(v value, union *Node, times int) error {
	for _, branch := range union.Branches {
		if err := s.weigh(v, branch, times); err != nil {
			return err
		}
	}
	return nil
}

func (s *scale) weighRecord(v value, record *Node, times int) error {
	given, err := v.members()
	if err != nil {
		return err
	}
	for _, f := range record.Fields {
		inner, ok := given[f.Name]
		if !ok && f.Default != nil {
			inner, ok = newDocument(f.Default).value(0), true
		}
		if !ok {
			continue
		}
		if err := s.weigh(inner, f.Type, times); err != nil {
			return err
		}
	}
	return nil
}
