package runner

import "github.com/cockroachdb/pebble/v2/vfs"

// OnDisk puts the tables of a runner on another file system, for tests of disks
// that fail.
func (l *life) OnDisk(disk vfs.FS) { l.disk = disk }

// InTemp tells whether a folder makes a warning for being temporary.
var InTemp = inTemp
