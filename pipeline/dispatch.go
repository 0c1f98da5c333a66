package pipeline

import (
	"math"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/internal/fault"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// manyWindows that were not sent yet, of each worker, call for an epoch before its time: a sparse log read at full speed
// closes thousands a second.
const manyWindows = 6

// manyCells made since the last epoch call for one too: a log of thousands of series read at full speed would have them for all windows
// of a second, and then points of all of them. It is four times as many where windows have had late records, as each of those is sent again whole.
const manyCells = 16 << 10

// dispatch gives the batches out as tasks, in order, and sends what there is to send between them, until in is closed.
func (p *Pipeline) dispatch(in <-chan *batch.Batch) {
	tick := time.NewTicker(p.set.Epoch)
	defer tick.Stop()
	manyParts := int64(0) // half as many again as were left open by the last epoch that came before its time
	for {
		select {
		case b, ok := <-in:
			if !ok {
				p.busy.Wait()
				return
			}
			shard := p.take(b)
			p.pace(shard)
			if p.openParts.Load() > max(manyWindows*int64(p.set.Workers), manyParts) || p.newCells.Load() > manyCells<<min(p.lateParts.Load(), 2) {
				p.nextEpoch()
				manyParts = 3 * p.openParts.Load() / 2
			}
		case <-p.made():
			p.endEpoch()
		case <-tick.C:
			select {
			case <-p.made():
				p.endEpoch()
			default:
			}
			if p.making == nil { // else at the next tick
				p.nextEpoch()
			}
			for _, s := range p.shards {
				p.pace(s)
			}
		}
	}
}

// take gives out b's tasks. Its lines are cut at the offsets where a run before left off (rule 2): below `indexed` they
// do not go to the record sinks again, below `replay` they are in no window that can change, below `read` discarding sinks
// have had them.
func (p *Pipeline) take(b *batch.Batch) *shard {
	k := p.byBatch[b.Partition]
	if k == nil {
		source := slices.IndexFunc(p.set.Sources, func(s SourceSettings) bool { return s.Name == b.Partition.Source })
		if source < 0 {
			panic("BUG: a batch of unknown source " + b.Partition.Source)
		}
		k = p.addPartition(b.Partition, source)
		k.begin(b.First)
		for _, c := range k.shard.saved.Partitions {
			if b.Partition.Saved != nil && c.Name == k.Name && c.ID == k.ID {
				k.resume(c)
			}
		}
	}
	_ = fault.At("batch.taken")
	now := p.set.Now()
	k.caughtUp, k.ended = b.CaughtUp, b.Ended
	if b.State != nil {
		k.state = b.State
	}
	if b.Revoked != nil {
		p.revoke(k)
		close(b.Revoked)
		b.Release()
		return k.shard
	}
	if b.First == b.Next {
		b.Release()
		return k.shard
	}
	if len(b.Data) == 0 && b.Oversize == 0 && b.First < k.saved.Read && b.Next > k.saved.Replay {
		p.endEpoch()
		p.busy.Wait()
		p.keepAsSent(k.shard, k)
	}
	if b.First != k.next {
		p.set.Log.Error("BUG: a source left a gap or went back", "source", b.Partition.Source, "partition", b.Partition.Name,
			"expected", k.next, "got", b.First)
	}
	k.lastData, k.shard.early = now, false

	cuts := [...]int64{k.saved.Replay, k.saved.Indexed, k.saved.Read, b.Next}
	slices.Sort(cuts[:])
	shared := &sharedBatch{Batch: b, left: 1, pipe: p}
	var tasks [len(cuts)]*task
	n, from := 0, b.First
	for _, to := range cuts {
		if to <= from || to > b.Next {
			continue
		}
		t := &task{
			partition: k, batch: shared, from: from, to: to, number: k.tasks,
			metrics: from >= k.saved.Replay, replayed: from < k.saved.Read,
			now: now.UnixNano(), emitted: k.shard.saved.Emitted, sent: k.shard.emitted, final: k.shard.final,
		}
		if from >= k.saved.Indexed {
			for _, progress := range k.progress {
				t.spans = append(t.spans, progress.begin(from, to))
			}
		} else {
			for _, progress := range k.progress {
				progress.skip(from, to)
			}
		}
		k.tasks++
		tasks[n], n, from = t, n+1, to
	}
	shared.left = n
	k.next = b.Next
	k.mu.Lock()
	k.reading, k.newState = k.next, k.state
	k.mu.Unlock()
	for _, t := range tasks[:n] {
		p.busy.Add(1)
		p.give(t)
	}
	return k.shard
}

// nextEpoch ends the epoch at hand, and begins another when the sinks have room. The panes of the one may have left long before: see give.
func (p *Pipeline) nextEpoch() {
	p.endEpoch()
	p.waitForRoom()
	p.beginEpoch(false)
}

// give waits until a worker has t. Panes that are made meanwhile leave: a record sink may hold up all workers for long.
func (p *Pipeline) give(t *task) {
	for {
		select {
		case p.tasks <- t:
			return
		case <-p.made():
			p.endEpoch()
		}
	}
}

// made is closed when the panes that are being made are; nil when none are.
func (p *Pipeline) made() <-chan struct{} {
	if p.making == nil {
		return nil
	}
	return p.making.made
}

// pace holds back the partitions of s that are far ahead of one that is being caught up with, as every window in between
// would stay open.
func (p *Pipeline) pace(s *shard) {
	if len(s.partitions) < 2 {
		return
	}
	cfg, now := p.windows, p.set.Now()
	far := cfg.amend + 4*cfg.width*int64(time.Second)
	lowest := int64(math.MaxInt64)
	for _, k := range s.partitions {
		if !k.ended && !k.caughtUp && now.Sub(k.lastData) < p.set.Metrics.Idle {
			lowest = min(lowest, k.shown.Load())
		}
	}
	for _, k := range s.partitions {
		at := k.shown.Load()
		k.Hold.Store(at != cursor.NoWatermark && (lowest == cursor.NoWatermark || at > lowest && at-lowest > far))
	}
}
