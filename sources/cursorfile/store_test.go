package cursorfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// numbered returns cursors that tell n, with about size bytes of state.
func numbered(n, size int) []cursor.Cursor {
	return []cursor.Cursor{{
		Shard: "web1", Emitted: int64(n), Final: cursor.NoWatermark, Fingerprint: "f",
		Partitions: []cursor.Partition{{
			Source: "edge", Name: "/var/log/nginx/access.log", ID: "0123", Replay: int64(n), Watermark: cursor.NoWatermark,
			Read: int64(n) + 1, Indexed: int64(n), State: bytes.Repeat([]byte{'s'}, size),
		}},
	}}
}

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func load(t *testing.T, s *Store) ([]cursor.Cursor, Report) {
	t.Helper()
	c, r, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

func save(t *testing.T, s *Store, c []cursor.Cursor) {
	t.Helper()
	if err := s.Save(c); err != nil {
		t.Fatal(err)
	}
}

// saved returns the bytes of a cursor file in which 1 to n have been saved.
func saved(t *testing.T, n int) []byte {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir)
	load(t, s)
	for i := 1; i <= n; i++ {
		save(t, s, numbered(i, 10))
	}
	b, err := os.ReadFile(filepath.Join(dir, cursorName))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// reopen returns what a start finds in a folder with the cursor file content, and makes sure that it can go on from there.
func reopen(t *testing.T, dir string, content []byte) ([]cursor.Cursor, Report) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, cursorName), content, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, r := load(t, s)
	for i := 101; i <= 102; i++ {
		save(t, s, numbered(i, 10))
	}
	s.Close()
	again := open(t, dir)
	defer again.Close()
	if got, r := load(t, again); !reflect.DeepEqual(got, numbered(102, 10)) || len(r.Problems) > 0 {
		t.Fatalf("after two saves on a file repaired: got %v, %+v", got, r)
	}
	return c, r
}

func TestSavedCursorsAreFoundAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := open(t, dir)
	c, r := load(t, s)
	if c != nil || !r.Fresh || len(r.Problems) > 0 {
		t.Fatalf("first start: got %v, %+v", c, r)
	}
	for n := 1; n <= 5; n++ {
		save(t, s, numbered(n, n))
		s.Close()
		s = open(t, dir)
		c, r := load(t, s)
		if diff := cmp.Diff(numbered(n, n), c); diff != "" || r.Fresh || len(r.Problems) > 0 {
			t.Fatalf("after save %d: %+v\n%s", n, r, diff)
		}
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, s.path(): 0o600, filepath.Join(dir, lockName): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
	}
}

func TestSlotsGrow(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	load(t, s)
	for n, size := range []int{10, 20_000, 30, 100_000, 400_000, 1} {
		save(t, s, numbered(n, size))
		content, err := os.ReadFile(s.path())
		if err != nil {
			t.Fatal(err)
		}
		best, report := choose(content)
		if best == nil || !reflect.DeepEqual(best.cursors, numbered(n, size)) || len(report.Problems) > 0 {
			t.Fatalf("save %d of %d bytes: %+v", n, size, report)
		}
		if n == 0 {
			continue
		}
		clear(content[best.offset : best.offset+best.capacity]) // the slot just written
		if before, _ := choose(content); before == nil || before.cursors[0].Emitted != int64(n-1) {
			t.Fatalf("save %d of %d bytes: the cursors before it are not in the other slot", n, size)
		}
	}
	if c, err := capacityFor(maxCapacity - headerSize); c != maxCapacity || err != nil {
		t.Errorf("largest: got %d, %v", c, err)
	}
	if c, err := capacityFor(maxCapacity - headerSize + 1); err == nil {
		t.Errorf("larger than any slot: got %d", c)
	}
}

// TestDamagedByte: whichever byte is changed, a start goes on from the last cursors or those before, and says so.
func TestDamagedByte(t *testing.T) {
	whole := saved(t, 3) // 2 in the second slot, 3 in the slot at 0
	first, err := parseSlot(whole, 0)
	if err != nil || first.sequence != 3 {
		t.Fatalf("slot at 0 has sequence %v, %v", first, err)
	}
	used := headerSize + len(first.payload)
	for _, slot := range []int{0, minCapacity} {
		want := map[int]int{0: 2, minCapacity: 3}[slot]
		for i := slot; i < slot+used; i++ {
			for _, change := range []byte{0x01, 0x80, 0xff} {
				content := bytes.Clone(whole)
				content[i] ^= change
				best, report := choose(content)
				if best == nil || !reflect.DeepEqual(best.cursors, numbered(want, 10)) {
					t.Fatalf("byte %d changed: got %+v", i, best)
				}
				if !report.FellBack || len(report.Problems) == 0 {
					t.Fatalf("byte %d changed: nothing said: %+v", i, report)
				}
			}
			if i%97 == 0 { // the whole way too, with files, for some
				content := bytes.Clone(whole)
				content[i] ^= 0xff
				if got, _ := reopen(t, t.TempDir(), content); !reflect.DeepEqual(got, numbered(want, 10)) {
					t.Fatalf("byte %d changed: got %v", i, got)
				}
			}
		}
	}
	for _, i := range []int{used, minCapacity - 1, minCapacity + used, 2*minCapacity - 1} {
		content := bytes.Clone(whole)
		content[i] ^= 0xff
		if best, report := choose(content); best == nil || best.sequence != 3 || len(report.Problems) > 0 {
			t.Errorf("byte %d, which nobody uses, changed: %+v", i, report)
		}
	}
}

