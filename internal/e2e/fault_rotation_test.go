package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
)

// TestFaultRename: rotation by rename and create every 100 ms, under a server that never pauses.
func TestFaultRename(t *testing.T) {
	w := newWorld(t, size(20_000, 1_000_000))
	w.addGraphite(strictgraphite.Options{})
	w.addElasticsearch()
	p := w.newWriter()
	w.start()
	poured := p.pour(w.log.lines, 10_000)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	rotations := 0
	for done := false; !done; {
		select {
		case err := <-poured:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		case <-tick.C:
			p.rename(10_000) // on a busy machine nobody may read for as long as a few would last
			rotations++
		}
	}
	w.proven("rotation by rename and create each 100 ms", rotations)
	w.lostNothing()
}

// lostNothing wants no part of a log to be counted as lost.
func (w *world) lostNothing() {
	w.t.Helper()
	if n := w.metric(w.t, "gatemeter_file_losses_total"); n != 0 {
		w.t.Errorf("%v losses", n)
	}
	for _, m := range w.messages(w.t) {
		switch text := m["msg"].(string); { // these two a machine that is too busy may bring about
		case strings.HasPrefix(text, "a sink has no room for more records"), strings.HasPrefix(text, "stopped before every sink had everything"):
		default:
			w.t.Errorf("said %v", m)
		}
	}
	w.ready()
}

// TestFaultCopyTruncate: rotation by copytruncate. The server is held up between copy and cut, as else logrotate itself loses
// lines.
func TestFaultCopyTruncate(t *testing.T) {
	w := newWorld(t, size(15_000, 600_000))
	w.addGraphite(strictgraphite.Options{})
	w.addElasticsearch()
	p := w.newWriter()
	w.start()
	poured := p.pour(w.log.lines, 5_000)
	tick := time.NewTicker(time.Duration(size(500, 2000)) * time.Millisecond)
	defer tick.Stop()
	rotations := 0
	for done := false; !done; {
		select {
		case err := <-poured:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		case <-tick.C:
			p.copyTruncate(20, true)
			rotations++
		}
	}
	w.proven("rotation by copytruncate, the writer held up between copy and cut", rotations)
	for _, m := range w.messages(t) {
		if text := m["msg"].(string); !strings.HasPrefix(text, "log file was truncated") && !strings.HasPrefix(text, "a sink has no room for more records") {
			t.Errorf("said %v", m)
		}
	}
	if n := w.metric(t, "gatemeter_file_lost_bytes_total"); n != 0 {
		t.Errorf("%v bytes lost", n)
	}
}

// TestFaultCopyTruncateUnderLoad: the same under a server that never pauses. What logrotate leaves in the files is there once;
// what it does not was read in time, or not at all, and never twice.
func TestFaultCopyTruncateUnderLoad(t *testing.T) {
	w := newWorld(t, 0)
	w.addElasticsearch()
	lines := make([][]byte, size(15_000, 600_000))
	for i := range lines {
		lines[i] = []byte(oddLine(i*200/len(lines), "/line/"+strconv.Itoa(i), "200") + " 0.010 0.009\n")
	}
	p := w.newWriter()
	w.start()
	poured := p.pour(lines, 5_000)
	tick := time.NewTicker(time.Duration(size(500, 2000)) * time.Millisecond)
	defer tick.Stop()
	rotations := 0
	for done := false; !done; {
		select {
		case err := <-poured:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		case <-tick.C:
			p.copyTruncate(1000, false)
			rotations++
		}
	}
	left := map[int]int{} // lines that are in a file
	var text []byte
	for _, name := range rotated(p.path) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, b...)
	}
	for line := range bytes.Lines(text) {
		if i := marker(line); i >= 0 {
			left[i]++
		}
	}
	o := outcome{fault: "rotation by copytruncate under load: of what is in the files", trials: rotations, lines: len(left)}
	var stored map[int]int
	servers.Within(within, func() bool {
		o.lost, o.doubled, stored = 0, 0, map[int]int{}
		for _, d := range w.search.Docs() {
			if i := marker(d.Source); i >= 0 {
				stored[i]++
			}
		}
		for i := range left {
			if stored[i] == 0 {
				o.lost++
			}
		}
		for _, n := range stored {
			if n > 1 {
				o.doubled++
			}
		}
		return o.lost == 0
	})
	note(t, o)
	t.Logf("%d lines written, %d in the files, %d stored", len(lines), len(left), len(stored))
	if o.lost != 0 || o.doubled != 0 {
		t.Errorf("%d lost, %d doubled of %d lines that are in the files", o.lost, o.doubled, len(left))
	}
}

