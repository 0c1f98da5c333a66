package cursorfile

import (
	"bufio"
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

	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// Inspection is what is found in a data_dir by one who only looks: nothing is locked, repaired or moved.
type Inspection struct {
	Dir     string          `json:"dir"`
	Exists  bool            `json:"exists"`          // there is a cursor file
	Size    int64           `json:"size"`            // of the cursor file, bytes
	Saved   time.Time       `json:"saved"`           // when it was last written
	Slots   []Slot          `json:"slots"`           // by offset
	Damage  []string        `json:"damage"`          // what Load would say, a sentence each
	Before  bool            `json:"before"`          // Load would take cursors that may not be the newest
	Lost    bool            `json:"lost"`            // Load would find none
	Aside   []string        `json:"aside,omitempty"` // damaged files that were kept
	Running bool            `json:"running"`         // a process holds the lock
	PID     int             `json:"pid,omitempty"`   // that it wrote into the lock
	Cursors []cursor.Cursor `json:"cursors"`         // that Load would return
}

// Slot is one slot of the cursor file.
type Slot struct {
	Offset   int64  `json:"offset"`
	Capacity int64  `json:"capacity,omitempty"`
	Sequence uint64 `json:"sequence,omitempty"`
	Length   int    `json:"length,omitempty"` // of the payload, bytes
	Empty    bool   `json:"empty,omitempty"`  // never written
	Problem  string `json:"problem,omitempty"`
	Used     bool   `json:"used"` // a start goes on from it
}

// Inspect looks at dir.
func Inspect(dir string) (*Inspection, error) {
	i := &Inspection{Dir: dir, Slots: []Slot{}, Damage: []string{}, Cursors: []cursor.Cursor{}}
	if _, err := os.ReadDir(dir); err != nil {
		return nil, fmt.Errorf("look at data_dir: %w", err)
	}
	i.PID, i.Running = Holder(dir)
	path := filepath.Join(dir, cursorName)
	i.Aside, _ = filepath.Glob(path + ".bad-*") // the pattern is right
	var content []byte
	for range 10 { // a slot may be seen half written: then a running process has finished it soon
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return i, nil
		}
		if err != nil {
			return nil, fmt.Errorf("open cursors: %w", err)
		}
		info, err := f.Stat()
		if err == nil {
			content, err = readFile(f)
		}
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("read cursors: %w", err)
		}
		i.Exists, i.Size, i.Saved = true, info.Size(), info.ModTime()
		if i.judge(content); len(i.Damage) == 0 || !i.Running {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return i, nil
}

// judge fills in what Load would make of the file's content.
func (i *Inspection) judge(content []byte) {
	best, report := choose(content)
	i.Damage, i.Before, i.Lost = append([]string{}, report.Problems...), report.FellBack, report.Lost
	offsets := []int64{0}
	second := int64(len(content)) / 2
	if first, err := parseSlot(content, 0); err == nil {
		second = first.capacity
	} else if best != nil {
		second = best.offset
	}
	if second >= minCapacity && second < int64(len(content)) {
		offsets = append(offsets, second)
	}
	i.Slots = i.Slots[:0]
	for _, offset := range offsets {
		s := Slot{Offset: offset, Used: best != nil && best.offset == offset}
		found, err := parseSlot(content, offset)
		rest := content[offset:]
		switch {
		case err == nil:
			s.Capacity, s.Sequence, s.Length = found.capacity, found.sequence, len(found.payload)
		case len(rest) >= headerSize && blank(rest[:headerSize]):
			s.Empty = true
		default:
			s.Problem = err.Error()
		}
		i.Slots = append(i.Slots, s)
	}
	i.Cursors = []cursor.Cursor{}
	if best != nil {
		i.Cursors = append(i.Cursors, best.cursors...)
		i.Damage = append(i.Damage, contradictions(best.cursors)...)
	}
}

// contradictions returns what cannot be true of cursors whose bytes are right.
func contradictions(cursors []cursor.Cursor) (found []string) {
	shards, logs := map[string]bool{}, map[[2]string]bool{}
	for _, c := range cursors {
		if shards[c.Shard] {
			found = append(found, fmt.Sprintf("shard %.200q is there twice", c.Shard))
		}
		shards[c.Shard] = true
		if c.Final > c.Emitted {
			found = append(found, fmt.Sprintf("shard %.200q: windows are final up to %d and sent only up to %d", c.Shard, c.Final, c.Emitted))
		}
		for _, p := range c.Partitions {
			key := [2]string{p.Source, p.Name}
			if logs[key] {
				found = append(found, fmt.Sprintf("%.200q of source %s is there twice", p.Name, p.Source))
			}
			logs[key] = true
			if p.Replay < 0 || p.Indexed < 0 || p.Replay > p.Read || p.Indexed > p.Read {
				found = append(found, fmt.Sprintf("%.200q of source %s: replay %d and indexed %d do not lie between 0 and read %d", p.Name, p.Source, p.Replay, p.Indexed, p.Read))
			}
		}
	}
	return found
}

// Holder returns whether a process holds the lock of dir, and the pid it has written there. It takes no lock itself. Where the
// system does not list locks, a process with that pid counts.
func Holder(dir string) (pid int, held bool) {
	path := filepath.Join(dir, lockName)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	pid, _ = strconv.Atoi(strings.TrimSpace(string(text[:min(len(text), 20)])))
	info, err := os.Stat(path)
	if err != nil {
		return pid, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	locks, err := os.Open("/proc/locks")
	if !ok || err != nil {
		return pid, pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	}
	defer locks.Close()
	// 1: FLOCK  ADVISORY  WRITE 4711 08:01:1311 0 EOF. The device may be another than stat's, as with overlayfs; of one inode
	// number on two devices, locked on one, nothing worse comes than a word too much.
	inode := strconv.FormatUint(stat.Ino, 10)
	for lines := bufio.NewScanner(locks); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) >= 6 && f[1] == "FLOCK" && slices.Equal(strings.Split(f[5], ":")[2:], []string{inode}) {
			return pid, true
		}
	}
	return pid, false
}