// TestCutOff: at whatever length the file ends, a start finds what is whole.
func TestCutOff(t *testing.T) {
	for _, saves := range []int{2, 3} { // the newest slot is the second, the first
		whole := saved(t, saves)
		firstEnd := headerSize + len(mustParse(t, whole, 0).payload)
		secondEnd := minCapacity + headerSize + len(mustParse(t, whole, minCapacity).payload)
		for n := range whole {
			best, report := choose(whole[:n])
			second := n >= secondEnd
			want := 0
			switch firstWhole := n >= firstEnd; {
			case second && saves == 2:
				want = 2
			case firstWhole:
				want = map[int]int{2: 1, 3: 3}[saves]
			}
			switch {
			case want == 0 && (best != nil || !report.Lost || len(report.Problems) == 0):
				t.Fatalf("%d saves, cut at %d: got %+v, %+v", saves, n, best, report)
			case want > 0 && (best == nil || best.cursors[0].Emitted != int64(want)):
				t.Fatalf("%d saves, cut at %d: got %+v, want %d", saves, n, best, want)
			case !second && len(report.Problems) == 0:
				t.Fatalf("%d saves, cut at %d: nothing said: %+v", saves, n, report)
			}
			if n%1009 == 0 {
				reopen(t, t.TempDir(), whole[:n])
			}
		}
	}
}

func mustParse(t *testing.T, content []byte, offset int64) *slot {
	t.Helper()
	s, err := parseSlot(content, offset)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSlotsSwapped(t *testing.T) {
	whole := saved(t, 3)
	swapped := append(bytes.Clone(whole[minCapacity:]), whole[:minCapacity]...)
	if got, r := reopen(t, t.TempDir(), swapped); !reflect.DeepEqual(got, numbered(3, 10)) || len(r.Problems) > 0 {
		t.Errorf("got %v, %+v", got, r)
	}
}

func TestDeleted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	load(t, s)
	save(t, s, numbered(1, 1))
	s.Close()
	if err := os.Remove(s.path()); err != nil {
		t.Fatal(err)
	}
	if c, r := load(t, open(t, dir)); c != nil || !r.Fresh {
		t.Errorf("got %v, %+v", c, r)
	}
}

// TestDeletedWhileRunning: the file comes back, with both its slots, with the next save.
func TestDeletedWhileRunning(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	load(t, s)
	save(t, s, numbered(1, 1))
	if err := os.Remove(s.path()); err != nil {
		t.Fatal(err)
	}
	save(t, s, numbered(2, 1))
	content, err := os.ReadFile(s.path())
	if err != nil {
		t.Fatal(err)
	}
	if best, _ := choose(content); best == nil || !reflect.DeepEqual(best.cursors, numbered(2, 1)) {
		t.Errorf("got %+v", best)
	}
}

