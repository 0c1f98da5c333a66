package file

import (
	"bytes"
	"io"
	"math"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// start plans the reading of a log that has no cursor: files are those of it that the configured paths name, oldest first.
func (p *partition) start(files []entry, from Start) {
	newest := len(files) - 1
	for i := range files {
		e := &files[i]
		f := &file{entry: *e, end: -1, found: p.src.set.Now()}
		p.src.claim(e, p)
		skip := from.End || !from.Since.IsZero() && e.mtime < from.Since.UnixNano()
		if skip && (i < newest || e.codec != plain) {
			p.last = f // what is newer than this is read
			f.pos = e.size
			continue
		}
		p.chain = append(p.chain, f)
		p.openAhead(len(p.chain) - 1)
		if skip {
			f.pos = p.src.lineBefore(e)
			p.next = f.pos // offsets are positions in this file, as if it had been read
		}
	}
}

// lineBefore returns the position of the line that the end of e is in, which is the end itself when no line has begun there.
func (s *Source) lineBefore(e *entry) int64 {
	size := e.size
	c, _, err := s.openContent(e)
	if err != nil {
		return size
	}
	defer c.close()
	buf := make([]byte, 64<<10)
	if e.codec != plain { // which can be read in order only
		end := int64(0)
		for at := int64(0); ; {
			n, err := c.readAt(buf, at)
			if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
				end = at + int64(i) + 1
			}
			if at += int64(n); err != nil {
				return end
			}
		}
	}
	for end := size; end > 0; {
		from := max(0, end-int64(len(buf)))
		n, err := c.readAt(buf[:end-from], from)
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return from + int64(i) + 1
		}
		if err != nil && err != io.EOF {
			return size
		}
		end = from
	}
	return 0
}

// resume plans the reading of a log on from its cursor. files are those of it that are there, oldest first.
func (s *Source) resume(p *partition, c *cursor.Partition, files []entry) {
	if len(c.State) == 0 && s.resumeUnread(p, c, files) {
		return
	}
	segments, err := parseState(c.State)
	if err != nil {
		s.set.Log.Error("saved position not usable; reading from the beginning", "source", s.set.Name, "partition", p.pub.Name, "error", err)
		if len(files) == 0 {
			s.forget(p)
			return
		}
		files = slices.DeleteFunc(slices.Clone(files), func(e entry) bool { return !e.matched })
		p.start(files, Start{})
		return
	}
	last := &segments[len(segments)-1]
	if len(files) == 0 && s.set.Now().Sub(time.Unix(0, last.Mtime)) > forgetAfter {
		s.set.Log.Info("no file of this log is left; its position is forgotten", "source", s.set.Name, "partition", p.pub.Name)
		s.forget(p)
		return
	}
	p.pub.ID = c.ID
	start := max(c.Start(), segments[0].Base+segments[0].From)
	first := len(segments) - 1
	for i := range segments {
		if segments[i].read() > start {
			first = i
			break
		}
	}
	for i := range segments {
		g := &segments[i]
		if g.End == 0 && i == len(segments)-1 {
			break
		}
		p.done = append(p.done, finish(*g))
	}
	p.next = start
	for i := first; i < len(segments); i++ {
		s.resumeSegment(p, &segments[i], i == len(segments)-1, c, files, start)
	}
	// What is lost at the beginning is not covered by a batch: reading begins after it.
	for len(p.chain) > 0 && p.chain[0].lost && p.chain[0].known {
		p.last, p.chain = p.chain[0], p.chain[1:]
		p.next = max(p.next, p.last.base+p.last.end)
	}
	if len(p.chain) > 0 {
		f := p.chain[0]
		if f.lost {
			f.pos = max(f.pos, f.readTo)
		}
		p.next = f.base + f.pos
	}
	p.stateAt, p.stateDue = p.next, false
	p.extend(files)
}

// resumeUnread plans the reading of a log of which the run before had read nothing: it knew where to begin, as its id says, and
// no more. It reports false when no file is the one that the id is of.
func (s *Source) resumeUnread(p *partition, c *cursor.Partition, files []entry) bool {
	for first := len(files) - 1; first >= 0; first-- {
		content, _, err := s.openContent(&files[first])
		if err != nil {
			continue
		}
		head := make([]byte, headSize)
		n, _ := content.readAt(head, 0)
		content.close()
		if n == 0 || p.idOf(head[:n]) != c.ID {
			continue
		}
		p.start(files[first:], Start{})
		p.pub.ID, p.next, p.chain[0].pos = c.ID, c.Start(), c.Start()
		return true
	}
	return false
}

