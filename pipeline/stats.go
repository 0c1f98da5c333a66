package pipeline

import (
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/point"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Counts is what became of a partition's lines since the process started. At any instant
//
//	Read = blank + oversize + malformed reasons + Parsed
//	Parsed = filtered + future + late + after_idle + Counted
type Counts struct {
	Read    int64
	Parsed  int64
	Counted int64
	Reasons [record.NumReasons]int64

	Replayed int64 // lines read again after a restart, which are in none of the others
}

func (c *Counts) add(o *Counts) {
	c.Read += o.Read
	c.Parsed += o.Parsed
	c.Counted += o.Counted
	for i, n := range o.Reasons {
		c.Reasons[i] += n
	}
}

// Stats is the pipeline's state at one moment.
type Stats struct {
	Partitions  []PartitionStats
	Shards      []ShardStats
	Lanes       []LaneStats
	RecordLanes []RecordLaneStats
	Commit      CommitStats
	OpenWindows int64    // parts of windows in memory: of each worker, and what was sent and may still change
	Panes       [3]int64 // sent, by point.PaneKind
}

// PartitionStats is one partition's.
type PartitionStats struct {
	Source, Name, Shard string
	Counts
	Watermark int64 // Unix nanoseconds, cursor.NoWatermark before the first record
	Indexed   int64 // offset below which every record sink has confirmed

	Full map[string]int64 // by rollup: windows in which it had max_series series, and records of more
}

// ShardStats is one shard's, as last saved.
type ShardStats struct {
	Label          string
	Emitted, Final int64 // Unix seconds, cursor.NoWatermark before the first
}

// LaneStats is one metric sink's.
type LaneStats struct {
	Name         string
	Panes        int64 // sent
	Points       int64 // sent
	QueuedPanes  int
	QueuedPoints int
	Failures     int64  // attempts that failed
	SpooledPanes int64  // moved to the disk, to be sent when the sink is back
	DroppedPanes int64  // the oldest, for want of room
	LostPanes    int64  // an at_most_once sink failed while they were sent
	TooOldPanes  int64  // older than max_age
	Newest       int64  // end of the newest window sent, Unix seconds
	LastError    string // of the attempt going on; empty while all is well
}

// RecordLaneStats is of one record sink.
type RecordLaneStats struct {
	Name    string
	Behind  int64 // partitions whose records wait until they are read again
	Waiting int64 // offsets of them
	Lost    int64 // stretches whose log was gone when they were to be read again
}

// CommitStats is of the saving of cursors.
type CommitStats struct {
	Saves, Failures int64
	LastError       string
}

// totals are counters that several goroutines read.
type totals struct {
	panes [3]atomic.Int64
}

// Stats returns the state now. Each part is right in itself; parts may be of slightly different moments.
func (p *Pipeline) Stats() Stats {
	s := Stats{OpenWindows: p.openParts.Load() + p.lateParts.Load() + p.sentWindows.Load()}
	for i := range s.Panes {
		s.Panes[i] = p.totals.panes[i].Load()
	}
	p.known.Lock()
	partitions := p.partitions
	p.known.Unlock()
	for _, k := range partitions {
		k.mu.Lock()
		full := make(map[string]int64, len(p.set.Metrics.Rollups))
		for _, r := range p.set.Metrics.Rollups {
			full[r.Name] = k.full[r.Name]
		}
		s.Partitions = append(s.Partitions, PartitionStats{
			Source: k.Source, Name: k.Name, Shard: k.Shard, Counts: k.counts, Watermark: k.watermark, Full: full,
		})
		k.mu.Unlock()
		s.Partitions[len(s.Partitions)-1].Indexed = k.indexed()
	}
	for _, l := range p.lanes {
		l.mu.Lock()
		stats := l.stats
		stats.QueuedPanes, stats.QueuedPoints = len(l.queue), l.points
		l.mu.Unlock()
		s.Lanes = append(s.Lanes, stats)
	}
	for i, l := range p.records {
		r := RecordLaneStats{Name: l.name(), Behind: l.partitions.Load(), Lost: l.lost.Load()}
		for _, k := range partitions {
			r.Waiting += k.progress[i].waiting()
		}
		s.RecordLanes = append(s.RecordLanes, r)
	}
	c := p.committer
	c.mu.Lock()
	s.Commit = c.stats
	s.Shards = append(s.Shards, c.shards...)
	c.mu.Unlock()
	return s
}

// PaneKinds names the elements of Stats.Panes.
func PaneKinds() []string {
	return []string{point.OnTime.String(), point.Late.String(), point.Early.String()}
}

// Behind returns how far the shard's newest window sent is behind now.
func (s *ShardStats) Behind(now time.Time) time.Duration {
	if s.Emitted == cursor.NoWatermark {
		return 0
	}
	return now.Sub(time.Unix(s.Emitted, 0))
}
