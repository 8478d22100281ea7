package registry

import "time"

// SetNow gives the cache's clock to tests.
func (c *Client) SetNow(now func() time.Time) { c.cache.now = now }
