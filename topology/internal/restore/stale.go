package restore

import (
	"fmt"
	"strconv"
	"time"
)

const (
	// tombstoneSetting is how long a compacted topic keeps the record of a deletion.
	tombstoneSetting = "delete.retention.ms"
	// defaultTombstones is Kafka's default of it.
	defaultTombstones = 24 * time.Hour
	// leastTombstones is below what nobody is asked for the setting.
	leastTombstones = 5 * time.Minute
)

// stale says why the table cannot be brought up by what is new in its changelog,
// "" if it can. After some time a compacted topic forgets that a row was deleted,
// and who was not there meanwhile would keep the row for ever. ahead is how many
// offsets are new: one alone is a marker, or there still.
func (r *run) stale(ahead int64) string {
	confirmed := r.table.DB.Confirmed(r.table.Name)
	age := r.asked.Sub(confirmed)
	if ahead <= 1 || confirmed.IsZero() || age < leastTombstones {
		return ""
	}
	kept := defaultTombstones
	if text, err := r.client.TopicSetting(r.table.Topic, tombstoneSetting); err == nil {
		if millis, err := strconv.ParseInt(text, 10, 64); err == nil && millis < time.Duration(1<<63-1).Milliseconds() {
			kept = time.Duration(millis) * time.Millisecond
		}
	}
	if age < kept {
		return ""
	}
	return fmt.Sprintf("it is from %s ago, and of rows that were deleted meanwhile the changelog tells for %s only (%s)",
		age.Round(time.Second), kept, tombstoneSetting)
}
