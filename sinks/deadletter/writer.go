package deadletter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gatemeter/gatemeter/internal/fault"
)

// Options say how much is kept.
type Options struct {
	MaxBytes int64            // of all files of one sink together; 64 MiB when 0, at least 1 MiB
	Now      func() time.Time // the clock; time.Now when nil
	Log      *slog.Logger     // slog.Default() when nil
}

// filesKept is into how many files MaxBytes is divided, so that little goes at a time.
const filesKept = 8

// maxBuffer is the most bytes of letters encoded before they are written.
const maxBuffer = 1 << 20

// Stats counts letters since Open.
type Stats struct {
	Written int64 // stored, whether still there or not
	Dropped int64 // stored and gone with an old file since
	Failed  int64 // never stored: the disk took none
	Bytes   int64 // on disk now
}

// Writer writes one sink's letters. It is safe for concurrent use.
type Writer struct {
	dir, sink, prefix string
	maxBytes          int64
	now               func() time.Time
	log               *slog.Logger

	mu     sync.Mutex
	files  []file   // oldest first; the last is written to when current is open
	file   *os.File // nil until the first letter after Open or a rotation
	last   int64    // the highest number there was
	buf    []byte
	stats  Stats
	err    error // of the last Write
	closed bool
}

type file struct {
	number int64
	size   int64
}

// Open makes dir (mode 0700) and goes on after what an earlier run left in it for sink, which is the sink's name in the
// config. Only one Writer may have a sink's files open.
func Open(dir, sink string, o Options) (*Writer, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	w := &Writer{
		dir: dir, sink: sink, prefix: fileName(sink) + "-", maxBytes: max(o.MaxBytes, 1<<20),
		now: o.Now, log: o.Log.With("sink", sink),
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of dead letters: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	for _, e := range entries {
		number, ok := w.number(e.Name())
		if taken, isTaken := w.number(strings.TrimSuffix(e.Name(), ".taken")); isTaken {
			w.last = max(w.last, taken) // its name may come back
		}
		if !ok || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("list dead letters: %w", err)
		}
		w.files = append(w.files, file{number, info.Size()})
		w.stats.Bytes += info.Size()
	}
	slices.SortFunc(w.files, func(a, b file) int { return int(a.number - b.number) })
	if err := w.cutTorn(); err != nil {
		return nil, fmt.Errorf("repair dead letters: %w", err)
	}
	w.trim(0)
	return w, nil
}

// fileName returns sink with all but letters, digits, `_` and `-` replaced.
func fileName(sink string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == '-') {
			return r
		}
		return '_'
	}, sink)
}

const suffix = ".jsonl"

func (w *Writer) path(number int64) string {
	return filepath.Join(w.dir, fmt.Sprintf("%s%08d%s", w.prefix, number, suffix))
}

// number returns the number in the name of one of this sink's files.
func (w *Writer) number(name string) (int64, bool) {
	digits, ok := strings.CutPrefix(name, w.prefix)
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, suffix)
	if !ok || len(digits) < 8 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 62)
	return int64(n), err == nil
}

