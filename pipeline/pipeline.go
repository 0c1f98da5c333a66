package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Pipeline runs sources into sinks. Make one with New; Run it once; Stats may be called from any goroutine.
type Pipeline struct {
	set      Settings
	windows  *windowing
	chains   []*chain
	services [][]byte // by source

	hidesLines    bool // raw lines must not leave
	storesLines   bool // a record sink wants the lines of records
	filtersRoutes bool // a filter looks at routes
	discards      bool // there is a discarding sink

	workers []*worker
	tasks   chan *task
	busy    sync.WaitGroup // tasks given out and not done
	bodies  []*bodyPool    // by record sink

	lanes     []*lane
	records   []*recordLane // by record sink
	committer *committer

	// The dispatcher's own. known guards the slices for Stats.
	known      sync.Mutex
	partitions []*partition
	shards     []*shard
	nextShard  int
	byBatch    map[*batch.Partition]*partition
	making     *epoch     // whose panes are being made; nil when none are
	collector  *collector // while making is not nil, its own
	epochs     uint64

	cells       cellPool
	openParts   atomic.Int64 // windows that were not sent yet, added up over workers
	lateParts   atomic.Int64 // the same of what came after a window was sent
	sentWindows atomic.Int64 // windows that were sent and may still change
	newCells    atomic.Int64 // made in openParts since the last epoch, added up over workers
	shared      sync.Mutex   // sharedBatch.left
	drain       context.Context
	stopping    <-chan struct{} // closed when the run is told to stop
	totals      totals
}

// shard is the partitions whose windows are merged and sent under one label.
type shard struct {
	index      int
	label      string
	saved      cursor.Cursor
	partitions []*partition

	emitted, final int64 // Unix seconds; see cursor.Cursor
	savedFinal     int64 // final as far as every accumulating sink has confirmed it
	finals         []finalAt
	whole          bool          // every partition is back where the run before had read to
	until          *atomic.Int64 // lease of a shard that moves between processes, nil for one that stays; see batch.Partition
	gone           atomic.Bool   // it has moved
	early          bool          // the open windows have been sent early, and nothing has come since
}

// finalAt is what final became in an epoch.
type finalAt struct {
	epoch uint64
	final int64
}

// New returns a pipeline of s.
func New(s Settings) (*Pipeline, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	p := &Pipeline{set: s, windows: newWindowing(&s.Metrics), chains: makeChains(s.Metrics.Rollups), byBatch: map[*batch.Partition]*partition{}}
	p.filtersRoutes = s.Filter != nil && s.Filter.Fields().Has(record.Route)
	p.discards = slices.ContainsFunc(s.MetricSinks, func(m MetricSinkSettings) bool { return m.Discarding })
	p.hidesLines = s.Redact != nil && s.Redact.HidesLines()
	for i := range s.Sources {
		service := s.Sources[i].Service
		if service == "" {
			service = s.Sources[i].Name
		}
		p.services = append(p.services, []byte(service))
	}
	for i := range s.RecordSinks {
		p.storesLines = p.storesLines || !s.RecordSinks[i].Lineless
		p.bodies = append(p.bodies, &bodyPool{})
		p.records = append(p.records, &recordLane{pipeline: p, sink: i, wake: make(chan struct{}, 1)})
	}
	for range s.Workers {
		p.workers = append(p.workers, newWorker(p))
	}
	p.tasks = make(chan *task, s.Workers)
	p.collector = newCollector(p)
	for i := range s.MetricSinks {
		p.lanes = append(p.lanes, newLane(&p.set.MetricSinks[i], &p.set))
	}
	p.committer = newCommitter(p)
	return p, nil
}

// Run reads until ctx ends or, with Settings.Once, until all sources have ended. Before it returns everything that was read
// is counted, the sinks have been given Settings.Drain to take what is theirs, and the cursor is saved. It returns an error
// when a source failed, or when a run that reads once could not deliver everything.
func (p *Pipeline) Run(ctx context.Context) error {
	// Sinks outlive ctx: what has been read is still sent.
	drain, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	p.drain = drain
	if err := p.open(ctx); err != nil {
		giveUp() // nobody waits for sinks that were given nothing
		for i := range p.set.RecordSinks {
			_ = p.set.RecordSinks[i].Sink.Close(drain)
		}
		for _, l := range p.lanes {
			_ = l.sink.Close()
		}
		if ctx.Err() != nil {
			return nil // told to stop before it began
		}
		return err
	}

	var lanes, workers sync.WaitGroup
	for _, l := range p.lanes {
		lanes.Go(func() { l.run(drain) })
	}
	lanes.Go(func() { p.committer.run(drain) })
	forwarding, stopForwarding := context.WithCancel(drain)
	defer stopForwarding()
	var forward sync.WaitGroup
	for _, l := range p.records {
		forward.Go(func() { l.run(forwarding) })
	}
	for _, w := range p.workers {
		workers.Go(func() { w.run(p.tasks) })
	}

	reading, stop := context.WithCancel(ctx)
	defer stop()
	p.stopping = reading.Done()
	in := make(chan *batch.Batch)
	failed := make(chan error, len(p.set.Sources))
	var sources sync.WaitGroup
	for i := range p.set.Sources {
		s := &p.set.Sources[i]
		sources.Go(func() {
			if err := s.Source.Run(reading, in); err != nil && reading.Err() == nil {
				failed <- fmt.Errorf("source %s: %w", s.Name, err)
				stop()
			}
		})
	}
	go func() { // ends with the sources
		sources.Wait()
		close(in)
	}()

	// A worker may be held up by a record sink that does not answer: once the end is asked for, only for so long.
	context.AfterFunc(reading, func() {
		timer := time.AfterFunc(p.set.Drain, giveUp)
		context.AfterFunc(drain, func() { timer.Stop() })
	})
	p.dispatch(in)
	close(p.tasks)
	workers.Wait()
	stopForwarding()
	forward.Wait()

	err := p.finish(drain)
	giveUp()
	lanes.Wait()
	if unsaved := p.committer.saveLast(); p.set.Once {
		err = errors.Join(err, unsaved)
	}
	for _, l := range p.lanes {
		switch closed := l.sink.Close(); {
		case p.set.Once:
			err = errors.Join(err, closed)
		case closed != nil: // what it does not have the next run sends
			p.set.Log.Warn("sink not closed as it should be", "sink", l.set.Name, "error", closed)
		}
	}
	select {
	case failure := <-failed:
		err = errors.Join(failure, err)
	default:
	}
	return err
}

