package plan

import (
	"reflect"
	"sync"
	"unsafe"
)

// sliceHeader is the memory of a slice of any type.
type sliceHeader struct {
	data     unsafe.Pointer
	len, cap int
}

// eface is the memory of an any.
type eface struct{ typ, data unsafe.Pointer }

// addressable returns the value at p, where pointer is a nil pointer of its
// pointer type: reflect.NewAt without its search for that type.
func addressable(pointer any, p unsafe.Pointer) reflect.Value {
	(*eface)(unsafe.Pointer(&pointer)).data = p
	return reflect.ValueOf(pointer).Elem()
}

// firstItems is how much memory, in bytes, the first block of an array may
// claim before it has shown its items.
const firstItems = 4096

func (r *reader) slice(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	if !r.enter(o, o.sub) {
		return pos, r.fault(pos, ErrDeep)
	}
	s := (*sliceHeader)(at)
	for {
		count, next, err := r.block(pos, o.x.least)
		if err != nil {
			return pos, err
		}
		pos = next
		if count == 0 {
			break
		}
		if pos, err = r.sliceItems(o, s, pos, count); err != nil {
			return pos, err
		}
	}
	if s.data == nil {
		addressable(o.x.pointer, at).Set(o.x.value)
	}
	r.leave(o, o.sub)
	return pos, nil
}

// sliceItems appends the items of a block. The slice grows with what was read,
// not with what was claimed.
func (r *reader) sliceItems(o *op, s *sliceHeader, pos, count int) (_ int, err *Error) {
	for end := s.len + count; s.len < end; s.len++ {
		if s.len == s.cap {
			if err := r.grow(o, s, pos, end-s.len); err != nil {
				return pos, err
			}
		}
		item := unsafe.Add(s.data, uintptr(s.len)*o.size)
		if pos, err = r.run(o.sub, item, pos); err != nil {
			return pos, err.item(s.len)
		}
	}
	return pos, nil
}

func (r *reader) grow(o *op, s *sliceHeader, pos, wanted int) *Error {
	most := s.len
	if s.len == 0 {
		most = firstItems / max(int(o.size), 1)
	}
	more := min(wanted, max(most, 4))
	if err := r.charge(pos, more*int(o.size)); err != nil {
		return err
	}
	addressable(o.x.pointer, unsafe.Pointer(s)).Grow(more)
	return nil
}

// scratch lends addressable keys and values to maps, which have none.
type scratch struct{ pool sync.Pool }

type entry struct {
	key, value reflect.Value
	keyAt      unsafe.Pointer
	valueAt    unsafe.Pointer
	iter       reflect.MapIter
}

func newScratch(m reflect.Type) *scratch {
	return &scratch{pool: sync.Pool{New: func() any {
		key, value := reflect.New(m.Key()), reflect.New(m.Elem())
		return &entry{
			key: key.Elem(), value: value.Elem(), keyAt: key.UnsafePointer(), valueAt: value.UnsafePointer(),
		}
	}}}
}

func (s *scratch) get() *entry { return s.pool.Get().(*entry) }

// put gives an entry back without what it held.
func (s *scratch) put(e *entry) {
	e.key.SetZero()
	e.value.SetZero()
	e.iter.Reset(reflect.Value{})
	s.pool.Put(e)
}

// entrySize is about what a map takes for an entry beside key and value.
const entrySize = 24

// mapping reads a map.
func (r *reader) mapping(o *op, at unsafe.Pointer, pos int) (int, *Error) {
	if !r.enter(o, o.sub) {
		return pos, r.fault(pos, ErrDeep)
	}
	for {
		count, next, err := r.block(pos, o.x.least)
		if err != nil {
			return pos, err
		}
		pos = next
		if *(*unsafe.Pointer)(at) == nil {
			size := min(count, firstItems/(int(o.size)+entrySize))
			addressable(o.x.pointer, at).Set(reflect.MakeMapWithSize(o.x.typ, size))
		}
		if count == 0 {
			r.leave(o, o.sub)
			return pos, nil
		}
		if pos, err = r.mapBlock(o, at, pos, count); err != nil {
			return pos, err
		}
	}
}

func (r *reader) mapBlock(o *op, at unsafe.Pointer, pos, count int) (int, *Error) {
	switch o.x.mapOf {
	case mapOfString:
		return r.stringItems(*(*map[string]string)(at), o, pos, count)
	case mapOfInt64:
		return mapItems(r, *(*map[string]int64)(at), o, pos, count)
	case mapOfInt32:
		return mapItems(r, *(*map[string]int32)(at), o, pos, count)
	case mapOfFloat64:
		return mapItems(r, *(*map[string]float64)(at), o, pos, count)
	case mapOfAny:
		return mapItems(r, *(*map[string]any)(at), o, pos, count)
	}
	return r.anyMapItems(o, at, pos, count)
}

// mapKind tells the maps that need no reflection.
type mapKind uint8

const (
	mapOther mapKind = iota
	mapOfString
	mapOfInt64
	mapOfInt32
	mapOfFloat64
	mapOfAny
)

func mapKindOf(value reflect.Type) mapKind {
	switch value.Kind() {
	case reflect.String:
		return mapOfString
	case reflect.Int64:
		return mapOfInt64
	case reflect.Int32:
		return mapOfInt32
	case reflect.Float64:
		return mapOfFloat64
	case reflect.Interface:
		if value.NumMethod() == 0 {
			return mapOfAny
		}
	}
	return mapOther
}

// stringItems reads entries whose values are strings as they were written.
func (r *reader) stringItems(m map[string]string, o *op, pos, count int) (_ int, err *Error) {
	for range count {
		var key, value string
		if key, pos, err = r.key(o, pos); err != nil {
			return pos, err
		}
		if value, pos, err = r.readString(pos); err != nil {
			return pos, err.key(key)
		}
		m[key] = value
	}
	return pos, nil
}

// mapItems reads the entries of a block into a map of a type known here.
func mapItems[V any](r *reader, m map[string]V, o *op, pos, count int) (_ int, err *Error) {
	value := new(V)
	for range count {
		var key string
		if key, pos, err = r.key(o, pos); err != nil {
			return pos, err
		}
		*value = *new(V)
		if pos, err = r.run(o.sub, unsafe.Pointer(value), pos); err != nil {
			return pos, err.key(key)
		}
		m[key] = *value
	}
	return pos, nil
}

func (r *reader) key(o *op, pos int) (string, int, *Error) {
	key, next, err := r.readString(pos)
	if err == nil {
		err = r.charge(pos, int(o.size)+entrySize)
	}
	return key, next, err
}

// anyMapItems reads the entries of a block into a map of any type.
func (r *reader) anyMapItems(o *op, at unsafe.Pointer, pos, count int) (_ int, err *Error) {
	m := addressable(o.x.pointer, at)
	e := o.x.scratch.get()
	defer o.x.scratch.put(e)
	for range count {
		var key string
		if key, pos, err = r.key(o, pos); err != nil {
			return pos, err
		}
		*(*string)(e.keyAt) = key
		e.value.SetZero()
		if pos, err = r.run(o.sub, e.valueAt, pos); err != nil {
			return pos, err.key(key)
		}
		m.SetMapIndex(e.key, e.value)
	}
	return pos, nil
}