// cutTorn takes away the line that a crash left unfinished at the end of the newest file. Its record was not confirmed, so it
// comes again.
func (w *Writer) cutTorn() error {
	if len(w.files) == 0 {
		return nil
	}
	last := &w.files[len(w.files)-1]
	f, err := os.OpenFile(w.path(last.number), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	tail := make([]byte, min(last.size, 64<<10))
	for end := last.size; end > 0; {
		begin := max(0, end-int64(len(tail)))
		if _, err := f.ReadAt(tail[:end-begin], begin); err != nil {
			return err
		}
		if at := bytes.LastIndexByte(tail[:end-begin], '\n'); at >= 0 {
			end = begin + int64(at) + 1
			return w.cutTo(f, last, end)
		}
		end = begin
	}
	return w.cutTo(f, last, 0)
}

func (w *Writer) cutTo(f *os.File, last *file, size int64) error {
	if size == last.size {
		return nil
	}
	if err := f.Truncate(size); err != nil {
		return err
	}
	w.stats.Bytes -= last.size - size
	last.size = size
	return nil
}

// Write stores letters and returns when they are on disk, or counted as failed.
func (w *Writer) Write(letters []Letter) {
	if len(letters) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var err error
	now := w.now()
	w.buf = w.buf[:0]
	waiting := 0 // letters in buf
	flush := func() {
		if err == nil {
			err = w.write(w.buf)
		}
		if err == nil {
			w.stats.Written += int64(waiting)
		} else {
			w.stats.Failed += int64(waiting)
		}
		w.buf, waiting = w.buf[:0], 0
	}
	for i := range letters {
		w.buf = appendLetter(w.buf, now, w.sink, &letters[i])
		if waiting++; int64(len(w.buf)) >= min(maxBuffer, w.maxBytes/filesKept/2) {
			flush()
		}
	}
	flush()
	if cap(w.buf) > 2*maxBuffer {
		w.buf = nil
	}
	if err != nil && w.err == nil {
		w.log.Error("dead letters cannot be stored and are lost", "error", err)
	} else if err == nil && w.err != nil {
		w.log.Info("dead letters are stored again", "lost", w.stats.Failed)
	}
	w.err = err
}

// write appends lines to the newest file, or to a new one when that is full, all or none of them.
func (w *Writer) write(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	if w.closed {
		return os.ErrClosed
	}
	if err := w.lockRoom(int64(len(lines))); err != nil {
		return err
	}
	defer func() { _ = flock(w.file, syscall.LOCK_UN) }() // what could fail is that there is no lock
	w.trim(int64(len(lines)))
	current := &w.files[len(w.files)-1]
	_, err := w.file.WriteAt(lines, current.size)
	if err == nil {
		_ = fault.At("letter.written")
		err = w.file.Sync()
		_ = fault.At("letter.synced")
	}
	if err != nil {
		// The next try overwrites what there is of these lines; a crash before that is repaired by Open.
		return errors.Join(err, w.file.Truncate(current.size))
	}
	current.size += int64(len(lines))
	w.stats.Bytes += int64(len(lines))
	return nil
}

// lockRoom is room, and locks the file against being taken by a Box.
func (w *Writer) lockRoom(n int64) error {
	for {
		if err := w.room(n); err != nil {
			return err
		}
		if err := flock(w.file, syscall.LOCK_EX); err != nil {
			return err
		}
		held, err := w.file.Stat()
		if err != nil {
			return errors.Join(err, flock(w.file, syscall.LOCK_UN))
		}
		path := w.path(w.files[len(w.files)-1].number)
		if at, err := os.Stat(path); err == nil && os.SameFile(at, held) {
			return nil
		}
		w.shut() // taken, or tidied up by someone; the lock goes with it
		if err := w.create(w.last + 1); err != nil {
			return err
		}
	}
}

// room sees to it that file is open and has room for n more bytes; one that is empty always has.
func (w *Writer) room(n int64) error {
	if len(w.files) > 0 {
		newest := w.files[len(w.files)-1]
		if newest.size > 0 && newest.size+n > w.maxBytes/filesKept {
			w.shut()
			return w.create(w.last + 1)
		}
		if w.file != nil {
			return nil
		}
		f, err := os.OpenFile(w.path(newest.number), os.O_WRONLY, 0)
		if errors.Is(err, os.ErrNotExist) { // someone tidied up
			return w.create(w.last + 1)
		}
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err != nil {
			f.Close()
			return err
		}
		current := &w.files[len(w.files)-1]
		w.stats.Bytes += info.Size() - current.size // a Box has had it
		w.file, current.size = f, info.Size()
		return nil
	}
	return w.create(w.last + 1)
}

// create makes the file of that number.
func (w *Writer) create(number int64) error {
	f, err := os.OpenFile(w.path(number), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w.file, w.last = f, number
	w.files = append(w.files, file{number: number})
	dir, err := os.Open(w.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync() // the name too must outlive a power cut
}

// trim removes the oldest files until more bytes fit.
func (w *Writer) trim(more int64) {
	for len(w.files) > 1 && w.stats.Bytes+more > w.maxBytes {
		path := w.path(w.files[0].number)
		lines, err := countLines(path)
		if err == nil {
			err = os.Remove(path)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			w.log.Warn("old dead letters cannot be removed", "error", err)
			return
		}
		w.stats.Dropped += lines
		w.stats.Bytes -= w.files[0].size
		w.files = w.files[1:]
		w.log.Warn("dead letters take too much room, the oldest are gone", "letters", lines, "dropped", w.stats.Dropped)
	}
}

func countLines(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var n int64
	buf := make([]byte, 64<<10)
	for {
		k, err := f.Read(buf)
		n += int64(bytes.Count(buf[:k], []byte{'\n'}))
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

func (w *Writer) shut() {
	if w.file != nil {
		w.file.Close() // synced by each write
		w.file = nil
	}
}

// Stats returns the counts so far.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

// Err returns why the last Write stored nothing, nil when it did.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Close ends writing; what is written later is counted as failed.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shut()
	w.closed = true
	return nil
}
