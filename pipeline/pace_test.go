package pipeline

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPace: a partition far ahead of one that is being caught up with is held back, until that one has come near, has nothing
// more, or has fallen silent.
func TestPace(t *testing.T) {
	script := newScript("fast", "slow")
	hold := func(name string) bool {
		time.Sleep(time.Second)
		synctest.Wait()
		return script.partitions[name].Hold.Load()
	}
	live(t, script, nil, func(w *world, p *Pipeline) {
		script.offsets = map[string]int64{}
		script.more("fast", 1000)
		script.more("slow", 1000)
		script.more("fast", 1050)
		if hold("fast") || hold("slow") {
			t.Error("held although the two are near")
		}
		script.more("fast", 1100)
		script.more("slow", 1001)
		if !hold("fast") || hold("slow") {
			t.Error("the one that is far ahead is not held, or the other is")
		}
		script.more("slow", 1090)
		script.more("slow", 1091)
		if hold("fast") {
			t.Error("held although the other has come near")
		}
		script.more("fast", 1300)
		script.more("slow", 1092)
		if !hold("fast") {
			t.Error("not held again")
		}
		time.Sleep(8 * time.Second)
		if hold("fast") {
			t.Error("held by one that is silent")
		}
		script.more("slow", 1093)
		script.more("slow", 1094)
		if !hold("fast") {
			t.Error("not held by one that goes on")
		}
		script.line("slow", 1095)
		if hold("fast") {
			t.Error("held by one that has nothing more")
		}
	})
}
