package compat

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// maxFaults bounds a report: nobody reads more.
	maxFaults = 1000
	// maxPathBytes bounds the text of a path. Two types that recurse at different
	// lengths lead to paths as long as the product.
	maxPathBytes = 1000
	// maxCauseSteps bounds how deep a reason is looked for in a branch.
	maxCauseSteps = 100
)

// trail is a path, from its end.
type trail struct {
	up   *trail
	step string
}

func (t *trail) add(step string) *trail {
	if step == "" {
		return t
	}
	return &trail{t, step}
}

func (t *trail) String() string {
	var steps []string
	length := 0
	for ; t != nil && length <= maxPathBytes; t = t.up {
		step := clip(t.step)
		if t.up != nil && !strings.HasPrefix(step, "[]") && !strings.HasPrefix(step, "{}") {
			step = "." + step
		}
		steps, length = append(steps, step), length+len(step)
	}
	if t != nil {
		steps = append(steps, "…")
	}
	slices.Reverse(steps)
	return strings.Join(steps, "")
}

// visit is a part that is to be told, and where it is.
type visit struct {
	part  *part
	owner *verdict
	trail *trail
}

// report lists the faults below a verdict in the order of the reader's schema.
func report(root *verdict, mend side) []Fault {
	var faults []Fault
	open := visits(nil, root, nil)
	for len(open) > 0 {
		v := open[len(open)-1]
		open = open[:len(open)-1]
		inner := v.part.inner
		if inner != nil && inner.known() {
			continue
		}
		if len(faults) == maxFaults {
			return append(faults, Fault{Kind: TooLarge, Message: "there are more faults; mend those before this one first"})
		}
		path := v.trail.add(v.part.step)
		switch {
		case inner == nil:
			faults = append(faults, Fault{path.String(), v.part.kind, v.part.message(v.owner, mend)})
			continue
		case inner.oneOf:
			faults = append(faults, Fault{path.String(), MissingUnionBranch, branchMessage(inner, mend)})
		default:
			open = visits(open, inner, path)
		}
		inner.told = true
	}
	return faults
}

// known reports whether there is nothing to tell of a verdict, or nothing new:
// in a recursive type, a union of the type itself falls with the type.
func (v *verdict) known() bool {
	if !v.fallen || v.told {
		return true
	}
	near := v.closest()
	return v.oneOf && near != nil && near.told
}

// visits puts the parts of a verdict onto a stack, the first one on top.
func visits(open []visit, owner *verdict, at *trail) []visit {
	for i := range slices.Backward(owner.parts) {
		open = append(open, visit{&owner.parts[i], owner, at})
	}
	return open
}

// closest returns the branch of a reader's union that was meant for the
// writer's type, nil where the union has none: the names match, or the kinds of
// types without name.
func (v *verdict) closest() *verdict {
	if len(v.parts) == 0 {
		return nil
	}
	return v.parts[0].inner
}

// culprit returns the part that made a verdict fall, nil where a union has
// nothing close to the writer's type. What it leads to has fallen before v.
func (v *verdict) culprit() *part {
	for i := range v.parts {
		if v.oneOf || v.parts[i].inner == v.why {
			return &v.parts[i]
		}
	}
	return nil
}

// cause tells the first reason why a verdict fell, and where below it.
func (v *verdict) cause() string {
	var at *trail
	for range maxCauseSteps {
		found := v.culprit()
		if found == nil {
			return located(at, v.lackOfBranch())
		}
		at = at.add(found.step)
		if found.inner == nil {
			return located(at, found.difference(v))
		}
		v = found.inner
	}
	return located(at, "more types lie in between")
}

func located(at *trail, what string) string {
	if at == nil {
		return what
	}
	return fmt.Sprintf("at %s, %s", at, what)
}
