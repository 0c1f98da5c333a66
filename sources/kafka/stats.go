package kafka

import (
	"slices"
	"strings"
)

// Stats is what a source has done and where it stands.
type Stats struct {
	Member      bool  // of the group, now
	Generations int64 // of the group that were joined
	Expelled    int64 // times the group went on without us
	Commits     int64 // offsets committed
	Refused     int64 // commits that came too late, and changed nothing

	// Of partitions that are no longer ours: of those that are, Partitions has it.
	Gone PartitionStats

	Partitions []PartitionStats // ours now, by name
}

// PartitionStats is what was done of one partition and where it stands. Counts are of the time since it became ours.
type PartitionStats struct {
	Name      string // topic-partition
	Next      int64  // offset after what has been read
	High      int64  // offset after the newest message; -1: not known yet
	Stable    int64  // offset up to which all transactions have ended
	Committed int64  // offset that the group has
	Newest    int64  // time of the newest batch that was read, Unix milliseconds; 0: none

	Lost     int64 // offsets removed from the log before they were read
	Corrupt  int64 // offsets passed over because their batch cannot be read
	Aborted  int64 // messages of transactions that were given up: they are not read
	Failures int64 // failed attempts to fetch
	Restarts int64 // times connections were made anew because nothing came of what was there
}

// Lag returns how many offsets there are that have not been read; 0 while that is not known.
func (p *PartitionStats) Lag() int64 { return max(0, p.High-p.Next) }

// Total returns the counts of all partitions, those that are no longer ours too.
func (s *Stats) Total() PartitionStats {
	t := s.Gone
	for i := range s.Partitions {
		t.add(&s.Partitions[i])
	}
	return t
}

// add adds p's counts to s.
func (s *PartitionStats) add(p *PartitionStats) {
	s.Lost += p.Lost
	s.Corrupt += p.Corrupt
	s.Aborted += p.Aborted
	s.Failures += p.Failures
	s.Restarts += p.Restarts
}

// Stats may be called from any goroutine.
func (s *Source) Stats() Stats {
	s.mu.Lock()
	r, g := s.stats, s.current
	s.mu.Unlock()
	if g == nil {
		return r
	}
	r.Member = !g.isOver()
	for _, a := range g.all() {
		p := a.fetcher().stats()
		p.Committed = a.committed.Load()
		r.Partitions = append(r.Partitions, p)
	}
	slices.SortFunc(r.Partitions, func(a, b PartitionStats) int { return strings.Compare(a.Name, b.Name) })
	return r
}
