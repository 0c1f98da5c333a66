package file

import (
	"errors"
	"io/fs"
)

// holds reports whether the file at e is the content with these fingerprints, as far as they reach.
func (s *Source) holds(e *entry, head, tail print) bool {
	if e.codec == plain && e.size < max(tail.At, int64(head.N)) {
		return false
	}
	c, i, err := s.openContent(e)
	if err != nil {
		s.moved = s.moved || errors.Is(err, fs.ErrNotExist)
		return false
	}
	defer c.close()
	if !i.same(e.fileID) {
		s.moved = true
		return false
	}
	return c.matches(head) && c.matches(tail)
}

// judge lets f judge a look at the log's files, and another as long as f returns false and had files renamed before it could
// open them. f changes nothing when it returns false.
func (p *partition) judge(f func(files []entry) bool) bool {
	for range 20 {
		p.src.moved = false
		if f(p.src.scan.log(p.pub.Name, p.src.isKnown)) {
			return true
		}
		if !p.src.moved {
			break
		}
	}
	return false
}

// find returns which of the log's files is the saved segment, -1 when none is: the file with its inode if that has its
// content, else any with its content, the originals before the compressed. The newest of several counts.
func (s *Source) find(g *segment, files []entry) int {
	byContent := -1
	for _, pass := range [...]func(e *entry) bool{
		func(e *entry) bool { return e.same(g.fileID) },
		func(e *entry) bool { return e.codec == plain },
		func(e *entry) bool { return e.codec != plain },
	} {
		for i := range files {
			if pass(&files[i]) && s.holds(&files[i], g.Head, g.Tail) {
				byContent = i
			}
		}
		if byContent >= 0 {
			return byContent
		}
	}
	return -1
}

// isFile reports whether e is the file f stands for. While f is open its inode cannot be used again; afterwards its content
// has to speak for it.
func (p *partition) isFile(f *file, e *entry) bool {
	if f.replaced || f.lost || !f.same(e.fileID) {
		return false
	}
	if f.c != nil || !f.begun || len(f.head) == 0 {
		return true
	}
	head := f.headPrint()
	return p.src.holds(e, head, head)
}

// copyOf returns which of files is a copy of what has been read of f, -1 when none is.
func (p *partition) copyOf(f *file, files []entry) int {
	head, tail := f.headPrint(), f.tailPrint()
	if head.N == 0 {
		return -1
	}
	found := -1
	for i := range files {
		e := &files[i]
		if !(e.same(f.fileID) && !f.lost) && p.src.ownerOf(e, p) == nil && p.src.holds(e, head, tail) {
			found = i
		}
	}
	return found
}

// isBeginning reports whether e has nothing but what the live file begins with.
func (p *partition) isBeginning(e *entry) bool {
	if e.codec != plain {
		return false
	}
	c, err := p.src.openEntry(e)
	if err != nil {
		p.src.moved = p.src.moved || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errMoved)
		return false
	}
	defer c.close()
	p.src.opened--
	live, _, err := openContent(p.pub.Name, plain)
	if err != nil {
		return false
	}
	defer live.close()
	// e's size first: while it is being copied it grows, and the live file has it all.
	i, err := statFile(c.f)
	if err != nil {
		return false
	}
	for _, end := range [...]int64{min(headSize, i.size), i.size} {
		window := make([]byte, min(headSize, end))
		n, _ := c.readAt(window, end-int64(len(window)))
		if n < len(window) || !live.matches(printOf(window, end)) {
			return false
		}
	}
	return true
}

// wasRead reports whether e is a copy of a segment that was read to its end, or a shorter one of what was read of f.
func (p *partition) wasRead(e *entry, f *file) bool {
	for i := range p.history {
		if h := &p.history[i]; p.src.holds(e, h.Head, h.Tail) {
			return true
		}
	}
	if f == nil || e.isLive() {
		return false
	}
	head := f.headPrint()
	return e.codec == plain && head.N > 0 && e.size <= f.tailPrint().At && p.src.holds(e, head, head)
}
