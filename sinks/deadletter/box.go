package deadletter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Entry is a letter as it lies on disk.
type Entry struct {
	Time      time.Time       `json:"time"`
	Sink      string          `json:"sink"`
	Partition string          `json:"partition"`
	Offset    int64           `json:"offset"`
	ID        string          `json:"id"`
	Index     string          `json:"index"`
	Status    int             `json:"status"`
	Type      string          `json:"type"`
	Reason    string          `json:"reason"`
	Attempts  int             `json:"attempts"`
	Document  json.RawMessage `json:"document"`
}

// Line is one line of a file of letters.
type Line struct {
	Raw   []byte // with its newline
	Entry *Entry // nil: the line is damaged
}

// takenSuffix ends the name of a file that a Box has taken from its Writer. It keeps it until it is put back or removed, so
// what an interrupted Box leaves is found by the next.
const takenSuffix = suffix + ".taken"

// File is a file of letters.
type File struct {
	Path string
	Size int64
}

// Files returns the files of letters in dir, oldest first for each sink. No folder is no file.
func Files(dir string) ([]File, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	var files []File
	for _, e := range entries { // sorted: numbers have a fixed width
		name := strings.TrimSuffix(e.Name(), ".taken")
		stem, ok := strings.CutSuffix(name, suffix)
		dash := strings.LastIndexByte(stem, '-')
		if !ok || dash < 1 || len(stem)-dash-1 < 8 || !e.Type().IsRegular() {
			continue
		}
		if _, err := strconv.ParseUint(stem[dash+1:], 10, 62); err != nil {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // gone since
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list dead letters: %w", err)
		}
		files = append(files, File{filepath.Join(dir, e.Name()), info.Size()})
	}
	return files, nil
}

// maxFile bounds what is read of one file: a Writer's files are smaller.
const maxFile = 1 << 30

// Lines reads the letters of f. What a crash left of a last line is not among them, as its record comes again.
func (f File) Lines() ([]Line, error) {
	if f.Size > maxFile {
		return nil, fmt.Errorf("read dead letters: %s has %d bytes, which no file of letters has", f.Path, f.Size)
	}
	content, err := os.ReadFile(f.Path)
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	var lines []Line
	for raw := range bytes.Lines(content) {
		if raw[len(raw)-1] != '\n' {
			break
		}
		line := Line{Raw: raw}
		var e Entry
		if json.Unmarshal(raw, &e) == nil && e.ID != "" && len(e.Document) > 0 {
			line.Entry = &e
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// Box is the right to change the letters in a folder, which one process has at a time. A Writer goes on beside it: a file is
// taken from it by renaming it, in no more time than a rename takes, and it writes the next letter to a new one.
type Box struct {
	dir  string
	lock *os.File
}

// ErrBusy says that another process changes the letters.
var ErrBusy = errors.New("another process is changing these dead letters")

// OpenBox returns the Box of dir.
func OpenBox(dir string) (*Box, error) {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock dead letters: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrBusy
		}
		return nil, fmt.Errorf("lock dead letters %q: %w", dir, err)
	}
	return &Box{dir, lock}, nil
}

// Close gives the right back.
func (b *Box) Close() error { return b.lock.Close() }

// Edit takes the file f and hands its lines to edit, which returns those to keep; f goes when there are none. After an error
// of edit those are kept that it returned with it. A process that ends in the midst of it leaves the file as it was.
func (b *Box) Edit(f File, edit func([]Line) (keep []Line, err error)) error {
	if err := b.take(&f); errors.Is(err, fs.ErrNotExist) {
		return nil // the Writer has removed it, to make room
	} else if err != nil {
		return fmt.Errorf("take dead letters: %w", err)
	}
	lines, err := f.Lines()
	if err != nil {
		return errors.Join(err, b.giveBack(f))
	}
	keep, editErr := edit(slices.Clone(lines))
	same := slices.EqualFunc(lines, keep, func(a, b Line) bool { return bytes.Equal(a.Raw, b.Raw) })
	if err := b.put(f, keep, same); err != nil {
		return errors.Join(editErr, fmt.Errorf("put dead letters back: %w", err))
	}
	return editErr
}

// take renames f, so that its Writer does not write to it any more.
func (b *Box) take(f *File) error {
	if strings.HasSuffix(f.Path, takenSuffix) {
		return nil // by one before us, who was interrupted
	}
	held, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer held.Close()
	// The Writer holds this lock while it writes, and looks for the name after it has got it.
	if err := flock(held, syscall.LOCK_EX); err != nil {
		return err
	}
	info, err := held.Stat()
	if err != nil {
		return err
	}
	taken := strings.TrimSuffix(f.Path, suffix) + takenSuffix
	if err := os.Rename(f.Path, taken); err != nil {
		return err
	}
	f.Path, f.Size = taken, info.Size()
	return nil
}

// put makes keep the content of the taken file f, unless it is the same, and gives it back.
func (b *Box) put(f File, keep []Line, same bool) error {
	if len(keep) == 0 {
		return errors.Join(os.Remove(f.Path), syncFolder(b.dir))
	}
	if !same {
		rest := f.Path + ".rest"
		if err := writeFile(rest, keep); err != nil {
			return errors.Join(err, os.Remove(rest))
		}
		if err := os.Rename(rest, f.Path); err != nil {
			return err
		}
	}
	return b.giveBack(f)
}

func (b *Box) giveBack(f File) error {
	return errors.Join(os.Rename(f.Path, strings.TrimSuffix(f.Path, ".taken")), syncFolder(b.dir))
}

func writeFile(path string, lines []Line) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if _, err := f.Write(l.Raw); err != nil {
			f.Close()
			return err
		}
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync() // the name too must outlive a power cut
}

// flock locks f as syscall.Flock does, through signals.
func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
