package parsers

import (
	"bytes"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/bench/loggen"
	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// BenchmarkGenerated reads generated lines, no two alike, in chunks as a worker does: unlike a sample read again and again they
// are as hard to predict for a processor as a real log.
func BenchmarkGenerated(b *testing.B) {
	f := func(name, format, escape string, of loggen.Format) {
		b.Run(name, func(b *testing.B) {
			newParser, err := New(format, Options{Escape: escape})
			if err != nil {
				b.Fatal(err)
			}
			p := newParser()
			g := loggen.New(loggen.Options{Format: of, Seed: 1, Start: time.Unix(1767225600, 0)})
			var lines [][]byte
			size := 0
			for range 64 * pipeline.ChunkLines {
				line := bytes.TrimRight(g.Append(nil), "\n")
				lines = append(lines, line)
				size += len(line)
			}
			var recs [pipeline.ChunkLines]record.Record
			bad := 0
			for i := range lines {
				r := &recs[0]
				r.Reset()
				r.Line = lines[i]
				p.Parse(recs[:1])
				if r.Reason != record.None {
					bad++
				}
			}
			if bad > len(lines)/100 {
				b.Fatalf("%d of %d lines are malformed", bad, len(lines))
			}
			b.SetBytes(int64(size / len(lines)))
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ { // an operation is a line
				i := n % len(lines) % pipeline.ChunkLines
				recs[i].Reset()
				recs[i].Line = lines[n%len(lines)]
				if i == pipeline.ChunkLines-1 {
					p.Reset(nil)
					p.Parse(recs[:])
				}
			}
		})
	}
	f("nginx_timed", "nginx_timed", "", loggen.NginxTimed)
	f("nginx_timed/auto", "auto", "", loggen.NginxTimed)
	f("kong", "kong", "", loggen.Kong)
	f("kong/auto", "auto", "", loggen.Kong)
	f("nginx_json", loggen.NginxJSONLogFormat, "json", loggen.NginxJSON)
}
