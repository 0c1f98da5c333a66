// Package cursor holds Cursor, what a run leaves for the next one. The rules that make a restart give the same numbers are in
// docs/guarantees.md; package pipeline follows them.
//
// It is a leaf: it imports nothing of this module.
package cursor

import "math"

// Cursor is the saved position of one shard: how far its windows have been sent, and where each partition stands.
type Cursor struct {
	Shard string `json:"shard"`

	// Emitted and Final are event times in Unix seconds. Windows ending at or before Emitted have been sent at least once;
	// those ending at or before Final never change.
	Emitted int64 `json:"emitted"`
	Final   int64 `json:"final"`

	// Fingerprint is of what shapes the windows: width, rollups, routes, filters. When it differs from the config's, windows
	// that are not final are built anew.
	Fingerprint string `json:"fingerprint"`

	Partitions []Partition `json:"partitions"`
}

// Partition is where one partition stands.
type Partition struct {
	Source string `json:"source"`
	Name   string `json:"name"`
	ID     string `json:"id"`

	Replay    int64 `json:"replay"`    // lowest offset a window that is not final needs
	Watermark int64 `json:"watermark"` // just before Replay: Unix nanoseconds, NoWatermark before the first record
	Read      int64 `json:"read"`      // everything below has been counted
	Indexed   int64 `json:"indexed"`   // everything below is confirmed by every record sink

	State []byte `json:"state,omitempty"` // the source's own; see batch.Batch.State
}

// NoWatermark is the watermark of a partition that has had no record.
const NoWatermark = math.MinInt64

// Start returns the offset at which reading goes on.
func (p *Partition) Start() int64 { return min(p.Replay, p.Indexed) }
