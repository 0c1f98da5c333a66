package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// options is the command line.
type options struct {
	binary   string
	data     string // folder of the inputs
	results  string // folder
	name     string // of the result
	size     int64  // of an input for gatemeter and the tools that are near it, bytes
	peerSize int64  // of an input for the peers, which are slower
	peers    string // folder of their binaries; empty: none
	rounds   int
	formats  []string

	profilePath string // write a profile of the binary there, in place of timing it
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (*options, error) {
	o := &options{}
	var size, peerSize, formats string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.binary, "binary", "bin/gatemeter", "the binary to time")
	f.StringVar(&o.data, "data", "bench/data", "folder of the generated logs")
	f.StringVar(&o.results, "results", "bench/results", "folder of the results; empty: print only")
	f.StringVar(&o.name, "name", "latest", "name of the result's file")
	f.StringVar(&size, "size", "1GB", "size of each log")
	f.StringVar(&peerSize, "peer-size", "200MB", "size of the logs that slower tools are timed on, gatemeter beside them")
	f.StringVar(&o.peers, "peers", os.Getenv("PEERS"), "folder with vector, fluent-bit, prometheus-nginxlog-exporter")
	f.IntVar(&o.rounds, "rounds", 5, "how often each tool is timed")
	f.StringVar(&formats, "formats", "nginx_timed,kong", "formats, as `gatemeter gen` names them")
	f.StringVar(&o.profilePath, "profile", "", "time nothing: write a profile of the binary, for the compiler, to this file")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	o.formats = strings.Split(formats, ",")
	var err error
	if o.size, err = parseSize(size); err != nil {
		return nil, err
	}
	if o.peerSize, err = parseSize(peerSize); err != nil {
		return nil, err
	}
	if o.rounds < 1 || o.rounds > 100 {
		return nil, fmt.Errorf("%d rounds: 1 to 100 can be had", o.rounds)
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "gatemeter-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	sinks, err := listen()
	if err != nil {
		return err
	}
	defer sinks.close()
	b := &bench{options: o, scratch: scratch, sinks: sinks}
	if o.profilePath != "" {
		return b.profile(ctx)
	}
	r := &report{}
	if err := r.describe(ctx, o); err != nil {
		return err
	}
	for _, format := range o.formats {
		for _, group := range []struct {
			size  int64
			tools []*tool
		}{{o.size, b.near(format)}, {o.peerSize, b.far(format)}} {
			if len(group.tools) < 3 {
				continue // nobody to compare with
			}
			in, err := makeInput(ctx, o, format, group.size)
			if err != nil {
				return err
			}
			if err := b.compare(ctx, r, in, group.tools); err != nil {
				return fmt.Errorf("%s: %w", format, err)
			}
		}
	}
	if r.startup, err = b.startup(ctx, o.rounds); err != nil {
		return err
	}
	text := r.markdown()
	if _, err := io.WriteString(out, text); err != nil || o.results == "" {
		return err
	}
	if err := os.MkdirAll(o.results, 0o755); err != nil {
		return err
	}
	return os.WriteFile(o.results+"/"+o.name+".md", []byte(text), 0o644)
}

// bench is what the tools need to run.
type bench struct {
	*options
	scratch string // folder
	sinks   *sinks
}

// compare checks that all tools count the same, then times them by turns.
func (b *bench) compare(ctx context.Context, r *report, in *input, tools []*tool) error {
	t := newTable(in, tools)
	for i, tool := range tools {
		fmt.Fprintf(os.Stderr, "%s: does %s count right?\n", in.path, tool.name)
		m, err := b.once(ctx, tool, in)
		if err != nil {
			return err
		}
		if err := in.check(tool, m.counted); err != nil {
			return err
		}
		t.counted[i] = m.counted
	}
	for round := range b.rounds {
		for i, tool := range tools {
			fmt.Fprintf(os.Stderr, "%s: round %d of %d, %s\n", in.path, round+1, b.rounds, tool.name)
			m, err := b.once(ctx, tool, in)
			if err != nil {
				return err
			}
			t.runs[i] = append(t.runs[i], m)
		}
	}
	r.tables = append(r.tables, t)
	return nil
}
