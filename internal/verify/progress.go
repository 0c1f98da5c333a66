package verify

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Bar is a progress bar on a terminal. It belongs to one goroutine.
type Bar struct {
	out    io.Writer
	now    func() time.Time
	begun  time.Time
	drawn  time.Time
	shown  bool
	length int
}

// NewBar returns a bar that is drawn on out, ten times a second at most.
func NewBar(out io.Writer, now func() time.Time) *Bar {
	return &Bar{out: out, now: now, begun: now(), length: 30}
}

// Show draws how far it is.
func (b *Bar) Show(done, total int64) {
	now := b.now()
	if total <= 0 || now.Sub(b.drawn) < 100*time.Millisecond {
		return
	}
	b.drawn, b.shown = now, true
	share := min(float64(done)/float64(total), 1)
	full := int(share * float64(b.length))
	left := ""
	if spent := now.Sub(b.begun); share > 0.02 && spent > 2*time.Second {
		left = ", " + time.Duration(float64(spent)*(1/share-1)).Round(time.Second).String() + " left"
	}
	fmt.Fprintf(b.out, "\r\x1b[K[%s%s] %3.0f %%%s", strings.Repeat("#", full), strings.Repeat(".", b.length-full), 100*share, left)
}

// Clear takes the bar away.
func (b *Bar) Clear() {
	if b.shown {
		fmt.Fprint(b.out, "\r\x1b[K")
		b.shown = false
	}
}
