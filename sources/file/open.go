package file

import (
	"errors"
	"io/fs"
	"slices"
)

// open makes chain[0], f, ready to be read. When that fails it stays, to be tried again, or it is given up.
func (p *partition) open(f *file) bool {
	err := p.tryOpen(f)
	vanished := errors.Is(err, fs.ErrNotExist) || errors.Is(err, errMoved)
	if vanished && p.judge(func(files []entry) bool {
		i := slices.IndexFunc(files, func(e entry) bool { return e.same(f.fileID) })
		switch {
		case f.sent && f.saved != nil:
			i = p.src.find(f.saved, files)
		case f.sent && i < 0:
			i = p.copyOf(f, files)
		case i < 0 && f.saved != nil && f.saved.Head.N > 0: // an empty file is like any
			i = p.src.find(f.saved, files)
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
	case vanished, len(p.chain) > 1 && !f.isLive() && (p.src.set.Once || p.src.set.Now().Sub(f.found) >= p.src.set.RotateWait):
		p.lose(f, max(0, f.size-f.pos), "a log file vanished, or cannot be read, and newer ones are there")
		f.replaced = true
		p.drop(f)
		return false
	}
	p.blocked = true
	return false
}

// begin gives f its place in the log.
func (p *partition) begin(f *file) error {
	if !f.sent {
		f.base = p.next - f.pos
		p.stateDue = true
	}
	if err := f.begin(); err != nil {
		return err
	}
	return p.headerBefore(f)
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

func (p *partition) shutAll() {
	for _, f := range p.chain {
		p.src.shut(f)
	}
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
		p.openAhead(maxAhead - 1)
	}
}
