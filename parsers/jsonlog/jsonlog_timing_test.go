package jsonlog

import (
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// BenchmarkParse reads the first golden line of each format.
func BenchmarkParse(b *testing.B) {
	all := lines(b)
	for _, name := range Names() {
		b.Run(name, func(b *testing.B) {
			p, line := New(Compile(name)), []byte(all[name][0])
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			var recs [1]record.Record
			for b.Loop() {
				p.Reset(nil)
				recs[0].Reset()
				recs[0].Line = line
				p.Parse(recs[:])
			}
		})
	}
}

// BenchmarkDetect tells the same lines apart.
func BenchmarkDetect(b *testing.B) {
	all := lines(b)
	d := NewDetector(NewSigns())
	for _, name := range Names() {
		b.Run(name, func(b *testing.B) {
			line := []byte(all[name][0])
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				d.Detect(line)
			}
		})
	}
}

// hostile are lines of 64 KiB that are as much work as can be.
var hostile = map[string]string{
	"unknown":  `{"a":"b"` + strings.Repeat(`,"k":"v"`, 8000) + `}`,
	"known":    `{"a":"b"` + strings.Repeat(`,"status":200`, 5000) + `}`,
	"nested":   `{"a":"b"` + strings.Repeat(`,"request":{"headers":{}}`, 2600) + `}`,
	"dots":     `{"a":"b"` + strings.Repeat(`,"http.request.method.x.y.z":1`, 2100) + `}`,
	"one key":  `{"` + strings.Repeat("a.", 32000) + `":1}`,
	"one path": `{"http.` + strings.Repeat("request.", 8000) + `":1}`,
	"folded":   `{"a":"b"` + strings.Repeat(`,"`+strings.Repeat("S-", 31)+`":1`, 960) + `}`,
	"escapes":  `{"b3":"` + strings.Repeat(`\u0041/`, 9000) + `"}`,
	"list":     `{"attributes":[{}` + strings.Repeat(`,{"key":"a","value":{"a":1}}`, 2300) + `]}`,
	"forwards": `{"x_forwarded_for":"` + strings.Repeat("10.0.0.1, ", 6400) + `"}`,
	"braces":   strings.Repeat(`{`, 64000),
	"braced":   `time=` + strings.Repeat(`{x`, 32000),
	"deep":     strings.Repeat(`{"a":`, 64) + strings.Repeat(" ", 64000),
	"number":   `{"duration":` + strings.Repeat("9", 64000) + `}`,
}

// BenchmarkHostile reads them by every format, and tells them apart.
func BenchmarkHostile(b *testing.B) {
	for name, text := range hostile {
		b.Run(name, func(b *testing.B) {
			line := []byte(text)
			var all []*Parser
			for _, name := range Names() {
				all = append(all, New(Compile(name)))
			}
			d := NewDetector(NewSigns())
			b.SetBytes(int64(len(line) * (len(all) + 1)))
			var recs [1]record.Record
			for b.Loop() {
				d.Detect(line)
				for _, p := range all {
					p.Reset(nil)
					recs[0].Reset()
					recs[0].Line = line
					p.Parse(recs[:])
				}
			}
		})
	}
}
