package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

var _ pipeline.Source = (*Source)(nil)

const (
	maxOpen     = 512                  // files open at a time
	scanEvery   = 4                    // polls between two looks at all folders
	maxMessages = 1000                 // things refused that are told apart
	holdWait    = 2 * time.Millisecond // between looks at a partition that is held back
	forgetAfter = 7 * 24 * time.Hour   // a log without any file is remembered this long after its last line
)

// errMoved says that another file is where one was seen.
var errMoved = errors.New("another file is at this path now")

// Source reads log files. Make one with New, call Open once, then Run once; Stats and Ready at any time from anywhere.
type Source struct {
	set  Settings
	scan *scanner

	partitions []*partition
	byName     map[string]*partition // by live path
	byPath     map[string]*partition // by the path of each of its files, as last seen
	claims     map[inode]claimed     // whose each file is
	opened     int                   // files open
	moved      bool                  // a file was renamed between a look and its opening
	turn       int                   // where the search for one to close goes on
	troubles   map[string]trouble    // by path
	looks      int                   // at all folders

	mu       sync.Mutex // guards what follows
	shown    map[string]PartitionStats
	watching bool
	refused  int
	errors   int64
	trouble  error
}

// inode is a fileID without the time of birth.
type inode struct{ dev, inode uint64 }

// trouble is something said of a path, not to be said again while it lasts.
type trouble struct {
	what string
	look int // the last that met it
}

type claimed struct {
	fileID
	by *partition
}

// New returns a source of s.
func New(s Settings) (*Source, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	src := &Source{
		set: s, byName: map[string]*partition{}, byPath: map[string]*partition{}, claims: map[inode]claimed{},
		troubles: map[string]trouble{}, shown: map[string]PartitionStats{},
	}
	src.scan = &scanner{paths: s.Paths, refuse: src.refuse, trouble: src.notLooked}
	return src, nil
}

// Open finds the logs; see pipeline.Source. Logs whose first line is not there yet are not among those it returns.
func (s *Source) Open(ctx context.Context, saved []cursor.Partition) ([]pipeline.Opened, error) {
	for i := range saved {
		if c := &saved[i]; s.scan.matches(c.Name) {
			s.add(c.Name)
		} else {
			s.set.Log.Info("the configured paths do not name this log any more; its position is forgotten", "source", s.set.Name, "partition", c.Name)
		}
	}
	found := s.scan.all(s.isKnown)
	for i := range saved {
		if p := s.byName[saved[i].Name]; p != nil {
			s.resume(p, &saved[i], found[p.pub.Name])
		}
	}
	s.adopt(found, len(saved) == 0)
	if len(s.partitions) == 0 {
		s.set.Log.Warn("no file matches", "source", s.set.Name, "paths", s.set.Paths)
	}
	var opened []pipeline.Opened
	for _, p := range s.partitions {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if p.pub.ID == "" {
			p.readID()
		}
		if p.pub.ID != "" {
			opened = append(opened, pipeline.Opened{Partition: p.pub, Offset: p.next})
		}
		p.publish()
	}
	return opened, nil
}

