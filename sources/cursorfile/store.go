package cursorfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/gatemeter/gatemeter/internal/fault"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// ErrLocked is what Open's error wraps when another process uses the folder.
var ErrLocked = errors.New("in use by another process")

// Names in the folder.
const (
	lockName   = "lock"
	cursorName = "cursors"
)

// Store is the cursors of one data_dir. Its methods are safe for concurrent use.
type Store struct {
	mu   sync.Mutex
	dir  string
	lock *os.File

	file     *os.File // nil until the first Save creates it, or Load finds it
	capacity int64
	newest   int64  // offset of the slot with the newest cursors: 0 or capacity
	sequence uint64 // of the newest slot; 0: none
	payload  []byte // of the newest slot
	buf      []byte

	// write is (*os.File).WriteAt; tests replace it to see what a full disk does.
	write func(f *os.File, b []byte, offset int64) error
}

// Report says what Load had to do to find cursors. The zero Report: all was well.
type Report struct {
	Fresh    bool     // there was no cursor file: a first start, or the file has been deleted
	FellBack bool     // the newest slot was damaged: these are the cursors before it, so more is read again
	Lost     bool     // both slots were damaged: every source starts as if for the first time
	Problems []string // what was found, a sentence each, for the log
}

// Open locks dir, which it creates when it is not there, and makes sure that it can be written.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create data_dir: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data_dir is not writable: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer lock.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock data_dir %q: %w", dir, err)
		}
		text := make([]byte, 20)
		n, _ := lock.ReadAt(text, 0)
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n]))); err == nil && pid > 0 {
			return nil, fmt.Errorf("data_dir %q: %w (pid %d)", dir, ErrLocked, pid)
		}
		return nil, fmt.Errorf("data_dir %q: %w", dir, ErrLocked)
	}
	s := &Store{dir: dir, lock: lock, write: writeAll}
	pid := strconv.Itoa(os.Getpid()) + "\n"
	if err := errors.Join(lock.Truncate(0), writeAll(lock, []byte(pid), 0)); err != nil {
		lock.Close()
		return nil, fmt.Errorf("data_dir is not writable: %w", err)
	}
	return s, nil
}

func writeAll(f *os.File, b []byte, offset int64) error {
	_, err := f.WriteAt(b, offset)
	return err
}

func (s *Store) path() string { return filepath.Join(s.dir, cursorName) }

// Load returns the newest cursors that are whole. A damaged file is no error but said in the Report, which the caller logs;
// an error means that the file could not be read or moved aside. Call it once, before Save.
func (s *Store) Load() ([]cursor.Cursor, Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := os.OpenFile(s.path(), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Report{Fresh: true}, nil
	}
	if err != nil {
		return nil, Report{}, fmt.Errorf("open cursors: %w", err)
	}
	content, err := readFile(f)
	if err != nil {
		f.Close()
		return nil, Report{}, fmt.Errorf("read cursors: %w", err)
	}
	best, report := choose(content)
	if best == nil {
		f.Close()
		aside, err := s.moveAside()
		if err != nil {
			return nil, report, err
		}
		report.Problems = append(report.Problems, "no slot is whole: nothing is known of what was read before; the file is kept as "+aside)
		return nil, report, nil
	}
	s.file, s.capacity, s.newest, s.sequence = f, best.capacity, best.offset, best.sequence
	s.payload = bytes.Clone(best.payload)
	if int64(len(content)) != 2*best.capacity {
		s.capacity = 0 // cut off or grown: the next Save writes a new file
	}
	return best.cursors, report, nil
}

// readFile reads all of f up to the largest size that a cursor file has.
func readFile(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", f.Name())
	}
	content := make([]byte, min(info.Size(), 2*maxCapacity))
	n, err := f.ReadAt(content, 0)
	if n < len(content) && err != nil {
		return nil, err
	}
	return content, nil
}

