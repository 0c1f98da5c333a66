package file

import (
	"errors"
	"io/fs"
	"slices"
)

// maxAhead bounds the files a partition holds open ahead of the one it reads.
const maxAhead = 64

// newest returns the last file known of the log, nil when there was none.
func (p *partition) newest() *file {
	if n := len(p.chain); n > 0 {
		return p.chain[n-1]
	}
	return p.last
}

// has reports whether e is in the chain.
func (p *partition) has(e *entry) bool {
	return slices.ContainsFunc(p.chain, func(f *file) bool { return !f.replaced && !f.lost && f.same(e.fileID) })
}

// extend appends the files of the log that are newer than the newest known, and reports whether there were any. files are all
// that are there now, oldest first.
func (p *partition) extend(files []entry) bool {
	if p.fruitless.known && slices.Equal(p.fruitless.files, files) {
		return false
	}
	n := p.newest()
	p.src.moved = false
	grown := p.appendNewer(n, files)
	p.fruitless = fruitless{}
	if !grown && !p.src.moved && (n == nil || n.c == nil || n.atEnd) { // else it may be judged otherwise at its end
		p.fruitless = fruitless{known: true, files: files}
	}
	return grown
}

// fruitless is a look at the folder that showed nothing newer: the same look need not be judged again, until something
// changes in the chain.
type fruitless struct {
	known bool
	files []entry
	live  info // what was at the live path just before, if follow looked
}

// appendNewer is extend for a look that is to be judged.
func (p *partition) appendNewer(newest *file, files []entry) bool {
	if newest != nil && newest.c != nil { // opened ahead of its turn, and changed since
		if i, err := statFile(newest.c.f); err == nil {
			newest.info = keepBirth(i, newest.info)
		}
	}
	from, candidates := 0, files
	switch {
	case newest == nil:
	case slices.ContainsFunc(files, func(e entry) bool { return p.isFile(newest, &e) }):
		from = slices.IndexFunc(files, func(e entry) bool { return p.isFile(newest, &e) })
		p.older = ids(files[:from+1])
		same := files[from].plain
		candidates = slices.DeleteFunc(slices.Clone(files[from+1:]), func(e entry) bool { return e.plain == same })
	default:
		// The newest is gone: deleted, compressed, moved away, or truncated. Its copy shows where we are.
		unknown := slices.DeleteFunc(slices.Clone(files), func(e entry) bool {
			return p.has(&e) || !e.isLive() && slices.ContainsFunc(p.older, e.same)
		})
		if len(unknown) == 0 {
			return false
		}
		if i := p.copyOf(newest, unknown); i >= 0 {
			if newest.lost && !newest.known { // found late
				newest.entry, newest.lost = unknown[i], false
				p.src.claim(&unknown[i], p)
				return true
			}
			if unknown[i].isLive() { // an editor's work: the live file again, under another inode
				return p.moveTo(newest, unknown[i], false)
			}
			p.older = append(p.older, ids(unknown[:i+1])...)
			candidates = unknown[i+1:]
			break
		}
		candidates = slices.DeleteFunc(unknown, func(e entry) bool { return !e.isLive() && e.mtime <= newest.mtime })
	}
	newer := p.unread(candidates, newest)
	if p.src.moved {
		return false
	}
	grown := false
	for _, f := range newer {
		p.chain = append(p.chain, f)
		p.src.claim(&f.entry, p)
		if !p.openAhead(len(p.chain) - 1) { // renamed since: another look finds it, and those after it
			p.chain = p.chain[:len(p.chain)-1]
			p.src.moved = true
			break
		}
		grown = true
	}
	return grown
}

// unread returns those of files that are in no chain and no copies: neither of what was read, nor of what the live file has
// now, which logrotate's copytruncate is about to cut (or not: then nothing is to be read twice; when it has, missed finds the
// copy). last is the file before them.
func (p *partition) unread(files []entry, last *file) []*file {
	var all []*file
	for i := range files {
		e := &files[i]
		if !p.has(e) && p.src.ownerOf(e, p) == nil && (e.isLive() || !p.wasRead(e, last) && !p.isBeginning(e)) {
			all = append(all, &file{entry: *e, end: -1, found: p.src.set.Now()})
		}
	}
	return all
}

// missed looks for files that came between the last one and f, chain[0], of which the first bytes have just been read and
// not been sent; it puts them before f and reports whether there are any. A live file of which nothing had been read can be
// copied, truncated and written anew without a trace in itself: the copy in the folder is the only one. Because a copy is
// made before the truncation, a look after the read finds it.
func (p *partition) missed(f *file) bool {
	if p.last == nil || f.codec != plain || !f.isLive() {
		return false
	}
	return p.judge(func(files []entry) bool {
		last := slices.IndexFunc(files, func(e entry) bool { return p.isFile(p.last, &e) })
		this := slices.IndexFunc(files, func(e entry) bool { return f.same(e.fileID) })
		if last < 0 || this < last {
			return false
		}
		between := slices.DeleteFunc(p.unread(files[last+1:this], p.last), func(n *file) bool { return n.plain == files[last].plain })
		if len(between) == 0 || p.src.moved {
			return false
		}
		for _, n := range between {
			p.src.claim(&n.entry, p)
		}
		p.chain[0] = &file{entry: f.entry, end: -1, c: f.c, found: f.found}
		p.chain = append(between, p.chain...)
		return true
	})
}

// openAhead opens the i'th file of the chain before its turn, if there are not too many open: what is open can be renamed,
// compressed and deleted. Of others it notes how to find them again. It reports false when the file is not at its path any
// more; what else is wrong is said when it is its turn.
func (p *partition) openAhead(i int) bool {
	f := p.chain[i]
	if i < maxAhead && p.src.opened < maxOpen/2 {
		err := p.tryOpen(f)
		return !errors.Is(err, errMoved) && !errors.Is(err, fs.ErrNotExist)
	}
	if f.saved != nil || f.codec != plain {
		return true
	}
	c, err := p.src.openEntry(&f.entry)
	if err != nil {
		return !errors.Is(err, errMoved) && !errors.Is(err, fs.ErrNotExist)
	}
	f.c = c
	f.saved = &segment{Head: f.headPrint(), Tail: f.tailPrint()}
	p.src.shut(f)
	return true
}

func ids(files []entry) []fileID {
	all := make([]fileID, len(files))
	for i := range files {
		all[i] = files[i].fileID
	}
	return all
}

// moveTo goes on with the copy e of f, f being the file that is read, or was read last, and reports whether it could.
func (p *partition) moveTo(f *file, e entry, settled bool) bool {
	switch {
	case len(p.chain) > 0 && p.chain[0] == f:
		if !settled && !f.atEnd {
			return false // first what the old one has
		}
	case len(p.chain) == 0 && p.last == f && !f.lost && len(p.done) > 0 && p.done[len(p.done)-1].Base == f.base:
		p.done = p.done[:len(p.done)-1] // it is not finished after all
		p.history = p.history[:max(0, len(p.history)-1)]
	default:
		return false
	}
	g := &file{
		entry: e, base: f.base, sent: f.sent, known: f.known, end: f.end, pos: f.pos, at: f.pos, begun: f.begun,
		saved: f.saved, readTo: f.readTo, head: f.head, tail: f.tail, settled: settled,
	}
	if f.skipping {
		g.begun = false // tail is not at pos
	}
	if err := p.tryOpen(g); err != nil {
		return false
	}
	p.src.shut(f)
	p.chain = append([]*file{g}, p.chain[min(1, len(p.chain)):]...)
	p.src.claim(&e, p)
	p.stateDue = true
	return true
}
