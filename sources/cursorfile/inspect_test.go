package cursorfile

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// TestDamage goes through the kinds of damage: what a start takes, whether it says so, and that one who only looks sees the same
// and changes nothing.
func TestDamage(t *testing.T) {
	f := func(kind string, damage func(b []byte) []byte, want int, lost bool, said string) {
		t.Helper()
		dir := t.TempDir()
		content := damage(saved(t, 3)) // 3 is in the slot at 0, 2 in the other
		path := filepath.Join(dir, cursorName)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := Inspect(dir)
		if err != nil {
			t.Fatal(err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, content) {
			t.Errorf("%s: looking has changed the file (%v)", kind, err)
		}
		got, report := reopen(t, dir, content)
		n := 0
		if len(got) > 0 {
			n = int(got[0].Emitted)
		}
		if n != want || report.Lost != lost || !strings.Contains(strings.Join(report.Problems, "\n"), said) || (said != "") != (len(report.Problems) > 0) {
			t.Errorf("%s: a start takes %d and says %q (lost: %v), want %d and %q (%v)", kind, n, report.Problems, report.Lost, want, said, lost)
		}
		seen := 0
		if len(i.Cursors) > 0 {
			seen = int(i.Cursors[0].Emitted)
		}
		used := 0
		for _, s := range i.Slots {
			if s.Used {
				used++
			}
		}
		if seen != want || i.Lost != lost || i.Before != report.FellBack || (len(i.Damage) > 0) != (said != "") || used > 1 || (used == 1) != (want > 0) {
			t.Errorf("%s: seen as %+v", kind, i)
		}
	}
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 0x10; return b }
	}
	keep := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
	f("none", func(b []byte) []byte { return b }, 3, false, "")
	for field, at := range map[string]int{
		"begins with": 0, "format version": offVersion, "checksum": offCapacity + 1, "has checksum": offSequence, "cut off": offLength + 3,
		"instead of": offChecksum, "slot at 0 has checksum": headerSize,
	} {
		f("newest: "+field, flip(at), 2, false, field)
		f("older: "+field, flip(minCapacity+at), 3, false, strings.Replace(field, "at 0", "at 4096", 1))
		f("both: "+field, func(b []byte) []byte { return flip(minCapacity + at)(flip(at)(b)) }, 0, true, field)
	}
	f("zeros in the newest", func(b []byte) []byte { clear(b[:minCapacity]); return b }, 2, false, "empty")
	f("zeros in the older", func(b []byte) []byte { clear(b[minCapacity:]); return b }, 3, false, "empty")
	f("nothing but zeros", func(b []byte) []byte { clear(b); return b }, 0, true, "empty")
	f("no byte", keep(0), 0, true, "empty")
	f("cut in the header", keep(20), 0, true, "cut off")
	f("cut in the newest", keep(headerSize+9), 0, true, "cut off")
	f("cut between the slots", keep(minCapacity), 3, false, "cut off")
	f("cut in the older", keep(minCapacity+headerSize+9), 3, false, "cut off")
	f("swapped", func(b []byte) []byte { return append(bytes.Clone(b[minCapacity:]), b[:minCapacity]...) }, 3, false, "")
	f("the newest is torn: the older's payload behind its header", func(b []byte) []byte {
		copy(b[headerSize:minCapacity], b[minCapacity+headerSize:])
		return b
	}, 2, false, "checksum")
	f("a capacity that is none, with its checksum right", func(b []byte) []byte {
		p := mustParse(t, b, 0)
		copy(b, appendSlot(nil, 12345, p.sequence, p.payload))
		return b
	}, 2, false, "capacity 12345")
	f("a payload that is no JSON, with its checksum right", func(b []byte) []byte {
		copy(b, appendSlot(nil, minCapacity, 3, []byte("{")))
		return b
	}, 2, false, "decode")
	f("a length past the file", func(b []byte) []byte {
		binary.LittleEndian.PutUint32(b[offLength:], 1<<31)
		return b
	}, 2, false, "cut off")
}

// TestSecondSaveDamaged: the first save of all is older cursors too.
func TestSecondSaveDamaged(t *testing.T) {
	content := saved(t, 2)
	content[minCapacity+headerSize] ^= 1
	if got, r := reopen(t, t.TempDir(), content); got[0].Emitted != 1 || !r.FellBack {
		t.Errorf("got %v, %+v", got, r)
	}
}

func TestInspect(t *testing.T) {
	dir := t.TempDir()
	i, err := Inspect(dir)
	if err != nil || i.Exists || i.Running || i.Cursors == nil {
		t.Errorf("nothing there: %+v, %v", i, err)
	}
	s := open(t, dir)
	load(t, s)
	save(t, s, numbered(1, 10))
	i, err = Inspect(dir)
	if err != nil || !i.Running || i.PID != os.Getpid() || len(i.Damage) > 0 || len(i.Slots) != 2 || !i.Slots[0].Used || !i.Slots[1].Empty {
		t.Errorf("after the first save: %+v, %v", i, err)
	}
	save(t, s, numbered(2, 10))
	s.Close()
	i, err = Inspect(dir)
	if err != nil || i.Running || i.Slots[0].Sequence != 1 || i.Slots[1].Sequence != 2 || !i.Slots[1].Used {
		t.Errorf("after the second save: %+v, %v", i, err)
	}
	if _, err := json.Marshal(i); err != nil {
		t.Error(err)
	}
	if _, err := Inspect(filepath.Join(dir, "none")); err == nil {
		t.Error("no folder, no error")
	}
}

func TestContradictions(t *testing.T) {
	f := func(want string, change func(c []cursor.Cursor) []cursor.Cursor) {
		t.Helper()
		dir := t.TempDir()
		s := open(t, dir)
		load(t, s)
		save(t, s, change(numbered(5, 1)))
		i, err := Inspect(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(i.Damage, "\n"); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f("", func(c []cursor.Cursor) []cursor.Cursor { return c })
	f("sent only up to 5", func(c []cursor.Cursor) []cursor.Cursor { c[0].Final = 6; return c })
	f("shard \"web1\" is there twice", func(c []cursor.Cursor) []cursor.Cursor { return append(c, c[0]) })
	f("between 0 and read 6", func(c []cursor.Cursor) []cursor.Cursor { c[0].Partitions[0].Replay = 7; return c })
	f("indexed -1", func(c []cursor.Cursor) []cursor.Cursor { c[0].Partitions[0].Indexed = -1; return c })
	f("access.log\" of source edge is there twice", func(c []cursor.Cursor) []cursor.Cursor {
		c[0].Partitions = append(c[0].Partitions, c[0].Partitions[0])
		return c
	})
}
