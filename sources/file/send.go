package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/gatemeter/gatemeter/internal/fault"
	"github.com/gatemeter/gatemeter/pipeline/batch"
)

// send gives b away. f is the file that its lines are of.
func (p *partition) send(ctx context.Context, out chan<- *batch.Batch, b *batch.Batch, f *file) bool {
	b.Partition = p.pub
	if f != nil && p.pub.ID == "" {
		p.setID(f.head)
	}
	if b.Next > b.First || b.CaughtUp {
		p.addState(b, f)
	}
	_ = fault.At("batch.read")
	next, caughtUp := b.Next, b.CaughtUp
	select {
	case out <- b:
	case <-ctx.Done():
		b.Release()
		return false
	}
	p.next, p.caughtUp, p.told = next, caughtUp, true
	return true
}

// addState adds the state to b, when it has changed enough.
func (p *partition) addState(b *batch.Batch, f *file) {
	if f == nil && len(p.chain) > 0 {
		f = p.chain[0]
	}
	if f != nil && (f.known || f.skipping) {
		return // a replay: the saved state says more
	}
	if f != nil && f.sent && f.at <= headSize {
		p.stateDue = p.stateDue || b.Next > b.First // the head has grown
	}
	if !p.stateDue && b.Next-p.stateAt < stateEvery && (!b.CaughtUp || b.Next == p.stateAt) {
		return
	}
	p.pub.Headers.Forget(p.pub.Needed.Load())
	p.done = trim(p.done, p.pub.Needed.Load(), f == nil || !f.sent)
	var current *segment
	if f != nil && f.sent {
		g := f.segment(0)
		current = &g
	}
	if current == nil && len(p.done) == 0 {
		return
	}
	b.State = encodeState(p.done, current)
	p.stateDue, p.stateAt = false, b.Next
}

// setID makes the partition's id from the beginning of its first file.
func (p *partition) setID(head []byte) { p.pub.ID = p.idOf(head) }

// idOf returns the id of a log whose first file begins with head; see docs/sources/file.md for the formula.
func (p *partition) idOf(head []byte) string {
	line, _, _ := bytes.Cut(head, []byte{'\n'})
	h := sha256.New()
	for _, s := range []string{p.pub.Shard, p.pub.Source, p.pub.Name} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	h.Write(line)
	return hex.EncodeToString(h.Sum(nil)[:12])
}
