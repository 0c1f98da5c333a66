package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// small writes a spool of a few groups, in one segment or more, and returns what is in it and the offsets in the last
// segment at which a group ends, with the number after it.
func small(t *testing.T, dir string, set Settings) (want map[int64]string, ends map[int64]int64) {
	t.Helper()
	s := mustOpen(t, set)
	want, ends = map[int64]string{}, map[int64]int64{headerSize: 0}
	for i := range 12 {
		g := &Group{Time: int64(i), Key: []byte(strings.Repeat("k", i%3) + fmt.Sprint(i))}
		for j := range i%4 + 1 {
			r := strings.Repeat(string(rune('a'+i)), j*7+1)
			want[s.Next()+int64(j)] = r
			g.Add([]byte(r))
		}
		mustAppend(t, s, g)
		last := s.segments[len(s.segments)-1]
		ends[last.size] = s.Next()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return want, ends
}

// TestCrashAtEveryByte cuts the last segment off at each of its bytes: the groups before are there, whole, a group cut through
// is not there at all and can be appended again, and later records get later numbers.
func TestCrashAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	want, ends := small(t, dir, settings(dir))
	names, contents := files(t, dir)
	if len(names) != 1 {
		t.Fatalf("files: %v", names)
	}
	whole := contents[0]
	for cut := headerSize; cut <= len(whole); cut++ {
		crashed := folder(t, names, [][]byte{whole[:cut]})
		s, err := Open(quick(crashed))
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		known := int64(0)
		for end, next := range ends {
			if end <= int64(cut) {
				known = max(known, next)
			}
		}
		expected := map[int64]string{}
		for n, r := range want {
			if n < known {
				expected[n] = r
			}
		}
		if _, whole := ends[int64(cut)]; s.Next() < known || whole && s.Next() != known {
			t.Fatalf("cut at %d: next is %d, known %d", cut, s.Next(), known)
		}
		// The sender of a group tries again: what is there is known, what is not is taken.
		for i := range 12 {
			g := &Group{Key: []byte(strings.Repeat("k", i%3) + fmt.Sprint(i))}
			for j := range i%4 + 1 {
				g.Add([]byte(strings.Repeat(string(rune('a'+i)), j*7+1)))
			}
			first, err := s.Append(t.Context(), g)
			if err != nil && !errors.Is(err, ErrDuplicate) {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			for j := 0; err == nil && j < g.Len(); j++ {
				expected[first+int64(j)] = string(g.Record(j))
			}
		}
		if len(expected) != len(want) {
			t.Fatalf("cut at %d: %d records after all were sent again, want %d", cut, len(expected), len(want))
		}
		wantRecords(t, readAll(t, s, 0), expected, "cut at %d", cut)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s, err = Open(quick(crashed))
		if err != nil {
			t.Fatal(err)
		}
		wantRecords(t, readAll(t, s, 0), expected, "cut at %d, opened again", cut)
		s.Close()
		os.RemoveAll(crashed)
	}
}

// TestCrashWhileASegmentBegins leaves a last segment without a whole header behind.
func TestCrashWhileASegmentBegins(t *testing.T) {
	dir := t.TempDir()
	want, _ := small(t, dir, settings(dir))
	names, contents := files(t, dir)
	h := header{base: int64(len(want))}
	for size := range headerSize {
		crashed := folder(t, append(names, segmentName(int64(len(want)))), append(contents, h.append(nil)[:size]))
		s := mustOpen(t, quick(crashed))
		if s.Next() != int64(len(want)) {
			t.Fatalf("next is %d, want %d", s.Next(), len(want))
		}
		wantRecords(t, readAll(t, s, 0), want, "header of %d bytes", size)
		s.Close()
		os.RemoveAll(crashed)
	}
}

// TestFlippedBits changes each bit of the last segment: what is read is true, and no number that anybody may have seen is given
// to another record.
func TestFlippedBits(t *testing.T) {
	dir := t.TempDir()
	want, _ := small(t, dir, settings(dir))
	names, contents := files(t, dir)
	whole := contents[0]
	for bit := range 8 * len(whole) {
		if bit%7 != 0 { // each byte is met, at another bit
			continue
		}
		changed := bytes.Clone(whole)
		changed[bit/8] ^= 1 << (bit % 8)
		broken := folder(t, names, [][]byte{changed})
		s, err := Open(quick(broken))
		if bit/8 >= 8 && bit/8 < 12 { // the version
			if !errors.Is(err, errVersion) {
				t.Fatalf("another version: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("bit %d: %v", bit, err)
		}
		inHeader := bit/8 < headerSize
		if !inHeader && s.Next() < int64(len(want)) {
			t.Fatalf("bit %d: the next number is %d, and %d have been given out", bit, s.Next(), len(want))
		}
		if inHeader && s.ID() == "" {
			t.Fatalf("bit %d: no id", bit)
		}
		first := mustAppend(t, s, group("", "new"))
		got := readAll(t, s, 0)
		if got[first] != "new" {
			t.Fatalf("bit %d: record %d is %q", bit, first, got[first])
		}
		delete(got, first)
		for n, r := range got {
			if want[n] != r {
				t.Fatalf("bit %d: record %d is %q, want %q", bit, n, r, want[n])
			}
		}
		s.Close()
		os.RemoveAll(broken)
	}
}

// TestDamageInAnEarlierSegment loses the rest of that segment and nothing else, and counts and says it.
func TestDamageInAnEarlierSegment(t *testing.T) {
	dir := t.TempDir()
	set := settings(dir)
	set.MaxBytes, set.SegmentBytes = 1<<20, 4<<10
	s := mustOpen(t, set)
	want := map[int64]string{}
	for i := range 300 {
		r := fmt.Sprintf("record %d %s", i, strings.Repeat("x", 50))
		want[mustAppend(t, s, group("", r))] = r
	}
	s.Close()
	names, contents := files(t, dir)
	if len(names) < 5 {
		t.Fatalf("%d segments", len(names))
	}
	f := func(what string, change func(b []byte) []byte, lost bool) {
		t.Helper()
		changed := append([][]byte(nil), contents...)
		changed[2] = change(bytes.Clone(contents[2]))
		logs := &logBuffer{}
		set := settings(folder(t, names, changed))
		set.Log = slog.New(slog.NewTextHandler(logs, nil))
		set.MaxBytes, set.SegmentBytes = 1<<20, 4<<10
		s := mustOpen(t, set)
		got := readAll(t, s, 0)
		missing := int64(0)
		for n, r := range want {
			if g, ok := got[n]; ok && g != r {
				t.Errorf("%s: record %d is %q", what, n, g)
			} else if !ok {
				missing++
			}
		}
		stats := s.Stats()
		if stats.Corrupt != missing || (missing > 0) != lost {
			t.Errorf("%s: %d records missing, %d counted", what, missing, stats.Corrupt)
		}
		if lost && !strings.Contains(logs.String(), "damaged") {
			t.Errorf("%s: nothing was said: %s", what, logs.String())
		}
		if missing > 60 {
			t.Errorf("%s: %d records are missing, more than a segment has", what, missing)
		}
	}
	f("nothing", func(b []byte) []byte { return b }, false)
	f("a flipped bit", func(b []byte) []byte { b[len(b)/2] ^= 4; return b }, true)
	f("zeros", func(b []byte) []byte { clear(b[len(b)/3 : len(b)/2]); return b }, true)
	f("cut off", func(b []byte) []byte { return b[:len(b)-10] }, true)
	f("cut off at a group's end", func(b []byte) []byte { return b[:headerSize] }, true)
	f("a huge length", func(b []byte) []byte { copy(b[headerSize+4:], "\xff\xff\xff\x7f"); return b }, true)
	f("garbage behind", func(b []byte) []byte { return append(b, "garbage"...) }, false)
}

// TestDamageWhileRunning: bytes that change under a running process cost that segment, not the spool.
func TestDamageWhileRunning(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, settings(dir))
	for i := range 5 {
		mustAppend(t, s, group("", fmt.Sprint("old ", i)))
	}
	awaitDurable(t, s)
	names, contents := files(t, dir)
	f, err := os.OpenFile(filepath.Join(dir, names[0]), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{^contents[0][headerSize+40]}, headerSize+40); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if got := readAll(t, s, 0); len(got) > 1 {
		t.Errorf("read %v", got)
	}
	first := mustAppend(t, s, group("", "new"))
	if got := readAll(t, s, 0); got[first] != "new" || first != 5 {
		t.Errorf("after the damage: record %d, %v", first, got)
	}
	if got := s.Stats().Corrupt; got < 4 {
		t.Errorf("%d records counted as lost", got)
	}
}

// TestAgainstAModel does random things to a spool, and the same to a map.
func TestAgainstAModel(t *testing.T) {
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 1))
		dir := t.TempDir()
		set := quick(dir)
		set.SegmentBytes, set.MaxBytes = 4<<10+random.Int64N(60<<10), 16<<20
		set.Always = seed%5 == 0
		s := mustOpen(t, set)
		model, keys := map[int64]string{}, map[string]bool{}
		next, trimmed := int64(0), int64(0)
		for range 150 {
			switch n := random.IntN(20); {
			case n < 14:
				g := &Group{Time: random.Int64()}
				if random.IntN(3) == 0 {
					g.Key = fmt.Append(nil, random.IntN(90))
				}
				size := 200
				if random.IntN(20) == 0 {
					size = 300 << 10
				}
				for range random.IntN(10) {
					r := make([]byte, random.IntN(size))
					for i := 0; i+8 <= len(r); i += 8 {
						binary.LittleEndian.PutUint64(r[i:], random.Uint64())
					}
					g.Add(r)
				}
				first, err := s.Append(t.Context(), g)
				if keys[string(g.Key)] {
					if !errors.Is(err, ErrDuplicate) {
						t.Fatalf("seed %d: a key again: %v", seed, err)
					}
					continue
				}
				if err != nil || first != next {
					t.Fatalf("seed %d: append gave %d, want %d: %v", seed, first, next, err)
				}
				if len(g.Key) > 0 && g.Len() > 0 {
					keys[string(g.Key)] = true
				}
				for i := range g.Len() {
					model[next] = string(g.Record(i))
					next++
				}
			case n < 16:
				trimmed = trimmed + random.Int64N(next-trimmed+1)
				s.Trim(trimmed)
				if s.First() > trimmed {
					t.Fatalf("seed %d: first is %d after Trim(%d)", seed, s.First(), trimmed)
				}
			case n < 18:
				if random.IntN(2) == 0 {
					s.Close()
				} // else the process was killed: the page cache has everything
				id := s.ID()
				names, contents := files(t, dir)
				s.Close()
				dir = folder(t, names, contents)
				set.Dir = dir
				s = mustOpen(t, set)
				if s.ID() != id || s.Next() != next {
					t.Fatalf("seed %d: opened again: id %s, next %d; want %s, %d", seed, s.ID(), s.Next(), id, next)
				}
			default:
				from := s.First() + random.Int64N(next-s.First()+1)
				want := maps.Clone(model)
				maps.DeleteFunc(want, func(n int64, _ string) bool { return n < from })
				wantRecords(t, readAll(t, s, from), want, "seed %d from %d", seed, from)
			}
		}
		s.Close()
	}
}

