package deadletter

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Selection says which letters are meant. The zero Selection is all that can be read.
type Selection struct {
	Sink   string    // the sink's name; empty: any
	Reason string    // part of the error's type or reason, in any case; empty: any
	Before time.Time // set aside before; zero: at any time
}

// Has reports whether e is meant. A damaged line (nil) is meant when nothing is asked of it.
func (s *Selection) Has(e *Entry) bool {
	if e == nil {
		return *s == Selection{}
	}
	if s.Reason != "" {
		part := strings.ToLower(s.Reason)
		if !strings.Contains(strings.ToLower(e.Type), part) && !strings.Contains(strings.ToLower(e.Reason), part) {
			return false
		}
	}
	return (s.Sink == "" || e.Sink == s.Sink) && (s.Before.IsZero() || e.Time.Before(s.Before))
}

// Drop removes the letters meant by s and returns how many they were.
func (b *Box) Drop(s *Selection) (dropped int, err error) {
	files, err := Files(b.dir)
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		n := 0
		err := b.Edit(f, func(lines []Line) ([]Line, error) {
			keep := lines[:0]
			for _, l := range lines {
				if s.Has(l.Entry) {
					n++
				} else {
					keep = append(keep, l)
				}
			}
			return keep, nil
		})
		if err != nil {
			return dropped, err
		}
		dropped += n
	}
	return dropped, nil
}

// Verdict is what a server says of a letter sent again.
type Verdict struct {
	Taken        bool // it has it now
	Existed      bool // and had it before
	Status       int  // of one not taken
	Type, Reason string
}

// Replayed says what became of letters sent again.
type Replayed struct {
	Stored  int `json:"stored"`
	Existed int `json:"existed"` // were there already
	Refused int `json:"refused"` // are dead letters still
	Damaged int `json:"damaged"` // lines that are no letter, which stay
}

// Bounds of what is sent at once.
const (
	replayLetters = 500
	replayBytes   = 4 << 20
)

// Replay sends the letters meant by s again and removes those that were taken; it goes on with the others when some are refused,
// and ends at the first error of send. send is given letters of one sink at a time and returns a verdict for each. A letter
// is removed only after it was taken: an interruption at whatever point sends some again, under ids that are there by then.
func (b *Box) Replay(ctx context.Context, s *Selection, send func(context.Context, []*Entry) ([]Verdict, error)) (Replayed, error) {
	var done Replayed
	files, err := Files(b.dir)
	if err != nil {
		return done, err
	}
	for _, f := range files {
		err := b.Edit(f, func(lines []Line) ([]Line, error) { return replayLines(ctx, lines, s, send, &done) })
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// replayLines returns the lines that stay.
func replayLines(ctx context.Context, lines []Line, s *Selection, send func(context.Context, []*Entry) ([]Verdict, error), done *Replayed) ([]Line, error) {
	var keep []Line
	for len(lines) > 0 {
		n, size := 0, 0
		var chunk []*Entry
		var at []int // chunk[i] is keep[at[i]]
		for n < len(lines) && len(chunk) < replayLetters && size < replayBytes {
			l := lines[n]
			if l.Entry != nil && len(chunk) > 0 && l.Entry.Sink != chunk[0].Sink {
				break
			}
			if l.Entry == nil {
				done.Damaged++
			} else if s.Has(l.Entry) {
				chunk, at = append(chunk, l.Entry), append(at, len(keep))
				size += len(l.Raw)
			}
			keep = append(keep, l)
			n++
		}
		lines = lines[n:]
		if len(chunk) == 0 {
			continue
		}
		verdicts, err := send(ctx, chunk)
		if err == nil && len(verdicts) != len(chunk) {
			err = fmt.Errorf("%d answers for %d dead letters", len(verdicts), len(chunk))
		}
		if err != nil {
			return append(keep, lines...), err
		}
		for i, v := range verdicts {
			switch {
			case v.Taken && v.Existed:
				done.Existed++
			case v.Taken:
				done.Stored++
			default:
				done.Refused++
				if v.Status != http.StatusTooManyRequests && v.Status < 500 { // else it is the server, not the letter
					keep[at[i]].Raw = refusedAgain(chunk[i], v)
				}
				continue
			}
			keep[at[i]] = Line{}
		}
		rest := keep[:0]
		for _, l := range keep {
			if l.Raw != nil {
				rest = append(rest, l)
			}
		}
		keep = rest
	}
	return keep, nil
}

// refusedAgain is the line of a letter with its newest refusal.
func refusedAgain(e *Entry, v Verdict) []byte {
	return appendLetter(nil, e.Time, e.Sink, &Letter{
		Partition: e.Partition, Offset: e.Offset, ID: e.ID, Target: e.Index, Status: v.Status, Type: v.Type, Reason: v.Reason,
		Attempts: e.Attempts + 1, Document: bytes.TrimSpace(e.Document),
	})
}
