package file

import (
	"context"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

// truncated goes on after f, chain[0], was found cut to nothing, perhaps written anew since: what we had not read may be in
// a copy beside it (logrotate's copytruncate).
func (p *partition) truncated(f *file) bool {
	p.stats.Truncations++
	if f.at == 0 && !f.sent && p.missed(f) { // cut between our first read of it and the look after that
		return true
	}
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
	b := &batch.Batch{First: p.next, Next: end}
	return b.Next <= b.First || p.send(ctx, out, b, nil)
}

// lose counts bytes that nobody will read, and says so.
func (p *partition) lose(f *file, bytes int64, what string) {
	p.stats.Lost++
	p.stats.LostBytes += bytes
	p.say("lost", what, "file", f.path, "bytes", bytes)
}

// giveUp marks f, which the run before had read, as lost: the offsets stay taken.
func (p *partition) giveUp(f *file, what string) {
	p.src.shut(f)
	f.lost, p.fruitless = true, fruitless{}
	p.lose(f, max(0, max(f.end, f.readTo)-f.pos), what)
}

// drop gives chain[0], f, up.
func (p *partition) drop(f *file) {
	p.blocked = false
	p.finish(f)
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

// warnCompressed says that f is not what its name says it is: every line of it will be malformed.
func (p *partition) warnCompressed(f *file) {
	if c := codecOf(f.head); c != plain {
		p.say("compressed", "a file is read as text but begins as a compressed one does: its name should end in .gz or .zst",
			"file", f.path, "compression", string(c))
	}
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
