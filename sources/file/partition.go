package file

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

const (
	stateEvery  = 4 << 20     // bytes read between two states when nothing else changes
	deletedWait = time.Minute // a deleted file that has no newer one is kept open this long after its last change
	maxHistory  = 64          // finished segments by which copies are known
)

// partition is one log. Source.Run's goroutine owns it.
type partition struct {
	src *Source
	pub *batch.Partition

	chain     []*file     // files that follow one another; chain[0] is read
	last      *file       // the file before chain[0], closed
	done      []finished  // segments, as far as they are saved
	history   []segment   // the last finished ones of this run
	past      []*pastFile // the same, watched for growing after all
	older     []fileID    // files found to be older than the newest known
	fruitless fruitless

	next     int64 // offset of the next batch
	ready    bool  // there may be something to do
	blocked  bool  // chain[0] cannot be opened
	caughtUp bool  // the last batch said so
	told     bool  // a batch has been sent
	ended    bool
	stateDue bool
	stateAt  int64 // offset at which the last state was sent

	stats  PartitionStats
	quiet  map[string]time.Time // messages said, by kind
	failed string               // the last error, as long as it lasts
}

// pastFile is a file that was read to its end.
type pastFile struct {
	fileID
	path string
	size int64
	said bool
}

// step does one bit of work, at most one batch, and reports whether there may be more to do at once.
func (p *partition) step(ctx context.Context, out chan<- *batch.Batch) bool {
	more := p.advance(ctx, out)
	p.publish()
	return more
}

func (p *partition) advance(ctx context.Context, out chan<- *batch.Batch) bool {
	if p.ended {
		return false
	}
	if len(p.chain) == 0 && !p.follow() {
		return p.rest(ctx, out)
	}
	f := p.chain[0]
	if f.lost {
		return p.skipLost(ctx, out, f)
	}
	if f.c == nil {
		if f.closed && p.unchangedSince(f) {
			return p.rest(ctx, out)
		}
		if !p.src.makeRoom(p) {
			return false
		}
		if !p.open(f) {
			if len(p.chain) == 0 || p.chain[0] != f || f.lost {
				return true // it is given up
			}
			return p.rest(ctx, out)
		}
	}
	if !f.begun {
		err := p.begin(f)
		if errors.Is(err, io.ErrUnexpectedEOF) && f.codec == plain || errors.Is(err, errReplaced) {
			return p.truncated(f)
		}
		if err != nil {
			p.unreadable(f, err)
			return p.rest(ctx, out)
		}
	}
	i, err := statFile(f.c.f)
	if err != nil {
		p.unreadable(f, err)
		return p.rest(ctx, out)
	}
	f.info = keepBirth(i, f.info)
	if f.codec == plain && f.size < f.at {
		return p.truncated(f)
	}
	changed := f.size != f.seenSize || f.mtime != f.seenMtime
	if changed && f.broken {
		f.c.reset() // what is still being compressed is read again from its beginning
	}
	atEnd := (f.atEnd || f.broken) && !changed
	final := atEnd && p.isOver(f)
	if p.chain[0] != f {
		return true // it goes on in a copy
	}
	if atEnd && !final {
		return p.rest(ctx, out)
	}
	b := p.src.set.Pool.Get(ctx.Done())
	if b == nil {
		return false
	}
	o, complete, err := f.fill(b, p.src.set.MaxLine, final)
	if f.atEnd || f.broken {
		if changed || f.since.IsZero() {
			f.since = p.src.set.Now()
		}
		f.seenSize, f.seenMtime = f.size, f.mtime
	}
	if (o == lines || o == inside) && !f.sent && !f.checked {
		f.checked = true
		if p.missed(f) {
			b.Release()
			return true
		}
	}
	if o == lines {
		if b.Oversize > 0 {
			p.stats.Oversize++
		}
		if !f.sent && f.codec == plain {
			p.warnCompressed(f)
		}
		f.sent = true
		b.CaughtUp = f.atEnd && !complete && len(p.chain) == 1
		p.addHeaders(b)
		if !p.send(ctx, out, b, f) {
			return false
		}
	} else {
		b.Release()
	}
	switch {
	case o == truncated:
		return p.truncated(f)
	case err != nil && f.codec == plain:
		p.unreadable(f, err)
		return p.rest(ctx, out)
	case err != nil:
		p.fail("decompress", f.path, err)
		p.lose(f, max(0, f.size), "the rest of a compressed file that cannot be read")
		p.finish(f)
	case complete:
		if f.broken {
			p.fail("decompress", f.path, errors.New("the file breaks off"))
		}
		p.finish(f)
	}
	return true
}

// keepBirth returns now with the time of birth of before, if now has none.
func keepBirth(now, before info) info {
	if now.Birth == 0 {
		now.Birth = before.Birth
	}
	return now
}

// isOver reports whether f, read to its end, is to be left: its writer goes on writing to it for a while after the rotation,
// and may begin to do so again after a long silence.
func (p *partition) isOver(f *file) bool {
	if len(p.chain) == 1 {
		p.follow()
	}
	if p.src.set.Once || f.settled {
		return true
	}
	// A clock that was set makes no file wait longer than if it had been found just now.
	now := p.src.set.Now()
	unchanged := max(now.Sub(time.Unix(0, f.mtime)), now.Sub(f.since))
	switch {
	case len(p.chain) > 1:
		n := p.chain[1]
		rotated := now.Sub(n.found)
		if n.Birth != 0 {
			rotated = max(rotated, now.Sub(time.Unix(0, n.Birth)))
		}
		return min(unchanged, rotated) >= p.src.set.RotateWait
	case f.broken && f.codec != plain:
		return unchanged >= p.src.set.RotateWait
	}
	return f.links == 0 && now.Sub(f.since) >= deletedWait
}

// follow looks whether the live path leads to a file that is not in the chain yet, and reports whether the chain has grown.
func (p *partition) follow() bool {
	i, err := statPath(p.pub.Name)
	if err != nil {
		return false // none now; the next look at the whole folder finds other names
	}
	if f := p.newest(); f != nil && !f.replaced && !f.lost && f.same(i.fileID) && (f.c != nil || f.closed) {
		return false
	}
	if p.fruitless.known && i == p.fruitless.live {
		return false
	}
	grown := p.judge(p.extend)
	p.fruitless.live = i
	return grown
}

// rest says, once, that there is nothing more for now, or in a run that reads once that there will be nothing more.
func (p *partition) rest(ctx context.Context, out chan<- *batch.Batch) bool {
	if p.src.set.Once {
		p.shutAll()
		p.ended = true
	} else if len(p.chain) > 1 && !p.blocked || p.caughtUp || p.pub.ID == "" {
		return false
	}
	p.send(ctx, out, &batch.Batch{Partition: p.pub, First: p.next, Next: p.next, CaughtUp: true, Ended: p.ended}, nil)
	return false
}