// choose returns the newest whole slot of a cursor file, nil when there is none.
func choose(content []byte) (*slot, Report) {
	var report Report
	var found []*slot
	first, err := parseSlot(content, 0)
	if err == nil {
		found = append(found, first)
	} else if len(content) > 0 && !blank(content[:min(len(content), headerSize)]) {
		report.Problems = append(report.Problems, "slot at 0 "+err.Error())
	}
	// The other slot lies where the first says; when the first is damaged, at the half of the file, or, when that was cut
	// off, wherever one begins.
	if first != nil {
		if int64(len(content)) <= first.capacity {
			report.Problems = append(report.Problems, fmt.Sprintf("file cut off after %d bytes", len(content)))
		} else if s, err := parseSlot(content, first.capacity); err == nil {
			found = append(found, s)
		} else if !blank(content[first.capacity:min(int64(len(content)), first.capacity+headerSize)]) {
			report.Problems = append(report.Problems, fmt.Sprintf("slot at %d %v", first.capacity, err))
		}
	} else {
		for c := int64(minCapacity); c <= maxCapacity && c < int64(len(content)); c *= 2 {
			if s, err := parseSlot(content, c); err == nil {
				found = append(found, s)
				break
			}
		}
	}
	var best *slot
	for _, s := range found {
		if best == nil || s.sequence > best.sequence {
			best = s
		}
	}
	switch {
	case best == nil:
		report.Lost = true
		if len(report.Problems) == 0 {
			report.Problems = append(report.Problems, "file is empty")
		}
	case len(found) == 1 && (best.sequence > 1 || best.offset != 0 || len(report.Problems) > 0):
		report.FellBack = true
		if len(report.Problems) == 0 {
			report.Problems = append(report.Problems, "one slot is empty")
		}
	}
	return best, report
}

func blank(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// moveAside renames the cursor file to the first free name cursors.bad-N, and returns that name. A hundred are kept.
func (s *Store) moveAside() (string, error) {
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.bad-%d", s.path(), n)
		if _, err := os.Lstat(aside); err == nil && n < 100 {
			continue
		}
		if err := os.Rename(s.path(), aside); err != nil {
			return "", fmt.Errorf("move damaged cursors aside: %w", err)
		}
		return aside, nil
	}
}

// Save makes cursors durable: when it returns nil they survive a loss of power. After an error the cursors before are still
// there, and Save may be called again.
func (s *Store) Save(cursors []cursor.Cursor) error {
	body, err := json.Marshal(payload{cursors})
	if err != nil {
		return fmt.Errorf("encode cursors: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return errors.New("save cursors: store is closed")
	}
	if int64(len(body)+headerSize) > s.capacity || s.deleted() {
		return s.grow(body)
	}
	if err := fault.At("cursor.saving"); err != nil {
		return fmt.Errorf("write cursors: %w", err)
	}
	other := s.capacity - s.newest
	s.buf = appendSlot(s.buf[:0], s.capacity, s.sequence+1, body)
	if err := s.write(s.file, s.buf, other); err != nil {
		return fmt.Errorf("write cursors: %w", err)
	}
	_ = fault.At("cursor.written")
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync cursors: %w", err)
	}
	_ = fault.At("cursor.synced")
	s.newest, s.sequence, s.payload = other, s.sequence+1, body
	return nil
}

// deleted reports whether the file has lost its name: what is written to it would go with this process.
func (s *Store) deleted() bool {
	at, err := os.Stat(s.path())
	if err != nil {
		return true
	}
	held, err := s.file.Stat()
	return err != nil || !os.SameFile(at, held)
}

// grow replaces the file by a new one, with larger slots if need be: body in one, the cursors before in the other. The space of both slots is
// taken at once, so that a disk that fills up later does not stop a Save.
func (s *Store) grow(body []byte) error {
	capacity, err := capacityFor(len(body))
	if err != nil {
		return fmt.Errorf("save cursors: %w", err)
	}
	content := make([]byte, 0, 2*capacity)
	content = appendSlot(content, capacity, s.sequence+1, body)[:2*capacity]
	if s.sequence > 0 && int64(len(s.payload)+headerSize) <= capacity {
		appendSlot(content[:capacity], capacity, s.sequence, s.payload)
	}
	temporary := s.path() + ".new"
	f, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("create cursors: %w", err)
	}
	err = s.write(f, content, 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(temporary, s.path())
	}
	if err != nil {
		f.Close()
		return errors.Join(fmt.Errorf("write cursors: %w", err), os.Remove(temporary))
	}
	if s.file != nil {
		s.file.Close()
	}
	s.file, s.capacity, s.newest, s.sequence, s.payload = f, capacity, 0, s.sequence+1, body
	if err := syncDir(s.dir); err != nil {
		return fmt.Errorf("sync data_dir: %w", err)
	}
	return nil
}

// syncDir makes renames in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Close gives the lock back. It does not save.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return nil
	}
	var err error
	if s.file != nil {
		err = s.file.Close()
	}
	err = errors.Join(err, s.lock.Close())
	s.file, s.lock = nil, nil
	return err
}
