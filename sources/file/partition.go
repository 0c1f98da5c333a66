package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"slices"
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
		f.sent = true
		b.CaughtUp = f.atEnd && !complete && len(p.chain) == 1
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

// send gives b away. f is the file that its lines are of.
func (p *partition) send(ctx context.Context, out chan<- *batch.Batch, b *batch.Batch, f *file) bool {
	b.Partition = p.pub
	if f != nil && p.pub.ID == "" {
		p.setID(f.head)
	}
	if b.Next > b.First || b.CaughtUp {
		p.addState(b, f)
	}
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

// setID makes the partition's id from the beginning of its first file; see docs/sources/file.md for the formula.
func (p *partition) setID(head []byte) {
	line, _, _ := bytes.Cut(head, []byte{'\n'})
	h := sha256.New()
	for _, s := range []string{p.pub.Shard, p.pub.Source, p.pub.Name} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	h.Write(line)
	p.pub.ID = hex.EncodeToString(h.Sum(nil)[:12])
}

// finish leaves chain[0], f, which has been read to its end.
func (p *partition) finish(f *file) {
	p.fruitless = fruitless{}
	if f.sent {
		g := f.segment(f.base + f.pos)
		if !f.known {
			p.done = append(p.done, finish(g))
			p.stateDue = true
		}
		p.history = append(p.history, g)
		if len(p.history) > maxHistory {
			p.history = p.history[1:]
		}
	}
	p.past = slices.DeleteFunc(p.past, func(o *pastFile) bool { return o.same(f.fileID) })
	if !f.replaced {
		p.past = append(p.past, &pastFile{fileID: f.fileID, path: f.path, size: max(f.size, f.pos)})
		if len(p.past) > maxHistory {
			p.past = p.past[1:]
		}
	}
	p.src.shut(f)
	p.last = f
	p.chain = p.chain[1:]
	if len(p.chain) > 0 || f.replaced {
		p.stats.Rotations++
	}
	if len(p.chain) >= maxAhead && !p.chain[maxAhead-1].lost {
		p.openAhead(p.chain[maxAhead-1])
	}
}

// truncated goes on after f, chain[0], was found cut to nothing, perhaps written anew since: what we had not read may be in
// a copy beside it (logrotate's copytruncate).
func (p *partition) truncated(f *file) bool {
	p.stats.Truncations++
	unread := max(0, f.seenSize-f.pos)
	f.replaced, p.fruitless = true, fruitless{}
	if p.judge(func(files []entry) bool {
		i := p.copyOf(f, files)
		return i >= 0 && p.moveTo(f, files[i], true)
	}) {
		p.say("truncated", "log file was truncated; the copy beside it has the rest", "file", f.path, "copy", p.chain[0].path)
		p.stats.Rotations++
		return true
	}
	if f.sent && f.saved != nil && (!f.begun || max(f.end, f.readTo) > f.pos) {
		p.giveUp(f, "a log file was cut below what had been read of it")
		return true
	}
	if unread > 0 {
		p.lose(f, unread, "a log file was truncated before it was read, and no copy beside it")
	} else {
		p.say("truncated", "log file was truncated; reading from its beginning", "file", f.path)
	}
	p.finish(f)
	return true
}

// skipLost covers the offsets of a segment that is not to be found.
func (p *partition) skipLost(ctx context.Context, out chan<- *batch.Batch, f *file) bool {
	if !f.known && len(p.chain) == 1 && !p.follow() {
		return p.rest(ctx, out) // it may be found yet: a file system that is mounted late
	}
	if !f.lost {
		return true
	}
	end := f.base + f.end
	if !f.known {
		end = max(f.base+f.readTo, p.next) + hole
		g := f.segment(end)
		g.Lost = true
		p.done = append(p.done, finish(g))
		p.stateDue = true
	}
	p.src.shut(f)
	p.last, p.chain, p.fruitless = f, p.chain[1:], fruitless{}
	// One line stands for all of them: a batch that covers offsets has lines or an oversize one.
	b := &batch.Batch{First: p.next, Next: end, Oversize: 1}
	return b.Next <= b.First || p.send(ctx, out, b, nil)
}

// lose counts bytes that nobody will read, and says so.
func (p *partition) lose(f *file, bytes int64, what string) {
	p.stats.Lost++
	p.stats.LostBytes += bytes
	p.say("lost", what, "file", f.path, "bytes", bytes)
}

// open makes chain[0], f, ready to be read. When that fails it stays, to be tried again, or it is given up.
func (p *partition) open(f *file) bool {
	err := p.tryOpen(f)
	vanished := errors.Is(err, fs.ErrNotExist) || errors.Is(err, errMoved)
	if vanished && p.judge(func(files []entry) bool {
		i := slices.IndexFunc(files, func(e entry) bool { return e.same(f.fileID) })
		switch g := f.saved; {
		case g != nil:
			i = p.src.find(g, files)
		case f.sent && i < 0:
			i = p.copyOf(f, files)
		}
		if i < 0 {
			return false
		}
		g := *f
		g.entry = files[i]
		if err = p.tryOpen(&g); err == nil {
			*f = g
		}
		return err == nil
	}) {
		err = nil
	}
	if err == nil {
		p.blocked, p.failed = false, ""
		return true
	}
	vanished = errors.Is(err, fs.ErrNotExist) || errors.Is(err, errMoved)
	p.fail("open", f.path, err)
	switch {
	case vanished && f.sent && f.saved != nil && (!f.begun || max(f.end, f.readTo) > f.pos):
		p.giveUp(f, "a log file vanished before it was read again")
		p.blocked = false
		return false
	case vanished || len(p.chain) > 1 && !f.isLive():
		p.lose(f, max(0, f.size-f.pos), "a log file vanished, or cannot be read, and newer ones are there")
		f.replaced = true
		p.drop(f)
		return false
	}
	p.blocked = true
	return false
}

// drop gives chain[0], f, up.
func (p *partition) drop(f *file) {
	p.blocked = false
	p.finish(f)
}

// giveUp marks f, which the run before had read, as lost: the offsets stay taken.
func (p *partition) giveUp(f *file, what string) {
	p.src.shut(f)
	f.lost, p.fruitless = true, fruitless{}
	p.lose(f, max(0, max(f.end, f.readTo)-f.pos), what)
}

// begin gives f its place in the log.
func (p *partition) begin(f *file) error {
	if !f.sent {
		f.base = p.next - f.pos
		p.stateDue = true
	}
	return f.begin()
}

// tryOpen opens f if the file at its path is still the one that was seen there.
func (p *partition) tryOpen(f *file) error {
	if f.c != nil {
		return nil
	}
	c, err := p.src.openEntry(&f.entry)
	if err != nil {
		p.src.moved = p.src.moved || errors.Is(err, errMoved) || errors.Is(err, fs.ErrNotExist)
		return err
	}
	f.c, f.closed = c, false
	return nil
}

// unchangedSince reports whether f, whose descriptor was given up, is still as it was then.
func (p *partition) unchangedSince(f *file) bool {
	i, err := statPath(f.path)
	return err == nil && i.same(f.fileID) && i.size == f.seenSize && i.mtime == f.seenMtime
}

// unreadable handles an error of an open file: it is opened again later (a network file system that went away).
func (p *partition) unreadable(f *file, err error) {
	p.fail("read", f.path, err)
	p.blocked = true
	p.src.shut(f)
}

// fail counts an error and says it once, as long as it lasts.
func (p *partition) fail(doing, path string, err error) {
	p.stats.Errors++
	text := doing + ": " + err.Error()
	if text != p.failed {
		p.failed = text
		p.src.set.Log.Error("log file not readable", "source", p.pub.Source, "file", path, "doing", doing, "error", err)
	}
}

// say warns, at most once a minute for each kind.
func (p *partition) say(kind, message string, args ...any) {
	now := p.src.set.Now()
	if last, ok := p.quiet[kind]; ok && now.Sub(last) < time.Minute {
		return
	}
	p.quiet[kind] = now
	p.src.set.Log.Warn(message, append([]any{"source", p.pub.Source, "partition", p.pub.Name}, args...)...)
}

// watchPast counts what was written to files after we had left them.
func (p *partition) watchPast(files []entry) {
	for _, old := range p.past {
		for i := range files {
			e := &files[i]
			if !e.same(old.fileID) || e.size <= old.size || e.codec != plain || p.has(e) || e.isLive() {
				continue
			}
			p.stats.LostBytes += e.size - old.size
			old.size = e.size
			if !old.said {
				old.said = true
				p.stats.Lost++
				p.src.set.Log.Warn("a rotated log file grew after it was left: its writer kept it open for longer than rotate_wait",
					"source", p.pub.Source, "file", e.path, "rotate_wait", p.src.set.RotateWait)
			}
		}
	}
}

func (p *partition) shutAll() {
	for _, f := range p.chain {
		p.src.shut(f)
	}
}