// Run reads; see pipeline.Source.
func (s *Source) Run(ctx context.Context, out chan<- *batch.Batch) error {
	defer func() {
		for _, p := range s.partitions {
			p.shutAll()
		}
	}()
	w, err := newWatcher(s.set.PollOnly || s.set.Once)
	if err != nil {
		s.set.Log.Warn("no inotify; log files are looked at instead", "source", s.set.Name, "every", s.set.PollInterval, "error", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watching sync.WaitGroup
	watching.Go(func() { w.run(ctx) })
	defer watching.Wait()
	defer cancel()
	s.watch(w)
	s.mu.Lock()
	s.watching = w.notify != nil
	s.mu.Unlock()
	if !s.set.Once {
		s.look(w) // what came between Open and now
	}

	poll := time.NewTicker(s.set.PollInterval)
	defer poll.Stop()
	for polls := 0; ctx.Err() == nil; {
		busy, left, held := false, false, false
		for i := 0; i < len(s.partitions); i++ {
			p := s.partitions[i]
			if p.ready && p.pub.Hold.Load() {
				held = true
			} else if p.ready {
				p.ready = p.step(ctx, out)
				busy = busy || p.ready
			}
			left = left || !p.ended
		}
		if s.set.Once && !left {
			return nil
		}
		if busy { // see what is new without waiting for it
			select {
			case <-w.wake:
				s.woken(w)
			case <-poll.C:
				polls++
				s.polled(w, polls)
			default:
			}
			continue
		}
		var again <-chan time.Time
		if held {
			again = time.After(holdWait)
		}
		select {
		case <-again:
		case <-w.wake:
			s.woken(w)
		case <-poll.C:
			polls++
			s.polled(w, polls)
		case <-ctx.Done():
		}
	}
	return nil
}

// woken looks at what the watcher has seen change.
func (s *Source) woken(w *watcher) {
	written, moved := w.take()
	if moved {
		s.look(w)
		return
	}
	for path := range written {
		if p := s.byPath[path]; p != nil {
			p.ready = true
		}
	}
}

func (s *Source) polled(w *watcher, polls int) {
	if polls%scanEvery == 0 {
		s.look(w)
	}
	for _, p := range s.partitions {
		p.ready = !p.ended
	}
}

// look looks at all folders.
func (s *Source) look(w *watcher) {
	if s.set.Once {
		return
	}
	s.watch(w)
	s.looks++
	s.mu.Lock()
	s.trouble = nil
	s.mu.Unlock()
	found := s.scan.all(s.isKnown)
	maps.DeleteFunc(s.troubles, func(_ string, t trouble) bool { return t.look != s.looks })
	for _, p := range s.partitions {
		files := found[p.pub.Name]
		p.watchPast(files)
		for i := range files {
			s.byPath[files[i].path] = p
		}
		if !p.blocked && !(p.fruitless.known && slices.Equal(p.fruitless.files, files)) {
			p.extend(files)
			if len(p.chain) > 0 && p.chain[0].c != nil && !p.chain[0].sent {
				p.missed(p.chain[0])
			}
		}
		p.ready = true
	}
	s.adopt(found, false)
}

// watch adds folders that are new.
func (s *Source) watch(w *watcher) {
	for _, folder := range s.scan.folders() {
		if err := w.add(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.set.Log.Warn("folder cannot be watched; its files are looked at instead", "source", s.set.Name, "folder", folder,
				"every", s.set.PollInterval, "error", err)
		}
	}
}

// add makes a partition for the log at the live path.
func (s *Source) add(live string) *partition {
	if p := s.byName[live]; p != nil {
		return p
	}
	p := &partition{
		src: s, pub: &batch.Partition{Source: s.set.Name, Name: live, Shard: s.set.Shard},
		ready: true, stateDue: true, quiet: map[string]time.Time{},
	}
	s.partitions = append(s.partitions, p)
	s.byName[live] = p
	return p
}

func (s *Source) isKnown(live string) bool { return s.byName[live] != nil }

// adopt makes partitions of the logs that have none. first says that this source has never run: Settings.Start applies.
func (s *Source) adopt(found look, first bool) {
	var names []string
	for live := range found {
		if s.byName[live] == nil {
			names = append(names, live)
		}
	}
	linked := func(live string) int { // a file's own name goes before a link to it
		if slices.ContainsFunc(found[live], func(e entry) bool { return !e.link }) {
			return 0
		}
		return 1
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := linked(a) - linked(b); d != 0 {
			return d
		}
		if a < b {
			return -1
		}
		return 1
	})
	for _, live := range names {
		files := slices.DeleteFunc(slices.Clone(found[live]), func(e entry) bool { return !e.matched || s.ownerOf(&e, nil) != nil })
		if len(files) == 0 {
			continue
		}
		p := s.add(live)
		start := Start{}
		if first {
			start = s.set.Start
		}
		p.start(files, start)
		for i := range found[live] {
			s.byPath[found[live][i].path] = p
		}
		if !first {
			s.set.Log.Info("new log", "source", s.set.Name, "partition", live)
		}
	}
}

// ownerOf returns which partition but p reads e, or has read it.
func (s *Source) ownerOf(e *entry, p *partition) *partition {
	c, ok := s.claims[inode{e.Dev, e.Inode}]
	if !ok || c.by == p || !c.same(e.fileID) {
		return nil
	}
	if c.Birth == 0 && !c.by.has(e) {
		return nil // it may be another file by now
	}
	return c.by
}

// claim notes that e is p's.
func (s *Source) claim(e *entry, p *partition) {
	s.claims[inode{e.Dev, e.Inode}] = claimed{e.fileID, p}
	s.byPath[e.path] = p
}

// openEntry opens the file that was seen at e.path.
func (s *Source) openEntry(e *entry) (*content, error) {
	c, i, err := s.openContent(e)
	if err != nil {
		return nil, err
	}
	if !i.same(e.fileID) {
		c.close()
		return nil, fmt.Errorf("open %s: %w", e.path, errMoved)
	}
	e.info = keepBirth(i, e.info)
	s.opened++
	return c, nil
}

// openContent opens what is at e.path for a short look.
func (s *Source) openContent(e *entry) (*content, info, error) {
	c, i, err := openContent(e.path, e.codec)
	if err == nil {
		c.bound(&s.set, i.size)
	}
	return c, i, err
}

// shut closes f.
func (s *Source) shut(f *file) {
	if f.c != nil {
		f.c.close()
		f.c = nil
		s.opened--
	}
}

// makeRoom sees to it that p may open one more file, and reports whether it may: where too many are open, a log that has
// nothing new gives its file up until it has.
func (s *Source) makeRoom(p *partition) bool {
	if s.opened < maxOpen {
		return true
	}
	for range s.partitions {
		s.turn = (s.turn + 1) % len(s.partitions)
		q := s.partitions[s.turn]
		if q == p || len(q.chain) != 1 {
			continue
		}
		if f := q.chain[0]; f.c != nil && f.atEnd && !f.skipping && f.codec == plain && f.links > 0 && !f.known {
			s.shut(f)
			f.closed = true
			return true
		}
	}
	return false
}

func (s *Source) refuse(path, reason string) {
	if !s.firstTime(path, reason) {
		return
	}
	s.set.Log.Warn("not read: only regular files are", "source", s.set.Name, "file", path, "it_is", reason)
	s.mu.Lock()
	s.refused++
	s.mu.Unlock()
}

func (s *Source) notLooked(path string, err error) {
	s.mu.Lock()
	s.errors++
	s.trouble = fmt.Errorf("look at %s: %w", filepath.Clean(path), err)
	s.mu.Unlock()
	if s.firstTime(path, err.Error()) {
		s.set.Log.Error("cannot look at", "source", s.set.Name, "path", path, "error", err)
	}
}

// firstTime reports whether this was not said before.
func (s *Source) firstTime(path, what string) bool {
	t, ok := s.troubles[path]
	if !ok && len(s.troubles) >= maxMessages {
		return false
	}
	s.troubles[path] = trouble{what, s.looks}
	return !ok || t.what != what
}
