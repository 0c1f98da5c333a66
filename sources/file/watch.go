package file

import (
	"context"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// throttle is the pause after events. While it lasts the kernel folds repeated writes to a file into one event, so a busy log costs fifty
// wake-ups a second and not one for each of its lines. When all were silent, the first line is read at once.
const throttle = 20 * time.Millisecond

// maxNames bounds the names kept between two wake-ups; past it all files are looked at.
const maxNames = 1024

// watcher turns inotify events into wake-ups. Where there is no inotify it is silent, and files are found by polling.
type watcher struct {
	notify *fsnotify.Watcher // nil: none
	wake   chan struct{}     // has room for one
	added  map[string]bool   // folders; Source.Run's own. false: could not be watched

	mu      sync.Mutex
	written map[string]struct{} // paths
	moved   bool                // a file appeared, went or got another name; or events were lost
}

func newWatcher(pollOnly bool) (*watcher, error) {
	w := &watcher{wake: make(chan struct{}, 1), added: map[string]bool{}, written: map[string]struct{}{}}
	if pollOnly {
		return w, nil
	}
	n, err := fsnotify.NewWatcher()
	if err != nil {
		return w, err
	}
	w.notify = n
	return w, nil
}

// add watches folder, if it is not watched yet. Not safe for concurrent use.
func (w *watcher) add(folder string) error {
	if _, ok := w.added[folder]; ok || w.notify == nil {
		return nil
	}
	err := w.notify.Add(folder)
	w.added[folder] = err == nil
	return err
}

// run takes events until ctx ends.
func (w *watcher) run(ctx context.Context) {
	if w.notify == nil {
		return
	}
	defer w.notify.Close()
	w.follow(ctx, w.notify.Events, w.notify.Errors)
}

// follow is run on its channels. An error is an overflow, above all.
func (w *watcher) follow(ctx context.Context, events <-chan fsnotify.Event, errs <-chan error) {
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			w.note(e)
		case _, ok := <-errs:
			if !ok {
				return
			}
			w.noteAll()
		case <-ctx.Done():
			return
		}
		for more := true; more; more = w.drain(events, errs) {
			w.signal()
			select {
			case <-time.After(throttle):
			case <-ctx.Done():
				return
			}
		}
	}
}

// drain takes the events that are waiting, and reports whether there were any. The library's goroutine hands them over one by one, some hundred in a
// millisecond at least; fewer in one are new. A log that is written to line by line has new ones all the while: those wait for the next time.
func (w *watcher) drain(events <-chan fsnotify.Event, errs <-chan error) bool {
	const queue, dense = 1 << 14, 50 // the length of the kernel's queue; events in a millisecond
	end, taken, before := time.After(time.Millisecond), 0, 0
	for taken < queue {
		select {
		case e, ok := <-events:
			if !ok {
				return taken > 0
			}
			w.note(e)
			taken++
		case _, ok := <-errs:
			if !ok {
				return taken > 0
			}
			w.noteAll()
			taken++
		case <-end:
			if taken-before < dense {
				return taken > 0
			}
			end, before = time.After(time.Millisecond), taken
		}
	}
	return true
}

func (w *watcher) note(e fsnotify.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Op&(fsnotify.Create|fsnotify.Rename|fsnotify.Remove) != 0 || len(w.written) >= maxNames {
		w.moved = true
	}
	if e.Has(fsnotify.Write) && len(w.written) < maxNames {
		w.written[e.Name] = struct{}{}
	}
}

func (w *watcher) noteAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moved = true
}

func (w *watcher) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take returns what has happened since it was last called.
func (w *watcher) take() (written map[string]struct{}, moved bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	written, moved = w.written, w.moved
	w.written, w.moved = map[string]struct{}{}, false
	return written, moved
}
