package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInspect: what is there is counted, what is damaged is named, and the end that a crash has broken off is not damage.
func TestInspect(t *testing.T) {
	dir := t.TempDir()
	set := settings(dir)
	set.MaxBytes, set.SegmentBytes = 1<<20, 4<<10
	const want = 300
	s := mustOpen(t, set)
	for range want / 3 {
		mustAppend(t, s, group("", strings.Repeat("x", 80), "b", "c"))
	}
	s.Close()
	names, contents := files(t, dir)
	f := func(what string, change func(dir string), wantDamage string, wantUnfinished int64) *Inspection {
		t.Helper()
		at := folder(t, names, contents)
		change(at)
		before, _ := files(t, at)
		in, err := Inspect(at)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := strings.Join(in.Damage, "; "); !strings.Contains(got, wantDamage) || (got == "") != (wantDamage == "") || in.Unfinished != wantUnfinished {
			t.Errorf("%s: damage %q, %d unfinished; want %q, %d", what, got, in.Unfinished, wantDamage, wantUnfinished)
		}
		if after, _ := files(t, at); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("%s: files %q have become %q", what, before, after)
		}
		return in
	}
	last := len(names) - 1
	if last < 2 {
		t.Fatal("a spool of two segments shows little")
	}
	edit := func(i int, change func(b []byte) []byte) func(string) {
		return func(at string) {
			if err := os.WriteFile(filepath.Join(at, names[i]), change(append([]byte(nil), contents[i]...)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[(at+len(b))%len(b)] ^= 1; return b }
	}
	in := f("whole", func(string) {}, "", 0)
	if in.Segments != len(names) || in.Records != want || in.First != 0 || in.Next != want || len(in.ID) != 2*idSize {
		t.Errorf("%+v of %d records in %d segments", in, want, len(names))
	}
	f("cut", edit(last, func(b []byte) []byte { return b[:len(b)-1] }), "", lastGroup(t, contents[last])-1)
	f("begun", edit(last, func(b []byte) []byte { return b[:5] }), "", 5)
	f("cut in the midst", edit(0, func(b []byte) []byte { return b[:len(b)-1] }), "are no whole group", 0)
	f("changed in the midst", edit(0, flip(-1)), "are no whole group", 0)
	f("a header", edit(0, flip(20)), errHeader.Error(), 0)
	f("a version", edit(0, func(b []byte) []byte { b[8] = 9; return b }), "version", 0)
	f("another's", edit(1, func(b []byte) []byte {
		h, err := parseHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		h.id[0] ^= 1
		copy(b, h.append(nil))
		return b
	}), "is of another spool", 0)
	f("another name", func(at string) { os.Rename(filepath.Join(at, names[0]), filepath.Join(at, segmentName(1))) }, "it begins with record 0", 0)
	f("missing", func(at string) { remove(t, filepath.Join(at, names[len(names)/2])) }, "are missing before it", 0)
	in = f("read", func(at string) { remove(t, filepath.Join(at, names[0])) }, "", 0)
	if in.First == 0 || in.Records != want-in.First {
		t.Errorf("%+v", in)
	}
	in = f("aside", func(at string) { os.Rename(filepath.Join(at, names[0]), filepath.Join(at, names[0]+".bad")) }, "", 0)
	if len(in.Aside) != 1 {
		t.Errorf("%+v", in)
	}
	third, err := parseHeader(contents[2])
	if err != nil {
		t.Fatal(err)
	}
	gone := &Inspection{} // the first two were removed while the first was read
	if err := gone.read(dir, append([]string{names[0], segmentName(1)}, names[2:]...)); err != nil || len(gone.Damage) > 0 ||
		gone.First != third.base || gone.Segments != len(names)-2 || gone.Records != want-third.base {
		t.Errorf("%+v, %v, want it to begin with %d", gone, err, third.base)
	}
	if _, err := Inspect(filepath.Join(dir, "none")); err == nil {
		t.Error("of no folder: no error")
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// lastGroup returns the length of a segment's last block.
func lastGroup(t *testing.T, b []byte) int64 {
	t.Helper()
	r := blockReader{file: strings.NewReader(string(b)), pos: headerSize, limit: int64(len(b))}
	for {
		at := r.pos
		if _, err := r.next(); err != nil {
			t.Fatal(err)
		}
		if r.pos == int64(len(b)) {
			return r.pos - at
		}
	}
}
