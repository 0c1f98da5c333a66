package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// goneSource is a testSource of logs whose beginnings were removed while no process ran.
type goneSource struct {
	testSource
	below []int64 // by log: what is gone; the whole log when it is as long
	mode  int     // what the source makes of it: 0 a stretch that cannot be read, 1 no such log, 2 a log with nothing to read, 3 it begins later
}

func (s *goneSource) Open(ctx context.Context, saved []cursor.Partition) ([]Opened, error) {
	opened, err := s.testSource.Open(ctx, saved)
	switch s.mode {
	case 1:
		return opened[1:], err
	case 3:
		for i := range opened {
			s.offsets[i] = max(s.offsets[i], s.below[i])
			opened[i].Offset = s.offsets[i]
		}
	}
	return opened, err
}

func (s *goneSource) Run(ctx context.Context, out chan<- *batch.Batch) error {
	for i := range s.logs {
		if s.offsets[i] >= s.below[i] {
			continue
		}
		b := &batch.Batch{Partition: s.partitions[i], First: s.offsets[i], Next: s.below[i]}
		switch s.mode {
		case 1:
			s.logs[i] = &testLog{name: s.logs[i].name}
			s.offsets[i] = 0
			continue
		case 2:
			s.logs[i] = &testLog{name: s.logs[i].name}
			b.Next = b.First
			b.CaughtUp, b.Ended = true, true
			s.offsets[i] = 0
		default:
			s.offsets[i] = b.Next
		}
		out <- b
	}
	if s.mode == 1 || s.mode == 2 {
		logs, partitions, offsets := s.logs[:0:0], s.partitions[:0:0], s.offsets[:0:0]
		for i := range s.logs {
			if len(s.logs[i].data) > 0 {
				logs, partitions, offsets = append(logs, s.logs[i]), append(partitions, s.partitions[i]), append(offsets, s.offsets[i])
			}
		}
		s.logs, s.partitions, s.offsets = logs, partitions, offsets
	}
	return s.testSource.Run(ctx, out)
}

// TestReplayGone: where a log that open windows were made of is gone at the restart, what the sinks have of these windows is not
// replaced by less.
func TestReplayGone(t *testing.T) {
	kept := 0
	for seed := range seeds(40) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 31))
			logs := randomLogs(r)
			w := newWorld()
			w.left = 10 + r.IntN(120)
			if w.run(t, logs, testRun{seed: seed, workers: 2, maxSeries: 1000}) || len(w.cursors) == 0 || len(w.cursors[0].Partitions) == 0 {
				return
			}
			saved := w.cursors[0]
			before := map[string]string{}
			for k, v := range w.graphite {
				before[k] = v
			}
			mode := r.IntN(4)
			w.left = 1 << 60
			w.run(t, logs, testRun{seed: seed + 1, workers: 2, maxSeries: 1000, change: func(s *Settings) {
				src := &goneSource{testSource: testSource{logs: append([]*testLog(nil), logs...), rand: r}, mode: mode, below: make([]int64, len(logs))}
				for _, p := range saved.Partitions {
					if p.Name == logs[0].name {
						src.below[0] = p.Read
					}
				}
				s.Sources[0].Source = src
			}})
			for k, v := range before {
				at := strings.LastIndexByte(k, '@')
				start, _ := strconv.ParseInt(k[at+1:], 10, 64)
				if start+10 > saved.Emitted || saved.Partitions[0].Replay >= saved.Partitions[0].Read {
					continue
				}
				kept++
				if w.graphite[k] != v {
					t.Fatalf("seed %d, mode %d: %s was %s and is %s; emitted %s", seed, mode, k, v, w.graphite[k], fmt.Sprint(time.Unix(saved.Emitted, 0)))
				}
			}
		})
	}
	if kept < 1000 {
		t.Errorf("only %d values looked at: the test no longer tests", kept)
	}
}
