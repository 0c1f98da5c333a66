package stdin

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

const maxLine = 20

func settings(in io.Reader) Settings {
	return Settings{Name: "in", Shard: "web1", In: in, Pool: batch.NewPool(64, 4*64), Nonce: "n1", MaxLine: maxLine}
}

// line is a line as it came out, or one that was skipped.
type line struct {
	Offset   int64
	Text     string
	Oversize bool
}

// lines runs a source of s and returns what it sent, and its partition.
func lines(t *testing.T, s Settings) ([]line, *batch.Partition, error) {
	t.Helper()
	src, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := src.Open(t.Context(), nil); err != nil || len(opened) != 0 {
		t.Fatalf("Open returned %v, %v", opened, err)
	}
	out, failed := make(chan *batch.Batch), make(chan error, 1)
	go func() {
		failed <- src.Run(t.Context(), out)
		close(out)
	}()
	var got []line
	var next int64
	var partition *batch.Partition
	ended := false
	for b := range out {
		if ended {
			t.Error("a batch after the last")
		}
		ended, partition = b.Ended, b.Partition
		if b.First != next || partition.ID == "" {
			t.Errorf("batch at %d of partition %q, want at %d", b.First, partition.ID, next)
		}
		if b.Oversize > 0 {
			got = append(got, line{b.First, "", true})
		} else if b.Next != b.First+int64(len(b.Data)) {
			t.Errorf("%d bytes from %d to %d", len(b.Data), b.First, b.Next)
		}
		at := b.First
		for text := range strings.Lines(string(b.Data)) {
			got = append(got, line{at, text, false})
			at += int64(len(text))
		}
		next = b.Next
		b.Release()
	}
	err = <-failed
	if ended != (err == nil) {
		t.Errorf("ended %v with error %v", ended, err)
	}
	return got, partition, err
}

// want returns the lines of text, slowly. Lines that a buffer holds may come out whole although they are too long: those the
// pipeline sets aside.
func want(text string, tooLong func(offset int64) bool) []line {
	var all []line
	var at int64
	for l := range strings.Lines(text) {
		if tooLong(at) {
			all = append(all, line{at, "", true})
		} else {
			all = append(all, line{at, l, false})
		}
		at += int64(len(l))
	}
	return all
}

func TestLines(t *testing.T) {
	f := func(text string) {
		t.Helper()
		for name, in := range map[string]io.Reader{
			"at once":       strings.NewReader(text),
			"byte by byte":  iotest.OneByteReader(strings.NewReader(text)),
			"end with data": iotest.DataErrReader(strings.NewReader(text)),
			"halves":        iotest.HalfReader(strings.NewReader(text)),
		} {
			got, _, err := lines(t, settings(in))
			if err != nil {
				t.Fatal(err)
			}
			over := map[int64]bool{}
			for _, l := range got {
				if over[l.Offset] = l.Oversize; !l.Oversize {
					continue
				}
				if bad := text[l.Offset:]; len(strings.TrimSuffix(strings.SplitAfterN(bad, "\n", 2)[0], "\n")) <= maxLine {
					t.Errorf("%s: skipped %q", name, bad)
				}
			}
			if diff := cmp.Diff(want(text, func(at int64) bool { return over[at] }), got); diff != "" {
				t.Errorf("%s: %q\n%s", name, text, diff)
			}
		}
	}
	f("")
	f("\n")
	f("a")
	f("a\nb\n")
	f("a\r\n\r\nb")
	f("\x00\xff\n\n\n")
	f(strings.Repeat("0123456789\n", 100))
	f(strings.Repeat("x", 63) + "\n")
	f(strings.Repeat("x", 64) + "\na\nb\n")
	f(strings.Repeat("x", 65) + "\na\nb")
	f(strings.Repeat("x", 10_000) + "\n" + strings.Repeat("y", 1000))
	f("a\n" + strings.Repeat("x", 128) + "\n\n" + strings.Repeat("y", 500) + "\nb")
	f(strings.Repeat("x", maxLine) + "\n" + strings.Repeat("y", maxLine) + "\r\n")

	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var b strings.Builder
		for range random.IntN(20) {
			b.WriteString(strings.Repeat("z", random.IntN(random.IntN(200)+1)))
			b.WriteByte('\n')
		}
		b.WriteString(strings.Repeat("e", random.IntN(3)*random.IntN(50)))
		f(b.String())
	}
}