// TestFolderDeletedWhileRunning: no false confirmation.
func TestFolderDeletedWhileRunning(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir)
	load(t, s)
	save(t, s, numbered(1, 1))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(numbered(2, 1)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestNothingWhole: both slots bad is the last resort, and the evidence stays.
func TestNothingWhole(t *testing.T) {
	dir := t.TempDir()
	for n, content := range [][]byte{[]byte("garbage"), {}, bytes.Repeat([]byte{0xff}, 3*minCapacity), bytes.Repeat([]byte{0}, 2*minCapacity)} {
		c, r := reopen(t, dir, content)
		if c != nil || !r.Lost || len(r.Problems) == 0 {
			t.Errorf("%.20q: got %v, %+v", content, c, r)
		}
		kept, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%s.bad-%d", cursorName, n+1)))
		if err != nil || !bytes.Equal(kept, content) {
			t.Errorf("%.20q: not kept aside: %v", content, err)
		}
	}
}

func TestNewerFormatIsNotRead(t *testing.T) {
	whole := saved(t, 2)
	whole[offVersion], whole[minCapacity+offVersion] = 2, 2
	_, r := reopen(t, t.TempDir(), whole)
	if text := strings.Join(r.Problems, "\n"); !r.Lost || !strings.Contains(text, "format version 2") {
		t.Errorf("got %+v", r)
	}
}

// TestFullDisk: a Save that fails, at whatever byte, leaves the cursors before it, and the next one works.
func TestFullDisk(t *testing.T) {
	full := errors.New("no space left on device")
	for _, size := range []int{10, 50_000} { // in place; into a larger file
		for _, room := range []int{0, headerSize + 20, 1 << 20} {
			dir := t.TempDir()
			s := open(t, dir)
			load(t, s)
			save(t, s, numbered(1, 10))
			save(t, s, numbered(2, 10))
			s.write = func(f *os.File, b []byte, offset int64) error {
				return errors.Join(writeAll(f, b[:min(len(b), room)], offset), full)
			}
			for range 3 {
				if err := s.Save(numbered(3, size)); !errors.Is(err, full) {
					t.Fatalf("got %v", err)
				}
				content, err := os.ReadFile(s.path())
				if err != nil {
					t.Fatal(err)
				}
				if best, _ := choose(content); best == nil || best.sequence < 2 {
					t.Fatalf("room %d: cursors lost: %+v", room, best)
				}
			}
			s.write = writeAll
			save(t, s, numbered(4, size))
			s.Close()
			if c, r := load(t, open(t, dir)); !reflect.DeepEqual(c, numbered(4, size)) || len(r.Problems) > 0 {
				t.Errorf("room %d: after the disk was emptied: %v, %+v", room, c, r)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		}
	}
}

// TestReadOnlyFile: a descriptor that cannot be written is the real thing.
func TestReadOnlyFile(t *testing.T) {
	s := open(t, t.TempDir())
	load(t, s)
	save(t, s, numbered(1, 10))
	f, err := os.Open(s.path())
	if err != nil {
		t.Fatal(err)
	}
	s.file.Close()
	s.file = f
	if err := s.Save(numbered(2, 10)); !errors.Is(err, syscall.EBADF) {
		t.Errorf("got %v", err)
	}
}

func TestFolderThatCannotBeUsed(t *testing.T) {
	f := func(prepare func(dir string) error, want string) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "data")
		if err := prepare(dir); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir)
		if err == nil {
			_, _, err = s.Load()
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
	f(func(dir string) error { return os.WriteFile(dir, nil, 0o600) }, "create data_dir")
	f(func(dir string) error { return os.MkdirAll(filepath.Join(dir, lockName), 0o700) }, "not writable")
	f(func(dir string) error { return os.MkdirAll(filepath.Join(dir, cursorName), 0o700) }, "cursors")
}

func TestSaveAfterClose(t *testing.T) {
	s := open(t, t.TempDir())
	load(t, s)
	s.Close()
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := s.Save(numbered(1, 1)); err == nil {
		t.Error("saved without the lock")
	}
}

const lockFolder = "CURSORFILE_TEST_LOCK"

// TestSecondProcess: the lock holds between processes, names its holder, and ends with it however it ended.
func TestSecondProcess(t *testing.T) {
	if dir := os.Getenv(lockFolder); dir != "" { // the second process
		_, err := Open(dir)
		fmt.Println("RESULT", err)
		os.Exit(0) // without Close, as if killed
	}
	dir := t.TempDir()
	second := func() string {
		t.Helper()
		c := exec.Command(os.Args[0], "-test.run=^TestSecondProcess$")
		c.Env = append(os.Environ(), lockFolder+"="+dir)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	s := open(t, dir)
	if got, want := second(), "in use by another process (pid "+strconv.Itoa(os.Getpid())+")"; !strings.Contains(got, want) {
		t.Errorf("got %q, want …%s…", got, want)
	}
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("second Open in one process: got %v", err)
	}
	s.Close()
	if got := second(); !strings.Contains(got, "RESULT <nil>") {
		t.Errorf("after Close: got %q", got)
	}
	open(t, dir) // the second has ended
}

func FuzzChoose(f *testing.F) {
	body := []byte(`{"cursors":[{"shard":"a","emitted":1,"final":-9223372036854775808,"fingerprint":"","partitions":null}]}`)
	whole := appendSlot(make([]byte, 0, 2*minCapacity), minCapacity, 7, body)[:2*minCapacity]
	f.Add(bytes.Clone(whole))
	appendSlot(whole[:minCapacity], minCapacity, 8, body)
	f.Add(bytes.Clone(whole))
	f.Add(whole[:100])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		best, report := choose(content)
		if (best == nil) != report.Lost {
			t.Fatalf("%+v with %+v", best, report)
		}
		if best != nil && best.offset != 0 && best.offset != best.capacity {
			t.Fatalf("slot at %d of capacity %d", best.offset, best.capacity)
		}
		if best == nil && len(report.Problems) == 0 {
			t.Fatal("nothing said")
		}
	})
}