// marker returns the number in a path /line/N of a line or document, -1 when there is none whole.
func marker(text []byte) int {
	_, after, ok := bytes.Cut(text, []byte("/line/"))
	if !ok {
		return -1
	}
	end := bytes.IndexAny(after, ` "`)
	if end < 0 {
		return -1
	}
	n, err := strconv.Atoi(string(after[:end]))
	if err != nil {
		return -1
	}
	return n
}

// TestFaultRotatedWhileBehind: the log is rotated while Elasticsearch is away for so long that what it misses has to be read
// again, from files that have other names by then.
func TestFaultRotatedWhileBehind(t *testing.T) {
	for _, mode := range []string{"rename", "copytruncate"} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, size(35_000, 500_000))
			w.addGraphite(strictgraphite.Options{})
			w.addElasticsearch()
			w.search.KeepSources(0)
			p := w.newWriter()
			if err := p.write(bytes.Join(w.log.lines[:1000], nil)); err != nil {
				t.Fatal(err)
			}
			w.start()
			w.await(func() error {
				if got := w.search.Count(); got != 1000 {
					return fmt.Errorf("%d documents", got)
				}
				return nil
			})
			w.search.Leave()
			poured := p.pour(w.log.lines[1000:], 20_000)
			tick := time.NewTicker(300 * time.Millisecond)
			defer tick.Stop()
			rotations := 0
			for done := false; !done; {
				select {
				case err := <-poured:
					if err != nil {
						t.Fatal(err)
					}
					done = true
				case <-tick.C:
					if mode == "rename" {
						p.rename(1000)
					} else {
						p.copyTruncate(1000, true)
					}
					rotations++
				}
			}
			if err := w.search.Return(); err != nil {
				t.Fatal(err)
			}
			w.provenIDs("rotated by "+mode+" while Elasticsearch is away", rotations)
		})
	}
}

// TestFaultRotatedWhileDown: gatemeter is stopped, or killed, during three rotations, of which the oldest is compressed.
func TestFaultRotatedWhileDown(t *testing.T) {
	w := newWorld(t, size(6000, 60_000))
	w.addGraphite(strictgraphite.Options{})
	w.addElasticsearch()
	p := w.newWriter()
	random := rand.New(rand.NewPCG(6, 0))
	trials := size(4, 40)
	lines, total := w.log.lines, len(w.log.lines)
	part := func() {
		t.Helper()
		n := min(len(lines), random.IntN(2*total/trials/5))
		if err := p.write(bytes.Join(lines[:n], nil)); err != nil {
			t.Fatal(err)
		}
		lines = lines[n:]
	}
	for i := range trials {
		w.start()
		part()
		if i%2 == 0 {
			w.await(func() error { // else the stop comes wherever reading is
				if got, want := w.metric(t, "gatemeter_file_lag_bytes"), 0.0; got != want {
					return fmt.Errorf("%v bytes not read", got)
				}
				return nil
			})
			w.process.Stop()
		} else {
			w.process.Kill()
		}
		for range 3 {
			part()
			if i%3 == 2 {
				p.copyTruncate(200, true)
			} else {
				p.rename(200)
			}
		}
		part()
		p.compress(3)
	}
	if err := p.write(bytes.Join(lines, nil)); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.proven("down during three rotations, the oldest gzipped", trials)
	w.lostNothing()
}