// TestID: the id tells runs apart, and the same run's streams by their first line.
func TestID(t *testing.T) {
	id := func(change func(*Settings), text string) string {
		t.Helper()
		s := settings(iotest.OneByteReader(strings.NewReader(text)))
		change(&s)
		_, p, err := lines(t, s)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^[0-9a-f]{24}$`).MatchString(p.ID) {
			t.Errorf("id %q", p.ID)
		}
		return p.ID
	}
	same := func(*Settings) {}
	base := id(same, "a\nb\n")
	if base != id(same, "a\nc\n") || base != id(same, "a") {
		t.Error("more than the first line is in the id")
	}
	// printf 'web1\0in\0-\0n1\0a' | sha256sum | head -c 24
	if want := "913353cec45acfcc87e03d28"; base != want {
		t.Errorf("got id %s, want %s", base, want)
	}
	for name, other := range map[string]string{
		"first line": id(same, "b\n"),
		"nonce":      id(func(s *Settings) { s.Nonce = "n2" }, "a\n"),
		"shard":      id(func(s *Settings) { s.Shard = "web2" }, "a\n"),
		"source":     id(func(s *Settings) { s.Name = "other" }, "a\n"),
	} {
		if other == base {
			t.Errorf("%s is not in the id", name)
		}
	}
}

func TestReadFails(t *testing.T) {
	broken := errors.New("broken pipe")
	in := io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken))
	got, _, err := lines(t, settings(in))
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "offset 3") {
		t.Errorf("got error %v", err)
	}
	if diff := cmp.Diff([]line{{0, "a\n", false}}, got); diff != "" {
		t.Error(diff)
	}
}

// TestStops: the end of ctx ends a source that waits for bytes, for a buffer, or for its batch to be taken.
func TestStops(t *testing.T) {
	f := func(in io.Reader, take int) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		s := settings(in)
		src, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		out, done := make(chan *batch.Batch), make(chan error, 1)
		go func() { done <- src.Run(ctx, out) }()
		for range take {
			<-out // and not released
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		select {
		case <-out:
			t.Error("a batch after Run had returned")
		default:
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer r.Close()
	if _, err := w.WriteString("a\nhalf"); err != nil {
		t.Fatal(err)
	}
	f(r, 1)                         // takes deadlines
	blocked, unblock := io.Pipe()   // does not
	defer unblock.Close()           // its Read returns now
	f(blocked, 0)                   // waits for bytes
	f(endless{}, 0)                 // waits for its batch to be taken
	f(endless{}, 4)                 // waits for a buffer
	f(iotest.ErrReader(nil), 0)     // reads nothing, without end
	f(strings.NewReader("a\nb"), 0) // could end by itself
}

// endless is a stream of lines.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '\n'
	}
	return len(b), nil
}

func TestSettingsRefused(t *testing.T) {
	f := func(change func(*Settings), text string) {
		t.Helper()
		s := settings(strings.NewReader(""))
		change(&s)
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want …%s…", err, text)
		}
	}
	f(func(s *Settings) { s.In = nil }, "stream")
	f(func(s *Settings) { s.Pool = nil }, "pool")
	f(func(s *Settings) { s.Nonce = "" }, "nonce")
	f(func(s *Settings) { s.MaxLine = 63 }, "does not fit")
	f(func(s *Settings) { s.MaxLine = -1 }, "does not fit")
	f(func(s *Settings) { s.MaxLine = 0 }, "does not fit") // 64 KiB into 64 bytes
}
