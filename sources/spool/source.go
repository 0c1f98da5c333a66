package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/internal/fault"
	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

var _ pipeline.Source = (*Source)(nil)

// trimEvery is how often a Source looks whether the spool can be trimmed.
const trimEvery = time.Second

// SourceSettings is all that a Source is made of.
type SourceSettings struct {
	Name    string // of the source, and of its partition
	Shard   string // label of the windows its records go to
	Spool   *Spool // of which each record is a line; it is not closed
	MaxLine int    // bytes; longer records are counted as oversize. 0: 64 KiB. Must not be larger than the pool's buffers
	Once    bool   // read what is there and end
	Follow  bool   // another Source reads the same spool, and this one reads again for one that was left behind: it trims nothing
	Pool    *batch.Pool
	Log     *slog.Logger

	// Indexed returns the number below which every record sink has confirmed. What is above it is not removed to make room, as
	// little as what has not been read. nil: there is no record sink. It is called each second or so.
	Indexed func() int64
}

// Source reads the lines of a spool into a pipeline. Its one partition is named as the source, offsets are the records'
// numbers. Make one with NewSource; call Open once, then Run once.
type Source struct {
	set       SourceSettings
	partition *batch.Partition
	reader    *Reader
	ends      int          // records of the last batch, for the next one's memory
	read      atomic.Int64 // everything below has been given away
}

// NewSource returns a source of s.
func NewSource(s SourceSettings) (*Source, error) {
	if s.MaxLine == 0 {
		s.MaxLine = 64 << 10
	}
	switch {
	case s.Spool == nil || s.Pool == nil || s.Log == nil:
		return nil, errors.New("spool: spool, pool or log not given")
	case s.MaxLine < 0 || s.MaxLine > s.Pool.Size():
		return nil, fmt.Errorf("spool: max_line %d does not fit into buffers of %d bytes", s.MaxLine, s.Pool.Size())
	}
	return &Source{set: s, partition: &batch.Partition{Source: s.Name, Name: s.Name, Shard: s.Shard, ID: s.Spool.ID()}}, nil
}

// Open finds where to go on; see pipeline.Source.
func (s *Source) Open(_ context.Context, saved []cursor.Partition) ([]pipeline.Opened, error) {
	start := s.set.Spool.First()
	for i := range saved {
		c := &saved[i]
		if c.ID != s.partition.ID {
			s.set.Log.Warn("the spool is not the one that was read before; what is in it is read from its beginning", "source", s.set.Name)
			continue
		}
		if err := s.set.Spool.Raise(max(c.Read, c.Indexed)); err != nil {
			return nil, err
		}
		if first := start; c.Start() < first {
			s.set.Log.Error("records that a restart needs are no longer in the spool", "source", s.set.Name, "records", first-c.Start())
		}
		start = max(start, c.Start())
	}
	s.read.Store(start)
	s.reader = s.set.Spool.NewReader(start, s.set.MaxLine)
	return []pipeline.Opened{{Partition: s.partition, Offset: start}}, nil
}

// Run reads; see pipeline.Source.
func (s *Source) Run(ctx context.Context, out chan<- *batch.Batch) error {
	defer s.reader.Close()
	var trimming sync.WaitGroup
	defer trimming.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !s.set.Follow {
		trimming.Go(func() { s.trim(ctx) })
	}
	end := int64(-1)
	if s.set.Once {
		end = s.set.Spool.Durable()
	}
	told := false // that all has been read
	for {
		if end >= 0 && s.reader.Next() >= end {
			return s.send(ctx, out, &batch.Batch{First: s.reader.Next(), Next: s.reader.Next(), CaughtUp: true, Ended: true})
		}
		if told {
			if err := s.reader.Wait(ctx, nil); err != nil {
				return err
			}
		}
		b := s.set.Pool.Get(ctx.Done())
		if b == nil {
			return ctx.Err()
		}
		if err := s.fill(b); err != nil {
			b.Release()
			return err
		}
		told = b.CaughtUp
		if err := s.send(ctx, out, b); err != nil {
			return err
		}
	}
}

// fill makes b the records that come next.
func (s *Source) fill(b *batch.Batch) error {
	b.MakeLines(s.ends + s.ends/4)
	run := Run{Data: b.Data, Ends: b.Ends, Times: b.Times}
	err := s.reader.Read(&run)
	b.Times, b.Received = run.Times, true
	b.Data, b.Ends, b.First, b.Next, b.CaughtUp = run.Data, run.Ends, run.First, run.Next, run.CaughtUp
	s.ends = len(run.Ends)
	if errors.Is(err, io.ErrShortBuffer) {
		s.reader.Skip()
		b.Oversize, b.Next, err = 1, b.First+1, nil
	}
	if len(b.Ends) == 0 {
		b.Ends, b.Times = nil, nil
	}
	s.read.Store(b.Next)
	if s.set.Indexed == nil && !s.set.Follow {
		s.set.Spool.SetRead(b.Next)
	}
	return err
}

// send gives b away.
func (s *Source) send(ctx context.Context, out chan<- *batch.Batch, b *batch.Batch) error {
	b.Partition = s.partition
	_ = fault.At("batch.read")
	select {
	case out <- b:
		return nil
	case <-ctx.Done():
		b.Release()
		return ctx.Err()
	}
}

// trim removes from the spool what nobody needs any more, until ctx ends.
func (s *Source) trim(ctx context.Context) {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.set.Spool.Trim(s.partition.Needed.Load())
			if s.set.Indexed != nil {
				s.set.Spool.SetRead(min(s.read.Load(), s.set.Indexed()))
			}
		case <-ctx.Done():
			return
		}
	}
}