// TestFaultInodeReused: a log is deleted and another made that may have its inode, while gatemeter runs and while it does not. The
// new one is read from its beginning, and nothing of it is passed over.
func TestFaultInodeReused(t *testing.T) {
	w := newWorld(t, 0)
	w.addElasticsearch()
	p := w.newWriter()
	trials, each, reused := size(6, 100), 100, 0
	o := outcome{fault: "a log deleted and made anew, with its inode", trials: trials, lines: trials * each}
	write := func(from, n int) {
		t.Helper()
		for i := range n {
			if err := p.write([]byte(oddLine(i, "/line/"+strconv.Itoa(from+i), "200") + " 0.010 0.009\n")); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.start()
	for i := range trials {
		write(i*each, each/2+i%3) // the new file is shorter than the old one, or longer
		w.await(func() error {
			if got, want := w.search.Count(), i*each+each/2+i%3; got != want {
				return fmt.Errorf("%d documents, want %d", got, want)
			}
			return nil
		})
		down := i%2 == 0
		if down {
			w.process.Stop()
		}
		before := inodeOf(t, p.path)
		_ = p.file.Close() // only then is the inode free; a live gatemeter may still hold it
		p.file = nil
		if err := os.Remove(p.path); err != nil {
			t.Fatal(err)
		}
		if takeInode(t, p.path, before) {
			reused++
		}
		p.reopen()
		write(i*each+each/2+i%3, each/2-i%3)
		if down {
			w.start()
		}
		w.await(func() error {
			if got, want := w.search.Count(), (i+1)*each; got != want {
				return fmt.Errorf("trial %d: %d documents, want %d", i, got, want)
			}
			return nil
		})
	}
	stored := map[int]int{}
	for _, d := range w.search.Docs() {
		stored[marker(d.Source)]++
	}
	for i := range o.lines {
		if stored[i] == 0 {
			o.lost++
		} else if stored[i] > 1 {
			o.doubled++
		}
	}
	note(t, o)
	t.Logf("the inode was the same %d times", reused)
	if o.lost != 0 || o.doubled != 0 {
		t.Errorf("%d lines lost, %d doubled", o.lost, o.doubled)
	}
}

// takeInode makes files until one has the inode, which then gets the name path, and reports whether one has.
func takeInode(t *testing.T, path string, inode uint64) bool {
	t.Helper()
	for i := range 100 {
		name := fmt.Sprintf("%s/made-%d", filepath.Dir(path), i)
		appendTo(t, name, nil)
		defer os.Remove(name)
		if inodeOf(t, name) == inode {
			if err := os.Rename(name, path); err != nil {
				t.Fatal(err)
			}
			return true
		}
	}
	return false
}

func inodeOf(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// TestFaultAlike: logs that begin with the same bytes, that have a line only, and that grow byte by byte.
func TestFaultAlike(t *testing.T) {
	w := newWorld(t, 200)
	w.addGraphite(strictgraphite.Options{})
	w.addElasticsearch()
	dir := filepath.Dir(w.log.path)
	w.job.Partitions = nil
	w.job.Amend = 120 // no log is late for another's sake
	w.config["metrics"].(object)["amend"] = "120s"
	w.config["sources"].(object)["edge"].(object)["paths"] = []string{filepath.Join(dir, "*.log")}
	if err := os.Remove(w.log.path); err != nil {
		t.Fatal(err)
	}
	head := bytes.Join(w.log.lines[:30], nil) // more than 4 KiB
	log := func(name string, texts ...[]byte) string {
		path := filepath.Join(dir, name)
		w.job.Partitions = append(w.job.Partitions, partition{
			Source: "edge", Reader: "nginx_text", Format: generatedTimed, Shard: shard, Path: path, Files: []string{path},
		})
		appendTo(t, path, bytes.Join(texts, nil))
		return path
	}
	for i := range size(10, 100) {
		log(fmt.Sprintf("alike-%d.log", i), head, w.log.lines[30+i])
		log(fmt.Sprintf("single-%d.log", i), w.log.lines[0])
	}
	growing := log("growing.log")
	w.start()
	for i := range size(3, 30) {
		for _, b := range w.log.lines[i] {
			appendTo(t, growing, []byte{b})
		}
	}
	w.proven("logs alike in their first 4 KiB, of one line, growing by bytes", len(w.job.Partitions))
	w.process.Kill()
	w.start()
	for i := range 10 {
		appendTo(t, filepath.Join(dir, fmt.Sprintf("alike-%d.log", i)), w.log.lines[100+i])
	}
	w.settled()
	w.lostNothing()
}

// TestFaultReplay: a log that was read as it was written, and the same one plain and compressed on the day after, come to the
// same bytes in Graphite.
func TestFaultReplay(t *testing.T) {
	w := newWorld(t, size(5000, 200_000))
	w.addGraphite(strictgraphite.Options{})
	p := w.newWriter()
	w.start()
	for i := range 5 {
		poured := p.pour(w.log.lines[i*len(w.log.lines)/5:(i+1)*len(w.log.lines)/5], 20_000)
		if err := <-poured; err != nil {
			t.Fatal(err)
		}
		p.rename(20)
	}
	w.proven("live, and again from plain and compressed files", 3)
	w.process.Stop()
	live := w.graphite.Values()
	f := func(name string, prepare func()) {
		prepare()
		again := newSerialWorld(t, 0)
		again.job = w.job
		again.config["sources"] = object{"edge": object{"type": "file", "paths": []string{p.path + "*"}, "format": generatedTimed}}
		again.config["metrics"] = w.config["metrics"]
		again.addGraphite(strictgraphite.Options{})
		again.instance = newInstance(t, again.config)
		if err := servers.Start(t, again.command("--once")).Wait(within); err != nil {
			t.Fatalf("run --once of %s: %v", name, err)
		}
		want, got := lines(live), ""
		if !servers.Within(within, func() bool { got = lines(again.graphite.Values()); return got == want }) { // it may still be reading
			t.Errorf("%s: other bytes than live: %d and %d", name, len(got), len(want))
		}
	}
	f("plain files", func() {})
	f("compressed files", func() {
		for i := 1; i <= 5; i++ {
			p.compress(i)
		}
	})
}

// lines returns values as sorted text.
func lines(values map[string]map[int64]string) string {
	text, err := json.Marshal(values) // which sorts
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return strings.ReplaceAll(string(text), ",", "\n")
}
