package file

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watched runs f with a watcher, in time that is not real. woken returns what the watcher has seen since it was asked last, when it wakes next.
func watched(t *testing.T, f func(events chan<- fsnotify.Event, errs chan<- error, woken func() (written map[string]struct{}, moved bool))) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w, err := newWatcher(true)
		if err != nil {
			t.Fatal(err)
		}
		events, errs := make(chan fsnotify.Event), make(chan error)
		go w.follow(ctx, events, errs)
		f(events, errs, func() (map[string]struct{}, bool) {
			<-w.wake
			return w.take()
		})
	})
}

// TestWrittenLineByLine: a log that gets thousands of lines a second, each written by itself, wakes its reader fifty times a second, and no event is
// forgotten.
func TestWrittenLineByLine(t *testing.T) {
	watched(t, func(events chan<- fsnotify.Event, _ chan<- error, woken func() (map[string]struct{}, bool)) {
		start := time.Now()
		go func() {
			line := time.NewTicker(300 * time.Microsecond)
			defer line.Stop()
			for time.Since(start) < 10*time.Second {
				events <- fsnotify.Event{Name: "a.log", Op: fsnotify.Write} // waits for who takes it, as the kernel's queue does
				<-line.C
			}
			events <- fsnotify.Event{Name: "last.log", Op: fsnotify.Write}
		}()
		wakes, last := 0, false
		for !last {
			written, moved := woken()
			wakes++
			if _, last = written["last.log"]; len(written) == 0 || moved {
				t.Fatalf("woken for %v, %v", written, moved)
			}
			if wakes == 1 && time.Since(start) != 0 {
				t.Errorf("the first event is noticed after %v", time.Since(start))
			}
		}
		if wakes < 400 || wakes > 500 {
			t.Errorf("woken %d times in ten seconds", wakes)
		}
	})
}

// TestManyEvents: all that wait are one wake-up, and nothing more is when nothing comes.
func TestManyEvents(t *testing.T) {
	watched(t, func(events chan<- fsnotify.Event, errs chan<- error, woken func() (map[string]struct{}, bool)) {
		names := []string{"a", "b", "c", "d"}
		events <- fsnotify.Event{Name: "first", Op: fsnotify.Write}
		if written, _ := woken(); len(written) != 1 {
			t.Errorf("woken for %v", written)
		}
		for _, name := range names {
			events <- fsnotify.Event{Name: name, Op: fsnotify.Write}
		}
		if written, moved := woken(); len(written) != len(names) || moved {
			t.Errorf("woken for %v, %v", written, moved)
		}
		events <- fsnotify.Event{Name: "x", Op: fsnotify.Rename}
		if _, moved := woken(); !moved {
			t.Error("a name that changed is not noticed")
		}
		errs <- errors.New("queue overflow")
		if _, moved := woken(); !moved {
			t.Error("lost events are not noticed")
		}
		<-time.After(time.Minute)
		start := time.Now()
		events <- fsnotify.Event{Name: "a", Op: fsnotify.Write}
		if written, moved := woken(); len(written) != 1 || moved || time.Since(start) != 0 {
			t.Errorf("after a silence woken for %v, %v after %v", written, moved, time.Since(start))
		}
		<-time.After(time.Minute)
		start = time.Now()
		errs <- errors.New("queue overflow")
		if _, moved := woken(); !moved || time.Since(start) != 0 {
			t.Errorf("lost events after a silence are noticed: %v, after %v", moved, time.Since(start))
		}
	})
}

// TestQueueOfEvents: what waits in the queue is all taken, so that a new file is noticed behind whatever is written to others.
func TestQueueOfEvents(t *testing.T) {
	watched(t, func(events chan<- fsnotify.Event, _ chan<- error, woken func() (map[string]struct{}, bool)) {
		events <- fsnotify.Event{Name: "first", Op: fsnotify.Write}
		woken()
		go func() {
			handover := time.NewTicker(5 * time.Microsecond) // how long each takes
			defer handover.Stop()
			for i := range 10_000 {
				events <- fsnotify.Event{Name: []string{"a", "b"}[i%2], Op: fsnotify.Write}
				<-handover.C
			}
			events <- fsnotify.Event{Name: "new", Op: fsnotify.Create}
		}()
		if written, moved := woken(); len(written) != 2 || !moved {
			t.Errorf("woken for %v, %v", written, moved)
		}
	})
}

// TestWatcherEnds: at once, also while it pauses.
func TestWatcherEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w, err := newWatcher(true)
		if err != nil {
			t.Fatal(err)
		}
		events, ended := make(chan fsnotify.Event), make(chan struct{})
		go func() {
			defer close(ended)
			w.follow(ctx, events, nil)
		}()
		events <- fsnotify.Event{Name: "a", Op: fsnotify.Write}
		<-w.wake
		start := time.Now()
		cancel()
		if <-ended; time.Since(start) != 0 {
			t.Errorf("it ends after %v", time.Since(start))
		}
	})
}
