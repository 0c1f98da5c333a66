// Package inspect says what a data_dir holds, to people and to programs, without changing anything in it: `gatemeter state`.
package inspect

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/sinks/deadletter"
	"github.com/gatemeter/gatemeter/sources/cursorfile"
	"github.com/gatemeter/gatemeter/sources/spool"
)

// State is what a data_dir holds.
type State struct {
	*cursorfile.Inspection
	Letters Letters `json:"dead_letters"`
	Spools  []Spool `json:"spools"`

	// Groups are the sources whose cursors are in Kafka, as far as a config was given that names them.
	Groups []Group `json:"groups,omitempty"`
}

// Spool is what a source has received, and may have to read again.
type Spool struct {
	Source string `json:"source"`
	*spool.Inspection
}

// Group is a consumer group.
type Group struct {
	Source string `json:"source"`
	Group  string `json:"group"`
}

// Letters are the dead letters of all sinks.
type Letters struct {
	Letters int   `json:"letters"`
	Damaged int   `json:"damaged"` // lines that are none
	Files   int   `json:"files"`
	Bytes   int64 `json:"bytes"`
}

// Look looks at dir, in use or not.
func Look(dir string) (*State, error) {
	found, err := cursorfile.Inspect(dir)
	if err != nil {
		return nil, err
	}
	s := &State{Inspection: found}
	files, err := deadletter.Files(filepath.Join(dir, "deadletters"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		lines, err := f.Lines()
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone since
		}
		if err != nil {
			return nil, err
		}
		s.Letters.Files++
		s.Letters.Bytes += f.Size
		for _, l := range lines {
			if l.Entry != nil {
				s.Letters.Letters++
			} else {
				s.Letters.Damaged++
			}
		}
	}
	return s, s.lookAtSpools()
}

func (s *State) lookAtSpools() error {
	dir := filepath.Join(s.Dir, "spool")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		found, err := spool.Inspect(filepath.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("look at the spool of %s: %w", e.Name(), err)
		}
		s.Spools = append(s.Spools, Spool{e.Name(), found})
	}
	return nil
}

// Damaged reports whether anything is not as it should be.
func (s *State) Damaged() bool {
	return len(s.Damage) > 0 || s.Letters.Damaged > 0 || slices.ContainsFunc(s.Spools, func(k Spool) bool { return len(k.Inspection.Damage) > 0 })
}

// WriteDamage writes what is damaged, what the next start makes of it, and what that costs; or that all is well.
func (s *State) WriteDamage(w io.Writer) error {
	p := &printer{w: w}
	for _, d := range s.Damage {
		p.line("damaged: %s", d)
	}
	if s.Letters.Damaged > 0 {
		p.line("damaged: %d lines of the dead letters are none; they are left as they are", s.Letters.Damaged)
	}
	for _, k := range s.Spools {
		for _, d := range k.Inspection.Damage {
			p.line("damaged: spool of %s: %s", k.Source, d)
		}
		if len(k.Inspection.Damage) > 0 {
			p.line("A start leaves out what is damaged, and says so. That costs the records in it which were not counted and indexed yet.")
		}
	}
	used := s.used()
	switch {
	case s.Lost:
		p.line("A start finds no cursor: it keeps the file as cursors.bad-N and reads every source as for the first time.")
		p.line("That costs time. Elasticsearch gets no document twice, Graphite the same points again; StatsD counts again what is not older than max_age.")
	case s.Before:
		p.line("A start goes on from the slot at %d (sequence %d), and says so in its log.", used.Offset, used.Sequence)
		p.line("If the damaged slot was the newer one, what was read between the two saves, about a second's worth, is read again.")
		p.line("Elasticsearch gets no document twice, Graphite the same points again; StatsD may count those changes twice.")
	case len(s.Damage) > 0:
		p.line("A start goes on from the slot at %d (sequence %d).", used.Offset, used.Sequence)
	case !s.Exists:
		p.line("%s: no cursor yet: a first run, or cursors was deleted", s.Dir)
	case !s.Damaged():
		p.line("%s: ok", s.Dir)
	}
	return p.err
}

func (s *State) used() cursorfile.Slot {
	for _, slot := range s.Slots {
		if slot.Used {
			return slot
		}
	}
	return cursorfile.Slot{}
}

// WriteText writes all of it for people.
func (s *State) WriteText(w io.Writer) error {
	p := &printer{w: w}
	use := "not in use"
	if s.Running {
		use = fmt.Sprintf("in use by pid %d", s.PID)
	}
	p.line("%s: %s", s.Dir, use)
	if s.Exists {
		p.line("cursors: saved %s, %d bytes", s.Saved.UTC().Format(time.RFC3339), s.Size)
	}
	for _, slot := range s.Slots {
		what := fmt.Sprintf("sequence %d, %d bytes", slot.Sequence, slot.Length)
		switch {
		case slot.Problem != "":
			what = "damaged: " + slot.Problem
		case slot.Empty:
			what = "empty"
		case slot.Used:
			what += ", used"
		}
		p.line("  slot at %d: %s", slot.Offset, what)
	}
	for _, aside := range s.Aside {
		p.line("  %s: a damaged file that was kept", aside)
	}
	for i := range s.Cursors {
		c := &s.Cursors[i]
		p.line("shard %q: windows sent up to %s, final up to %s; settings %s", c.Shard, seconds(c.Emitted), seconds(c.Final), c.Fingerprint)
		t := tabwriter.NewWriter(p, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "  SOURCE\tLOG\tREAD\tREPLAY\tINDEXED\tWATERMARK\tID")
		for _, k := range c.Partitions {
			fmt.Fprintf(t, "  %s\t%.200q\t%d\t%d\t%d\t%s\t%s\n", k.Source, k.Name, k.Read, k.Replay, k.Indexed, nanos(k.Watermark), k.ID)
		}
		p.keep(t.Flush())
	}
	for _, k := range s.Spools {
		p.line("spool of %s: %d records, from %d to %d, in %d segments, %d bytes", k.Source, k.Records, k.First, k.Next, k.Segments, k.Bytes)
		if k.Unfinished > 0 {
			p.line("  %d bytes at its end are no whole group: they are being written, or a start cuts them off", k.Unfinished)
		}
		for _, aside := range k.Inspection.Aside {
			p.line("  %s: a damaged file that was kept", aside)
		}
	}
	for _, g := range s.Groups {
		p.line("source %s: its cursors are in Kafka, with the committed offsets of group %q", g.Source, g.Group)
	}
	p.line("dead letters: %d in %d files, %d bytes", s.Letters.Letters, s.Letters.Files, s.Letters.Bytes)
	if s.Damaged() || !s.Exists {
		p.keep(s.WriteDamage(w))
	}
	return p.err
}

// printer writes lines and keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *printer) line(format string, args ...any) {
	_, err := fmt.Fprintf(p.w, format+"\n", args...)
	p.keep(err)
}

// Write is for a writer in between.
func (p *printer) Write(b []byte) (int, error) { return p.w.Write(b) }

// seconds writes a time given in Unix seconds.
func seconds(n int64) string {
	if n == cursor.NoWatermark {
		return "none"
	}
	return time.Unix(n, 0).UTC().Format(time.RFC3339)
}

// nanos writes a time given in Unix nanoseconds.
func nanos(n int64) string {
	if n == cursor.NoWatermark || n == math.MaxInt64 {
		return "none"
	}
	return time.Unix(0, n).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