// finish sends what is left and waits, within Drain, until the sinks have it.
func (p *Pipeline) finish(drain context.Context) error {
	var undelivered error
	ctx, cancel := context.WithTimeout(drain, p.set.Drain)
	defer cancel()
	end := p.set.Once
	for _, k := range p.partitions {
		end = end && k.ended // a run that was told to stop has not seen the end
	}
	p.epoch(end) // first: the metric sinks do not wait for a record sink that is down
	for i := range p.set.RecordSinks {
		s := &p.set.RecordSinks[i]
		if err := s.Sink.Close(ctx); err != nil {
			undelivered = errors.Join(undelivered, fmt.Errorf("records left for sink %s: %w", s.Name, err))
		}
	}
	for _, l := range p.lanes {
		if err := l.empty(ctx, p.epochs); err != nil {
			undelivered = errors.Join(undelivered, err)
		} else if n := l.lost(); n > 0 && p.set.Once {
			undelivered = errors.Join(undelivered, fmt.Errorf("sink %s: %d panes are lost", l.set.Name, n))
		}
	}
	p.settle()
	if p.set.Once {
		return undelivered
	}
	if undelivered != nil {
		p.set.Log.Warn("stopped before every sink had everything; the next run sends it", "error", undelivered)
	}
	return nil
}

// open finds the partitions and puts each where the run before left it.
func (p *Pipeline) open(ctx context.Context) error {
	for i := range p.set.Sources {
		s := &p.set.Sources[i]
		var saved []cursor.Partition
		for _, c := range p.set.Saved {
			for _, k := range c.Partitions {
				if k.Source == s.Name {
					saved = append(saved, k)
				}
			}
		}
		opened, err := s.Source.Open(ctx, saved)
		if err != nil {
			return fmt.Errorf("open source %s: %w", s.Name, err)
		}
		for _, o := range opened {
			k := p.addPartition(o.Partition, i)
			k.begin(o.Offset)
			for _, c := range saved {
				if c.Name == o.Partition.Name && c.ID == o.Partition.ID {
					k.resume(c)
				}
			}
		}
	}
	for _, s := range p.shards {
		for i := range s.saved.Partitions {
			saved := &s.saved.Partitions[i]
			here := slices.ContainsFunc(s.partitions, func(k *partition) bool {
				return k.saved.ID == saved.ID && k.saved.Name == saved.Name && k.next <= saved.Replay
			})
			if !here && saved.Replay < saved.Read {
				p.keepAsSent(s, &partition{Partition: &batch.Partition{Name: saved.Name}})
			}
		}
	}
	return nil
}

// addPartition makes the partition known.
func (p *Pipeline) addPartition(b *batch.Partition, source int) *partition {
	p.known.Lock()
	defer p.known.Unlock()
	var s *shard
	for _, known := range p.shards {
		if known.label == b.Shard {
			s = known
		}
	}
	if s == nil {
		s = p.addShard(b)
		if p.set.Sources[source].Save != nil {
			s.until = &b.Lease
		}
	}
	k := newPartition(b, source, &p.set.Sources[source], s, len(p.set.RecordSinks), p.set.Now())
	s.partitions = append(s.partitions, k)
	p.partitions = append(p.partitions[:len(p.partitions):len(p.partitions)], k)
	p.byBatch[b] = k
	return k
}

func (p *Pipeline) addShard(b *batch.Partition) *shard {
	label := b.Shard
	s := &shard{index: p.nextShard, label: label, emitted: cursor.NoWatermark, final: cursor.NoWatermark, savedFinal: cursor.NoWatermark}
	p.nextShard++
	saved := p.set.Saved
	if b.Saved != nil {
		saved = p.handedOver(b)
	}
	for _, c := range saved {
		if c.Shard != label {
			continue
		}
		s.saved = c
		s.emitted, s.final, s.savedFinal = c.Emitted, c.Final, c.Final
		if c.Fingerprint != p.set.Metrics.Fingerprint {
			p.set.Log.Warn("the configuration of the windows has changed: those not final are built anew; the one that lies across this time is partial",
				"shard", label, "time", time.Unix(c.Final, 0).UTC())
		}
	}
	p.shards = append(p.shards, s)
	return s
}
