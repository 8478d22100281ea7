package plan

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"unsafe"
)

// Types holds what plans are told about Go types beside what reflection shows:
// which types an interface holds, and which types have functions of their own.
// Nil holds nothing. It must not be changed once a plan was made with it.
type Types struct {
	sealed map[reflect.Type][]reflect.Type
	custom map[reflect.Type]*Custom
	faults faults
}

// Custom is a Go type that is written and read as another one, by a pair of
// functions.
type Custom struct {
	typ, as reflect.Type
	schema  string // in place of the one inferred from as, if any
	write   func(value, as unsafe.Pointer) error
	read    func(as, value unsafe.Pointer) error
	borrow  func() unsafe.Pointer // a zeroed value of as
	put     func(as unsafe.Pointer)
}

// NewCustom returns the custom type T, which is written and read as an A. A
// panic of a function is an error.
func NewCustom[T, A any](schema string, write func(T) (A, error), read func(A) (T, error)) *Custom {
	pool := sync.Pool{New: func() any { return new(A) }}
	return &Custom{
		typ: reflect.TypeFor[T](), as: reflect.TypeFor[A](), schema: schema,
		write:  func(value, as unsafe.Pointer) error { return convert("writes", write, (*T)(value), (*A)(as)) },
		read:   func(as, value unsafe.Pointer) error { return convert("reads", read, (*A)(as), (*T)(value)) },
		borrow: func() unsafe.Pointer { return unsafe.Pointer(pool.Get().(*A)) },
		put: func(as unsafe.Pointer) {
			*(*A)(as) = *new(A)
			pool.Put((*A)(as))
		},
	}
}

// convert calls a user's function, whose panic is an error here.
func convert[From, To any](does string, f func(From) (To, error), from *From, to *To) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the function that %s it panicked: %v", does, p)
		}
	}()
	*to, err = f(*from)
	return err
}

// Add declares a custom type.
func (ts *Types) Add(c *Custom) {
	if ts.declared(c.typ) {
		return
	}
	if ts.custom == nil {
		ts.custom = map[reflect.Type]*Custom{}
	}
	ts.custom[c.typ] = c
	for as := baseType(c.as); ; as = baseType(ts.custom[as].as) {
		if as == c.typ {
			ts.faults.add("", "the custom type %s is written as itself", c.typ)
			delete(ts.custom, c.typ)
		}
		if ts.custom[as] == nil {
			return
		}
	}
}

// Seal declares the types that an interface holds, in the order of the union's
// branches. A nil type stands for null.
func (ts *Types) Seal(iface reflect.Type, types ...reflect.Type) {
	if iface.Kind() != reflect.Interface || iface == typeAny {
		ts.faults.add("", "the sealed %s is no interface of its own", iface)
		return
	}
	if ts.declared(iface) {
		return
	}
	if !slices.ContainsFunc(types, func(t reflect.Type) bool { return t != nil }) {
		ts.faults.add("", "the sealed %s has no types", iface)
	}
	for i, t := range types {
		if slices.Contains(types[:i], t) {
			ts.faults.add("", "the sealed %s has the type %v twice", iface, t)
		}
	}
	if ts.sealed == nil {
		ts.sealed = map[reflect.Type][]reflect.Type{}
	}
	ts.sealed[iface] = types
}

func (ts *Types) declared(t reflect.Type) bool {
	known := ts.custom[t] != nil || ts.sealed[t] != nil
	if known {
		ts.faults.add("", "the type %s is declared twice", t)
	}
	return known
}

func (ts *Types) err() error {
	if ts == nil {
		return nil
	}
	return ts.faults.err("declaring types")
}

func (ts *Types) customOf(t reflect.Type) *Custom {
	if ts == nil {
		return nil
	}
	return ts.custom[t]
}

func (ts *Types) sealedBy(t reflect.Type) []reflect.Type {
	if ts == nil {
		return nil
	}
	return ts.sealed[t]
}

// storedAs returns the type that values of t are written as, which is t itself
// unless it is a custom type.
func (ts *Types) storedAs(t reflect.Type) reflect.Type {
	for c := ts.customOf(t); c != nil; c = ts.customOf(t) {
		t = c.as
	}
	return t
}

// chooses reports whether a value of t tells its branch of a union itself.
func (ts *Types) chooses(t reflect.Type) bool {
	for range maxPointers {
		if t = ts.storedAs(t); t.Kind() != reflect.Pointer {
			break
		}
		t = t.Elem()
	}
	return t == typeAny || ts.sealedBy(t) != nil
}

// takesNull reports whether null is for the functions of a custom type: what
// it is written as can be nil, and it itself cannot.
func (c *Custom) takesNull() bool { return !nilable(c.typ) && nilable(c.as) }

func nilable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return true
	}
	return false
}

// maxPointers bounds pointers to pointers.
const maxPointers = 8

// baseType returns what a pointer, or a pointer to one, points to in the end;
// nil where there is no end.
func baseType(t reflect.Type) reflect.Type {
	for range maxPointers {
		if t.Kind() != reflect.Pointer {
			return t
		}
		t = t.Elem()
	}
	return nil
}