// TestRaise: numbers that were seen and are lost are not given again.
func TestRaise(t *testing.T) {
	set := settings(t.TempDir())
	s := mustOpen(t, set)
	mustAppend(t, s, group("", "a", "b"))
	if err := s.Raise(1); err != nil || s.Next() != 2 {
		t.Errorf("Raise(1): next %d, %v", s.Next(), err)
	}
	if err := s.Raise(10); err != nil {
		t.Fatal(err)
	}
	if first := mustAppend(t, s, group("", "c")); first != 10 {
		t.Errorf("after Raise(10): %d", first)
	}
	wantRecords(t, readAll(t, s, 0), map[int64]string{0: "a", 1: "b", 10: "c"}, "raised")
	s.Close()
	s = mustOpen(t, set)
	wantRecords(t, readAll(t, s, 0), map[int64]string{0: "a", 1: "b", 10: "c"}, "raised, opened again")
	if got := s.Stats().Corrupt; got != 0 {
		t.Errorf("%d numbers left out are counted as lost records", got)
	}
}

// FuzzBlocks reads any bytes as a segment's blocks: each that is taken for one has the bytes it would be written with.
func FuzzBlocks(f *testing.F) {
	g := group("key", "one", "two", strings.Repeat("three", 100))
	b, _ := g.appendBlock(nil, 0, 7)
	f.Add(b)
	f.Add(append(bytes.Clone(b), b...))
	f.Add(b[:len(b)-1])
	f.Add(appendKeys(nil, 0, func(yield func(string) bool) { _ = yield("a") && yield("bc") }))
	f.Add(make([]byte, 200))
	f.Fuzz(func(t *testing.T, segment []byte) {
		for _, reseal := range []bool{false, true} { // the second time, what is not whole only by its checksum is
			if reseal && len(segment) >= blockHeader {
				segment = bytes.Clone(segment)
				if n, ok := bodyLength(segment); ok && n <= len(segment)-blockHeader {
					binary.LittleEndian.PutUint32(segment, crc32.Checksum(segment[4:blockHeader+n], castagnoli))
				}
			}
			r := blockReader{file: bytes.NewReader(segment), limit: int64(len(segment))}
			for {
				at := r.pos
				k, err := r.next()
				if errors.Is(err, io.EOF) || errors.Is(err, errBlock) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				total := 0
				for i := range k.count {
					total += k.length(i)
				}
				k.eachKey(func([]byte) {})
				again := beginBlock(nil, k.time, k.first, k.count, len(k.key), k.flags)
				again = append(append(append(again, k.key...), k.lengths...), k.data...)
				endBlock(again, 0)
				original := segment[at:r.pos]
				again[31], original[31] = 0, 0
				if k.flags&flagKeys == 0 && total != len(k.data) || !bytes.Equal(again[4:], original[4:]) {
					t.Fatalf("block of %d records and %d bytes, lengths of %d: %x", k.count, len(k.data), total, original)
				}
			}
		}
	})
}
