package store

import (
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// closePatience bounds how long a database that failed may take to close.
const closePatience = 10 * time.Second

// closeDisk closes Pebble, which may hang or panic when a write has failed. The
// folder must not be opened again while its goroutines may live: see errStuck.
func closeDisk(disk *pebble.DB) error {
	closed := make(chan error, 1)
	go func() {
		defer func() {
			if met := recover(); met != nil {
				closed <- fmt.Errorf("%w: %v", errStuck, met)
			}
		}()
		closed <- disk.Close()
	}()
	timer := time.NewTimer(closePatience)
	defer timer.Stop()
	select {
	case err := <-closed:
		return err
	case <-timer.C:
		return errStuck
	}
}
