package push

import (
	"net/http"
	"slices"
	"sync/atomic"
)

// Stats is what a source has done since it was made.
type Stats struct {
	Requests    map[int]int64 // by the status they were answered with
	Records     int64         // appended to the spool
	Bytes       int64         // of records, before they were stored
	Oversize    int64         // of the records: longer than may be, so only that is kept
	Duplicates  int64         // requests that had been stored before
	Connections int64         // open now
	Refused     int64         // connections: as many as may be were open
}

// statuses are those that a request may be answered with. They are never written.
var statuses = [...]int{
	http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed,
	http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests, http.StatusServiceUnavailable,
}

// Statuses returns the statuses that a request may be answered with.
func Statuses() []int { return append([]int(nil), statuses[:]...) }

// counters are Stats as they are counted, by many goroutines.
type counters struct {
	records, bytes, oversize, duplicates, open, refused atomic.Int64
	requests                                            [len(statuses)]atomic.Int64
}

func (c *counters) add(status int) {
	i := slices.Index(statuses[:], status)
	if i < 0 {
		panic("BUG: a status that is not in the table")
	}
	c.requests[i].Add(1)
}

// Stats may be called from any goroutine.
func (s *Source) Stats() Stats {
	c := &s.count
	r := Stats{
		Records: c.records.Load(), Bytes: c.bytes.Load(), Oversize: c.oversize.Load(), Duplicates: c.duplicates.Load(),
		Connections: c.open.Load(), Refused: c.refused.Load(), Requests: map[int]int64{},
	}
	for i, status := range statuses {
		r.Requests[status] = c.requests[i].Load()
	}
	return r
}
