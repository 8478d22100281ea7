package guard

import (
	"fmt"
	"strconv"
	"strings"
)

// None stands for no record.
const None = -1

// Mark is what the metadata of a committed offset tells of the records behind
// it. [Parse] returns one that tells nothing for a text that is not ours.
type Mark struct {
	// By is the process that made the mark.
	By string
	// Starts is how many starts at this offset have got no further.
	Starts int
	// Record is the offset of a record that was processed alone, [None] without one.
	Record int64
	// Live says that it was being processed when the mark was made.
	Live bool
	// Deaths is how often a process had died with that record in hand before.
	Deaths int
}

const (
	// prefix names the form of the text.
	prefix = "gokavro/1"
	// maxBy bounds the name of a process in it.
	maxBy = 32
	// maxCount bounds its numbers of starts and deaths.
	maxCount = 1 << 20
)

func (m Mark) empty() bool { return m.Starts == 0 && m.Record == None }

// alive returns what a mark tells of other processes than this one, which has not
// died.
func (m Mark) alive(id string) Mark {
	if m.By == id {
		m.By, m.Starts = "", max(m.Starts-1, 0)
	}
	m.Live, m.Deaths = false, min(m.Deaths, fatal-1)
	if m.Deaths == 0 {
		m.Record = None
	}
	return m
}

// String returns the text for the metadata, which is empty when there is
// nothing to tell.
func (m Mark) String() string {
	if m.empty() {
		return ""
	}
	text := fmt.Sprintf("%s by=%s starts=%d", prefix, m.By, m.Starts)
	if m.Record == None {
		return text
	}
	return text + fmt.Sprintf(" record=%d deaths=%d live=%t", m.Record, m.Deaths, m.Live)
}

// Parse reads what String returns. Of a later version it reads what it knows.
func Parse(text string) Mark {
	nothing := Mark{Record: None}
	fields := strings.Fields(text)
	if len(fields) == 0 || fields[0] != prefix {
		return nothing
	}
	m := nothing
	for _, field := range fields[1:] {
		name, value, _ := strings.Cut(field, "=")
		if !m.set(name, value) {
			return nothing
		}
	}
	if m.Record == None {
		m.Deaths, m.Live = 0, false
	}
	if m.empty() {
		return nothing
	}
	return m
}

// set takes a field in, and reports false for a value that cannot be one.
func (m *Mark) set(name, value string) bool {
	var err error
	switch name {
	case "by":
		m.By = value
		return len(value) <= maxBy
	case "starts":
		m.Starts, err = count(value)
	case "deaths":
		m.Deaths, err = count(value)
	case "record":
		var offset uint64
		offset, err = strconv.ParseUint(value, 10, 63)
		m.Record = int64(offset)
	case "live":
		m.Live, err = strconv.ParseBool(value)
	}
	return err == nil
}

func count(value string) (int, error) {
	n, err := strconv.ParseUint(value, 10, 31)
	return int(min(n, maxCount)), err
}
