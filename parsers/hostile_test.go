package parsers

import (
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// pieces are what a stranger might repeat to make a parser search again and again from each byte.
var pieces = []string{" ", `"`, `\`, `\"`, `" "`, "[", "]", ":", "/", ",", "\t", "|", "{", "=", `a="`, "a:b ", "%", "%25", "-", "0", "a", "<", "map[", " 0/0/0/0/0 ", "prefix=access-log "}

// hostile returns lines of about size bytes: a format's sample cut somewhere, and a piece again and again.
func hostile(sample string, size int) []string {
	var lines []string
	for _, cut := range []int{0, len(sample) / 3, len(sample) * 2 / 3, len(sample)} {
		for _, piece := range pieces {
			lines = append(lines, sample[:cut]+strings.Repeat(piece, size/len(piece)))
		}
	}
	return lines
}

// TestHostileLines reads lines on which a search that began anew at each byte would not end while anyone waits.
func TestHostileLines(t *testing.T) {
	for _, f := range Formats() {
		size := 64 << 10
		if f.Name == "regex" || f.Name == "grok" { // linear too, but slow
			size = 16 << 10
		}
		newParser, err := New(f.Spec(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		auto, err := New("auto", Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, a := newParser(), auto()
		for i, line := range hostile(f.Sample, size) {
			checkRecord(t, f.Name, one(p, line))
			if i%3 == 0 {
				checkRecord(t, "auto", one(a, line))
			}
		}
	}
}

// BenchmarkHostile reads, with each format, the line of 64 KiB that it takes longest for.
func BenchmarkHostile(b *testing.B) {
	for _, f := range Formats() {
		newParser, err := New(f.Spec(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		p := newParser()
		var worst string
		longest := time.Duration(0)
		for _, line := range hostile(f.Sample, 64<<10) {
			began := time.Now()
			for range 3 {
				one(p, line)
			}
			if took := time.Since(began); took > longest {
				worst, longest = line, took
			}
		}
		b.Run(f.Name, func(b *testing.B) {
			recs := [1]record.Record{}
			text := []byte(worst)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				p.Reset(nil)
				recs[0].Reset()
				recs[0].Line = text
				p.Parse(recs[:])
			}
		})
	}
}
