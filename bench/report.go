package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is what is written at the end.
type report struct {
	about   []string
	tables  []*table
	startup []time.Duration // ordered
}

// table is the runs of some tools on one input; the first is `wc -l`, the second gatemeter: the others are compared with both.
type table struct {
	in      *input
	tools   []*tool
	counted []int64
	runs    [][]*measured // by tool, then round
}

func newTable(in *input, tools []*tool) *table {
	return &table{in: in, tools: tools, counted: make([]int64, len(tools)), runs: make([][]*measured, len(tools))}
}

// describe notes what was timed and where.
func (r *report) describe(ctx context.Context, o *options) error {
	info, err := os.Stat(o.binary)
	if err != nil {
		return err
	}
	built, err := buildinfo.ReadFile(o.binary)
	if err != nil {
		return fmt.Errorf("read what %s was built from: %w", o.binary, err)
	}
	version, err := exec.CommandContext(ctx, o.binary, "version").Output()
	if err != nil {
		return fmt.Errorf("ask %s for its version: %w", o.binary, err)
	}
	first, _, _ := strings.Cut(string(version), "\n")
	kernel, _ := exec.CommandContext(ctx, "uname", "-r").Output() // "" does no harm
	r.about = []string{
		strings.TrimSpace(first),
		fmt.Sprintf("binary %.2f MB, %s", float64(info.Size())/1e6, built.GoVersion),
		fmt.Sprintf("%s, %d processors, Linux %s", processor(), runtime.NumCPU(), strings.TrimSpace(string(kernel))),
		fmt.Sprintf("%s, %d rounds, load average at the start %s", time.Now().UTC().Format("2006-01-02 15:04 UTC"), o.rounds, load()),
	}
	return nil
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

func (r *report) markdown() string {
	var b strings.Builder
	b.WriteString("# Benchmark\n\n")
	for _, line := range append(r.about, "load average at the end "+load()) {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	b.WriteString("\nCPU is user and system time of the whole process, start to exit; figures are medians, ratios are taken within\n" +
		"each round and given as minimum, median and maximum.\n")
	for _, t := range r.tables {
		t.write(&b)
	}
	if n := len(r.startup); n > 0 {
		fmt.Fprintf(&b, "\n## Start to first line read\n\nminimum %s, median %s, maximum %s ms\n", millis(r.startup[0]),
			millis(r.startup[n/2]), millis(r.startup[n-1]))
	}
	return b.String()
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1e3) }

func (t *table) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s, %.0f MB, %d lines of %.0f bytes\n\n", t.in.format, float64(t.in.bytes)/1e6, t.in.lines,
		float64(t.in.bytes)/float64(t.in.lines))
	b.WriteString("| | does | counted | CPU µs a line | CPU s | wall s | lines/s | MB/s | peak MiB | CPU, in `wc -l` | CPU, in gatemeter |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|\n")
	for i, tool := range t.tools {
		cpu := t.median(i, func(m *measured) float64 { return m.cpu.Seconds() })
		wall := t.median(i, func(m *measured) float64 { return m.wall.Seconds() })
		peak := t.median(i, func(m *measured) float64 { return float64(m.peak) / (1 << 20) })
		memory := "–" // it ended before it was looked at
		if peak > 0 {
			memory = fmt.Sprintf("%.0f", peak)
		}
		fmt.Fprintf(b, "| %s | %s | %d | %.3f | %.2f | %.2f | %.0f | %.0f | %s | %s | %s |\n", tool.name, tool.does, t.counted[i],
			cpu/float64(t.in.lines)*1e6, cpu, wall, float64(t.in.lines)/wall, float64(t.in.bytes)/1e6/wall, memory, t.ratio(i, 0), t.ratio(i, 1))
	}
}

func (t *table) median(tool int, of func(*measured) float64) float64 {
	_, median, _ := spread(len(t.runs[tool]), func(round int) float64 { return of(t.runs[tool][round]) })
	return median
}

// ratio returns how many times the CPU time of other this tool took, round by round.
func (t *table) ratio(tool, other int) string {
	low, median, high := spread(len(t.runs[tool]), func(round int) float64 {
		return t.runs[tool][round].cpu.Seconds() / t.runs[other][round].cpu.Seconds()
	})
	return fmt.Sprintf("%.3g %.3g %.3g", low, median, high)
}

// spread returns the minimum, the median and the maximum of n values.
func spread(n int, value func(int) float64) (low, median, high float64) {
	all := make([]float64, n)
	for i := range all {
		all[i] = value(i)
	}
	slices.Sort(all)
	return all[0], (all[(n-1)/2] + all[n/2]) / 2, all[n-1]
}
