package file

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// TestHeaders reads a log whose header changes in it, in several runs that stop anywhere, with rotations plain and compressed: each
// line has the header before it in its own file, or of the file before.
func TestHeaders(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 12 {
		folder := t.TempDir()
		var log logBuffer
		s := settings(folder, &log, "access.log")
		s.Header = "#Fields:"
		path := filepath.Join(folder, "access.log")
		r := newRows(t)
		n, header, written, checked := 0, "", 0, 0
		more := func() string {
			var b strings.Builder
			for range 200 {
				if random.IntN(20) == 0 {
					header = fmt.Sprintf("#Fields: %d", random.IntN(4))
					b.WriteString(header + "\n")
					written++
				}
				fmt.Fprintf(&b, "%d %s\n", n, header)
				n, written = n+1, written+1
			}
			return b.String()
		}
		write(t, path, more())
		for i := range 4 {
			saved := r.cursors()
			if i > 0 {
				r.again(saved)
			}
			k := begin(t, s, saved, r)
			await(t, "the lines", func() bool { return r.count("") >= written })
			k.stop()
			w := r.row("")
			for j := checked; j < len(w.lines); j++ {
				_, want, isLine := strings.Cut(w.lines[j], " ")
				if strings.HasPrefix(w.lines[j], "#") || !isLine {
					continue
				}
				if got, _, _ := w.partition.Headers.At(w.offsets[j]); string(got) != want {
					t.Fatalf("run %d: line %d at %d, %q, has the header %q", i, j, w.offsets[j], w.lines[j], got)
				}
			}
			checked = len(w.lines)
			if i == 1 {
				rename(t, path, path+".1")
				if random.IntN(2) == 0 {
					compress(t, path+".1", ".gz")
				}
				write(t, path, more())
			} else {
				appendTo(t, path, more())
			}
		}
		if log.String() != "" {
			t.Errorf("logged:\n%s", log.String())
		}
	}
}
