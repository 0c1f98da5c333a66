package e2e

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// writer writes a log as a server does: it appends, and keeps its file open until it is told to open it anew. What it has
// written is kept in one more file, for the oracle.
type writer struct {
	t     *testing.T
	path  string
	whole string

	mu   sync.Mutex
	file *os.File
	all  *os.File
}

// newWriter makes the world's log one that is rotated.
func (w *world) newWriter() *writer {
	w.t.Helper()
	p := &writer{t: w.t, path: w.log.path, whole: filepath.Join(filepath.Dir(w.log.path), "all-that-was-written")}
	var err error
	if p.all, err = os.OpenFile(p.whole, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = p.all.Close()
		_ = p.file.Close()
	})
	p.reopen()
	w.job.Partitions[0].Files = []string{p.whole}
	return p
}

// reopen goes over to the file that has the log's name now.
func (p *writer) reopen() {
	p.t.Helper()
	file, err := os.OpenFile(p.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	old := p.file
	p.file = file
	p.mu.Unlock()
	if old != nil {
		_ = old.Close() // on Linux every write has reached it
	}
}

// write appends text. It is safe for concurrent use.
func (p *writer) write(text []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.file.Write(text); err != nil {
		return err
	}
	_, err := p.all.Write(text)
	return err
}

// pour appends lines, so many a second, without a pause, in a goroutine of its own. The channel has its error when it is done.
func (p *writer) pour(lines [][]byte, perSecond int) <-chan error {
	ended := make(chan error, 1)
	go func() {
		const ticks = 250 // a second
		tick := time.NewTicker(time.Second / ticks)
		defer tick.Stop()
		began, written := time.Now(), 0
		for written < len(lines) {
			<-tick.C
			due := min(len(lines), int(time.Since(began).Seconds()*float64(perSecond))+1)
			for ; written < due; written++ { // one write a line, as servers without a buffer do
				if err := p.write(lines[written]); err != nil {
					ended <- err
					return
				}
			}
		}
		ended <- nil
	}()
	return ended
}

// shift gives each rotation of the log the next number and leaves name.1 free. The last of so many goes.
func (p *writer) shift(keep int) {
	p.t.Helper()
	last := 0
	for p.there(last + 1) {
		last++
	}
	for i := last; i > 0; i-- {
		for _, suffix := range []string{"", ".gz"} {
			from := fmt.Sprintf("%s.%d%s", p.path, i, suffix)
			var err error
			if i >= keep {
				err = os.Remove(from)
			} else {
				err = os.Rename(from, fmt.Sprintf("%s.%d%s", p.path, i+1, suffix))
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				p.t.Fatal(err)
			}
		}
	}
}

// there reports whether there is a rotation of that number.
func (p *writer) there(number int) bool {
	_, plain := os.Stat(fmt.Sprintf("%s.%d", p.path, number))
	_, packed := os.Stat(fmt.Sprintf("%s.%d.gz", p.path, number))
	return plain == nil || packed == nil
}

// rename rotates as logrotate does without copytruncate: the server writes to the old file for a moment, then to a new one.
func (p *writer) rename(keep int) {
	p.t.Helper()
	p.shift(keep)
	if err := os.Rename(p.path, p.path+".1"); err != nil {
		p.t.Fatal(err)
	}
	p.reopen()
}

// copyTruncate rotates as logrotate does with copytruncate. What is written between the copying and the cut is gone for
// everybody, unless the server is held up meanwhile.
func (p *writer) copyTruncate(keep int, hold bool) {
	p.t.Helper()
	p.shift(keep)
	if hold {
		p.mu.Lock()
		defer p.mu.Unlock()
	}
	from, err := os.Open(p.path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(p.path+".1", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer to.Close()
	if _, err := io.Copy(to, from); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Truncate(p.path, 0); err != nil {
		p.t.Fatal(err)
	}
}

// compress replaces a rotation by its gzip form, as logrotate does: written beside it, of the same time, then the original
// removed.
func (p *writer) compress(number int) {
	p.t.Helper()
	name := fmt.Sprintf("%s.%d", p.path, number)
	text, err := os.ReadFile(name)
	if err != nil {
		p.t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		p.t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(text); err != nil {
		p.t.Fatal(err)
	}
	if err := errors.Join(z.Close(), os.WriteFile(name+".gz", packed.Bytes(), 0o600),
		os.Chtimes(name+".gz", info.ModTime(), info.ModTime()), os.Remove(name)); err != nil {
		p.t.Fatal(err)
	}
}
