package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
)

// TestDamagedCursor: a start goes on from the older of the cursor file's slots, or from nothing, says so, and comes to the same
// numbers; `state check` says beforehand what it will do.
func TestDamagedCursor(t *testing.T) {
	w := newWorld(t, 1200)
	w.addGraphite(strictgraphite.Options{})
	w.addElasticsearch()
	part := 0
	// round reads the next part, and kills gatemeter.
	round := func() {
		t.Helper()
		w.start()
		part++
		w.log.part(part, 4)
		w.settled()
		w.reaches(float64(2), "gatemeter_cursor_saves_total")
		w.process.Kill()
	}
	check := func(code int, want ...string) {
		t.Helper()
		args := []string{"state", "check", "-c", filepath.Join(w.dir, "gatemeter.yaml")}
		if code != 0 {
			fails(t, code, args, want...)
		} else if out, err := exec.Command(binary, args...).CombinedOutput(); err != nil || !strings.Contains(string(out), ": ok\n") {
			t.Errorf("%v: %s", err, out)
		}
	}
	path := func() string { return filepath.Join(w.config["data_dir"].(string), "cursors") }
	damage := func(both bool) {
		t.Helper()
		content, err := os.ReadFile(path())
		if err != nil {
			t.Fatal(err)
		}
		half := len(content) / 2
		newest, other := 0, half
		if sequence(content[half:]) > sequence(content) {
			newest, other = half, 0
		}
		content[newest+40] ^= 0x20
		if both {
			content[other+40] ^= 0x20
		}
		if err := os.WriteFile(path(), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	round()
	check(0)
	damage(false)
	check(1, "has checksum", "A start goes on from the slot at")
	round()
	w.said(1, "slot at", "has checksum")
	check(0)
	damage(true)
	check(1, "A start finds no cursor")
	round()
	w.said(1, "no slot is whole", "cursors.bad-1")
	if _, err := os.Stat(path() + ".bad-1"); err != nil {
		t.Error(err)
	}
	if err := os.Truncate(path(), 4200); err != nil {
		t.Fatal(err)
	}
	check(1, "cut off")
	round()
	check(0)
}

// sequence is the number of the save that a slot holds.
func sequence(slot []byte) (n uint64) {
	for i := range 8 {
		n |= uint64(slot[16+i]) << (8 * i)
	}
	return n
}
