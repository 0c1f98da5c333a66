package file

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRotations(t *testing.T) {
	f := func(name string, want ...string) {
		t.Helper()
		var got []string
		for _, r := range rotations(name) {
			got = append(got, fmt.Sprintf("%s %d %s", r.live, r.mark.number, r.mark.date))
		}
		if strings.Join(got, "; ") != strings.Join(want, "; ") {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	f("access.log")
	f("access.log.1", "access.log 2 ")
	f("access.log.0", "access.log 1 ")
	f("access.log.42", "access.log 43 ")
	f("access.log.123456")
	f("access.log-20261121", "access.log 0 20261121")
	f("access.log-20261121-1763712000", "access.log 0 202611211763712000")
	f("access.log-20261121.1", "access.log 0 202611211")
	f("access.log-1763712000", "access.log 0 1763712000")
	f("access.log.2026-11-21", "access.log 0 20261121")
	f("access.log.2026-11-21.3", "access.log 0 202611213")
	f("access.log_2026-11-21_23", "access.log 0 2026112123")
	f("access.log.20261121T101112Z", "access.log 0 20261121101112")
	f("access.1.log", "access.log 2 ")
	f("access-20261121.log", "access.log 0 20261121")
	f("access-2026-11-21T10-00-00.000.log", "access.log 0 20261121100000000")
	f("access-20261321.log")
	f("access-20261100.log")
	f("access-30261121.log")
	f("server-1.log")
	f("server1")
	f(".1")
	f("1")
	f("")
	f("a.")
	f("a-.1", "a- 2 ")
	f("v1.2", "v1 3 ")
}

// FuzzRotations: whatever the name, the live name is a proper part of it and is itself shorter.
func FuzzRotations(f *testing.F) {
	for _, s := range []string{"access.log.1", "access-20261121.log", "a.1.b", "..1", "-20261121", "a-20261121-", "a.log.00000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		plain, _ := splitCodec(name)
		if plain == "" && name != "" {
			t.Fatalf("%q: nothing left", name)
		}
		for _, r := range rotations(name) {
			if len(r.live) >= len(name) || r.live == "" || !strings.HasPrefix(name, r.live[:1]) {
				t.Fatalf("%q: live name %q", name, r.live)
			}
			if (r.mark.number == 0) == (r.mark.date == "") {
				t.Fatalf("%q: mark %+v", name, r.mark)
			}
		}
	})
}

func TestOrderOfRotations(t *testing.T) {
	f := func(files ...string) {
		t.Helper()
		var list []entry
		for _, s := range files {
			var age int
			var name string
			if _, err := fmt.Sscanf(s, "%s %d", &name, &age); err != nil {
				t.Fatal(err)
			}
			plain, c := splitCodec(name)
			e := entry{path: name, plain: plain, codec: c, live: "log", info: info{mtime: int64(-age) * int64(time.Second)}}
			if r := rotations(plain); len(r) > 0 {
				e.mark = r[0].mark
			}
			list = append([]entry{e}, list...)
		}
		sortOldestFirst(list)
		var got []string
		for _, e := range list {
			got = append(got, fmt.Sprintf("%s %d", e.path, -e.mtime/int64(time.Second)))
		}
		if strings.Join(got, ",") != strings.Join(files, ",") {
			t.Errorf("%q, want %q", got, files)
		}
	}
	f("log.3.gz 30", "log.2.gz 20", "log.1 10", "log 0")
	f("log.10 9", "log.9 9", "log.1 9", "log 9")         // copied without their times
	f("log.1 30", "log.2 20", "log.3 10", "log 0")       // higher numbers are newer: some other tool's
	f("log.3 30", "log.2 40", "log.1 20", "log 50")      // a clock that was set
	f("log-20261119 5", "log-20261120 9", "log 9")       // dates do not lie
	f("log-20261119 9", "log.1 5", "log 0")              // two ways: by time
	f("log.gz 5", "log 0")                               //
	f("log-20261119 9", "log-20261119-1100 9", "log 99") //
}

// TestCompressedByAnotherName: such a file is read as the text that it is not, and that is said.
func TestCompressedByAnotherName(t *testing.T) {
	text := numbered(0, 2000)
	for _, ending := range []string{".gz", ".zst"} {
		folder, log := t.TempDir(), &logBuffer{}
		write(t, filepath.Join(folder, "access.log"), compressed(t, text, ending))
		once(t, settings(folder, log, "*.log"), nil)
		if log.count("should end in .gz or .zst") != 1 {
			t.Errorf("%s: the log says\n%s", ending, log)
		}
	}
	folder, log := t.TempDir(), &logBuffer{}
	write(t, filepath.Join(folder, "access.log"), text)
	once(t, settings(folder, log, "*.log"), nil)
	if log.count("compressed") != 0 {
		t.Errorf("of a text the log says\n%s", log)
	}
}
