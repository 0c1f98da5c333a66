package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
	strictstatsd "github.com/gatemeter/gatemeter/internal/strict/statsd"
)

// disk is a place for data_dir that can be made to take nothing more. The space of a cursor file is taken when it is made, so
// that a full disk is felt only when a larger one, or another, is needed: fill moves it aside, to where it is at last.
type disk struct {
	dir, aside string
	fill, free func()
}

// newDisk mounts a file system of a megabyte. Where that is not allowed a folder stands in for it in which, once it is full, no
// file can take the cursors' name.
func newDisk(t *testing.T) disk {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	cursors, aside := filepath.Join(dir, "data/cursors"), filepath.Join(dir, "aside")
	if err := syscall.Mount("gatemeter", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Logf("no file system of our own (%v)", err)
		return disk{
			dir: filepath.Join(dir, "data"), aside: aside,
			fill: func() {
				must(os.Rename(cursors, aside))
				must(os.Mkdir(cursors, 0o700))
			},
			free: func() { must(os.Remove(cursors)) },
		}
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", "-l", dir).Run(); err != nil {
			t.Errorf("umount: %v", err)
		}
	})
	filler := filepath.Join(dir, "filler")
	return disk{
		dir: filepath.Join(dir, "data"), aside: aside,
		fill: func() {
			must(os.Rename(cursors, aside))
			f, err := os.Create(filler)
			must(err)
			_, err = io.Copy(f, zeros{})
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("fill the disk: %v", err)
			}
			must(f.Close())
		},
		free: func() { must(os.Remove(filler)) },
	}
}

// zeros is read without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// TestFaultFullDisk: without room for the cursor gatemeter goes on, says so once, and confirms nothing that is not kept: what must
// be saved before it is sent waits. When there is room again all goes on by itself; a kill in the midst costs nothing.
func TestFaultFullDisk(t *testing.T) {
	w := newWorld(t, 3000)
	w.addGraphite(strictgraphite.Options{})
	w.addStatsD(strictstatsd.Options{Network: "tcp"})
	w.addElasticsearch()
	d := newDisk(t)
	w.instance = newInstance(t, w.config)
	w.config["data_dir"] = d.dir
	w.write(t, "gatemeter.yaml", w.config)
	w.start()
	w.log.part(1, 4)
	w.settled()

	d.fill()
	before := w.statsd.Stats().Lines
	w.log.part(2, 4)
	s := w.statsd
	w.statsd = nil
	w.settled()
	w.statsd = s
	w.reaches(3, "gatemeter_cursor_save_failures_total")
	w.ready("state")
	w.said(1, "cursor not saved")
	w.said(1)
	if got := s.Stats().Lines; got != before {
		t.Errorf("StatsD got %d lines whose sending is not saved", got-before)
	}
	d.free()
	w.settled()
	w.ready()
	w.said(1)

	d.fill()
	w.log.part(3, 4)
	w.reaches(1, "gatemeter_sink_queued_panes", `sink="statsd"`)
	w.await(func() error {
		if w.search.Count() != w.log.next {
			return fmt.Errorf("Elasticsearch has %d documents", w.search.Count())
		}
		return nil
	})
	w.process.Kill()
	d.free()
	if err := os.Rename(d.aside, filepath.Join(d.dir, "cursors")); err != nil {
		t.Fatal(err)
	}
	w.process.Start()
	w.log.part(4, 4)
	w.proven("the disk of data_dir full, and a kill meanwhile", 2)
	w.ready()
}
