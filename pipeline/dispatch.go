package pipeline

import (
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

// manyWindows open ones, added up over the workers, call for an epoch before its time: a sparse log read at full speed
// closes thousands a second.
const manyWindows = 48

// dispatch gives the batches out as tasks, in order, and sends what there is to send between them, until in is closed.
func (p *Pipeline) dispatch(in <-chan *batch.Batch) {
	tick := time.NewTicker(p.set.Epoch)
	defer tick.Stop()
	for {
		select {
		case b, ok := <-in:
			if !ok {
				p.busy.Wait()
				return
			}
			p.take(b)
			if p.openParts.Load() > p.totals.manyParts.Load() {
				p.epoch(false)
				p.totals.manyParts.Store(max(manyWindows, 3*p.openParts.Load()/2))
			}
		case <-tick.C:
			p.epoch(false)
		}
	}
}

// take gives out b's tasks. Its lines are cut at the offsets where a run before left off (rule 2): below `indexed` they
// do not go to the record sinks again, below `replay` they are in no window that can change, below `read` discarding sinks
// have had them.
func (p *Pipeline) take(b *batch.Batch) {
	k := p.byBatch[b.Partition]
	if k == nil {
		source := slices.IndexFunc(p.set.Sources, func(s SourceSettings) bool { return s.Name == b.Partition.Source })
		if source < 0 {
			panic("BUG: a batch of unknown source " + b.Partition.Source)
		}
		k = p.addPartition(b.Partition, source)
		k.next, k.acks.done = b.First, b.First
	}
	now := p.set.Now()
	k.caughtUp, k.ended = b.CaughtUp, b.Ended
	if b.State != nil {
		k.state = b.State
	}
	if b.First == b.Next {
		b.Release()
		return
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
			metrics: from >= k.saved.Replay, replayed: from < k.saved.Read, records: from >= k.saved.Indexed && len(p.set.RecordSinks) > 0,
			now: now.UnixNano(), emitted: k.shard.saved.Emitted, final: k.shard.final,
		}
		t.ack = k.acks.start(to, t.confirmations(p))
		k.tasks++
		tasks[n], n, from = t, n+1, to
	}
	shared.left = n
	k.next = b.Next
	for _, t := range tasks[:n] {
		p.busy.Add(1)
		p.tasks <- t
	}
}

// confirmations returns how many record sinks have to confirm the task.
func (t *task) confirmations(p *Pipeline) int {
	if !t.records {
		return 0
	}
	return len(p.set.RecordSinks)
}