// resumeSegment finds the file of the segment g, the last one or not, and appends it to the chain.
func (s *Source) resumeSegment(p *partition, g *segment, last bool, c *cursor.Partition, files []entry, start int64) {
	f := &file{
		entry: entry{path: g.Path, plain: g.Path, codec: g.Codec, live: p.pub.Name, info: info{fileID: g.fileID, mtime: g.Mtime}},
		found: s.set.Now(), base: g.Base, from: g.From, sent: true, end: -1, saved: g, pos: max(start, g.Base+g.From) - g.Base,
	}
	f.readTo = max(g.read(), min(c.Read, math.MaxInt64>>1)) - g.Base
	if g.End != 0 {
		f.known, f.end, f.readTo = true, g.End-g.Base, 0
	}
	p.chain = append(p.chain, f)
	if g.Lost {
		f.lost = true
		return
	}
	s.moved = false
	i := s.find(g, files)
	if i >= 0 {
		f.entry = files[i]
	}
	if i >= 0 && last && f.known && g.Codec == plain {
		// A run that reads once takes what is there for the end: since then the file may have grown, whatever it is called now.
		f.known, f.readTo, f.end = false, f.end, -1
		p.done = p.done[:len(p.done)-1]
	}
	if i >= 0 || s.moved && p.judge(func(files []entry) bool {
		i := s.find(g, files)
		if i >= 0 {
			f.entry = files[i]
		}
		return i >= 0
	}) {
		s.claim(&f.entry, p)
		p.openAhead(len(p.chain) - 1)
		return
	}
	if f.known && f.pos >= f.end {
		f.lost = true // nothing of it is needed
		return
	}
	if i := s.findShorter(g, files); i >= 0 && !f.known {
		p.resumeShorter(f, files[i])
		return
	}
	if i := s.findShorterCopy(g, files); i >= 0 {
		p.resumeCopy(f, files[i])
		return
	}
	p.giveUp(f, "a log file that was being read is not to be found; what had not been read of it is lost")
}

// findShorterCopy returns which of files has the beginning of the segment g, the longest of several: a copy made before the file was
// cut (copytruncate), which lacks what was written between the two and read in time. -1: none has.
func (s *Source) findShorterCopy(g *segment, files []entry) int {
	found, longest := -1, int64(0)
	if g.Head.N < headSize {
		return found // many files may begin like this
	}
	for i := range files {
		if e := &files[i]; !e.isLive() && s.ownerOf(e, nil) == nil && s.holds(e, g.Head, g.Head) {
			if end := s.lineBefore(e); end > longest && end < g.Tail.At {
				found, longest = i, end
			}
		}
	}
	return found
}

// resumeCopy goes on with f, the chain's last, in its copy e, which lacks its end: what is there is replayed, the rest is passed
// over.
func (p *partition) resumeCopy(f *file, e entry) {
	if cut := p.src.lineBefore(&e); f.pos < cut {
		p.src.claim(&e, p)
		p.chain[len(p.chain)-1] = &file{
			entry: e, found: f.found, base: f.base, from: f.from, sent: true, known: true, pos: f.pos, end: cut,
			saved: &segment{Head: f.saved.Head, Tail: f.saved.Head},
		}
		p.openAhead(len(p.chain) - 1)
		p.chain = append(p.chain, f)
		f.pos = cut
	}
	p.giveUp(f, "the copy of a log file lacks its end, which was written between copy and cut; it cannot be read again")
}

// findShorter returns which of files is the segment g, but shorter than what had been read of it: a crash of the machine took
// what was not on disk yet. -1: none is.
func (s *Source) findShorter(g *segment, files []entry) int {
	return slices.IndexFunc(files, func(e entry) bool {
		sure := e.Birth != 0 && e.Birth == g.Birth || g.Head.N == headSize
		return sure && e.same(g.fileID) && e.codec == plain && e.size < g.Tail.At && s.holds(&e, g.Head, g.Head)
	})
}

// resumeShorter goes on with f, the chain's last, in its file e, which lost its end: what is there is replayed, what is gone is
// passed over, and what is written from now on follows.
func (p *partition) resumeShorter(f *file, e entry) {
	cut := p.src.lineBefore(&e)
	p.src.claim(&e, p)
	p.chain = p.chain[:len(p.chain)-1]
	if f.pos < cut {
		p.chain = append(p.chain, &file{
			entry: e, found: f.found, base: f.base, from: f.from, sent: true, known: true, pos: f.pos, end: cut,
			saved: &segment{Head: f.saved.Head, Tail: f.saved.Head},
		})
		f.pos = cut
	}
	p.chain = append(p.chain, f, &file{
		entry: e, found: f.found, base: f.base + f.readTo + hole - cut, from: cut, sent: true, pos: cut, end: -1,
		saved: &segment{Head: f.saved.Head, Tail: f.saved.Head},
	})
	p.giveUp(f, "a log file is shorter than what had been read of it, as after a crash of the machine; reading goes on at its end")
}

// forget takes p off the list again.
func (s *Source) forget(p *partition) {
	delete(s.byName, p.pub.Name)
	s.partitions = slices.DeleteFunc(s.partitions, func(q *partition) bool { return q == p })
}

// readID sets the partition's id if the first line is there already.
func (p *partition) readID() {
	for i, f := range p.chain {
		c, _, err := p.src.openContent(&f.entry)
		if err != nil {
			return
		}
		head := make([]byte, headSize)
		n, err := c.readAt(head, 0)
		c.close()
		switch {
		case n == len(head), bytes.IndexByte(head[:n], '\n') >= 0:
			p.setID(head[:n])
			return
		case err != io.EOF || n > 0 || i == len(p.chain)-1:
			return // it is not known where the first line ends
		}
	}
}
