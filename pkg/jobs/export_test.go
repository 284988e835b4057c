package jobs

import "time"

// Beat has the jobs that run say so more often.
func (c *Client) Beat(every time.Duration) { c.leases.beat = every }
