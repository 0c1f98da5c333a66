package graphite

import (
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

// How much recent keeps. What a server has acknowledged and not read lies in its socket's receive buffer, of 6 MiB at most
// on Linux by default; 50,000 points are some 4 MB of lines and less in memory, as panes share their names. A server that
// reads at all has read after a minute.
const (
	maxRecentPoints = 50_000
	maxRecentAge    = time.Minute
)

// recent holds the panes written last, in that order. Of a window there is only the newest.
type recent struct {
	panes  []*point.Pane
	at     []time.Time // when each of panes was written
	points int
	newest time.Time // when a pane was last added
}

// add takes over panes, written at now, and forgets the oldest.
func (r *recent) add(panes []*point.Pane, now time.Time) {
	for _, p := range panes {
		if i := slices.IndexFunc(r.panes, func(old *point.Pane) bool { return old.Start == p.Start && old.Shard == p.Shard }); i >= 0 {
			r.remove(i, i+1)
		}
		r.panes = append(r.panes, p)
		r.at = append(r.at, now)
		r.points += p.Len()
	}
	n, left := 0, r.points
	for n < len(r.panes) && (left > maxRecentPoints || now.Sub(r.at[n]) > maxRecentAge) {
		left -= r.panes[n].Len()
		n++
	}
	r.remove(0, n)
	r.newest = now
}

func (r *recent) remove(from, to int) {
	for _, p := range r.panes[from:to] {
		r.points -= p.Len()
	}
	r.panes = slices.Delete(r.panes, from, to)
	r.at = slices.Delete(r.at, from, to)
}

// again notes that all were written again at now.
func (r *recent) again(now time.Time) {
	for i := range r.at {
		r.at[i] = now
	}
}
