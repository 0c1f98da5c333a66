package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/config"
	"github.com/gatemeter/gatemeter/internal/admin"
	"github.com/gatemeter/gatemeter/internal/panespool"
	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/ecs"
	"github.com/gatemeter/gatemeter/pipeline/filter"
	"github.com/gatemeter/gatemeter/pipeline/redact"
	"github.com/gatemeter/gatemeter/pipeline/route"
	"github.com/gatemeter/gatemeter/sinks/deadletter"
	"github.com/gatemeter/gatemeter/sinks/elasticsearch"
	"github.com/gatemeter/gatemeter/sinks/graphite"
	"github.com/gatemeter/gatemeter/sinks/oneway"
	"github.com/gatemeter/gatemeter/sinks/statsd"
	"github.com/gatemeter/gatemeter/sources/file"
	"github.com/gatemeter/gatemeter/sources/stdin"
)

// bufferSize is of one batch: large enough that nothing done once a batch shows, small enough to stay in a core's cache.
const bufferSize = 512 << 10

// process is one configuration, built: a pipeline, and what belongs to it.
type process struct {
	pipeline *pipeline.Pipeline
	checks   []func() admin.Check
	collect  []func(emit func(admin.Sample))
	unread   []func() error // what of a source that is to be read to its end could not be
	close    []func() error
}

// parts are what build gets besides the configuration.
type parts struct {
	once  bool
	log   *slog.Logger
	in    io.Reader // standard input
	saved []cursor.Cursor
	save  func([]cursor.Cursor) error
	sinks []pipeline.MetricSinkSettings // besides the configured ones
}

// build makes the pipeline of c. What it opened is closed when it fails.
func build(c *config.Config, p parts) (built *process, err error) {
	proc := &process{}
	defer func() {
		if err != nil {
			err = errors.Join(err, proc.shut())
		}
	}()
	set := pipeline.Settings{
		Workers: c.Workers, MaxLine: maxLine(c), Once: p.once, Saved: p.saved, Save: p.save, Drain: c.ShutdownTimeout,
		Now: time.Now, Rand: mathrand.Float64, Log: p.log, MetricSinks: slices.Clone(p.sinks),
		Metrics: pipeline.MetricsSettings{
			Window: c.Metrics.Window, Lateness: c.Metrics.Lateness, Amend: c.Metrics.Amend, MaxFuture: c.Metrics.MaxFuture,
			Idle: c.Metrics.IdleTimeout, MaxSeries: c.Metrics.MaxSeries, Percentiles: c.Metrics.Percentiles,
			StatusCodes: c.Metrics.StatusCodes, Fingerprint: c.Fingerprint(),
		},
	}
	if set.Workers == 0 {
		set.Workers = runtime.GOMAXPROCS(0)
	}
	if set.Metrics.Rollups, err = rollups(c); err != nil {
		return nil, err
	}
	if set.Routes, err = route.New(c.Metrics.Routes); err != nil {
		return nil, err
	}
	if set.Redact, err = redactor(c); err != nil {
		return nil, err
	}
	if set.Filter, err = filters(c); err != nil {
		return nil, err
	}
	pool := batch.NewPool(bufferSize, int64(c.MaxInFlight))
	for _, name := range sorted(c.Sources) {
		if err := proc.addSource(&set, c, c.Sources[name], pool, p); err != nil {
			return nil, err
		}
	}
	for _, name := range sorted(c.Sinks) {
		if err := proc.addSink(&set, c, c.Sinks[name], p.log); err != nil {
			return nil, fmt.Errorf("sink %s: %w", name, err)
		}
	}
	if proc.pipeline, err = pipeline.New(set); err != nil {
		return nil, err
	}
	proc.watch()
	return proc, nil
}

// run runs the pipeline until ctx ends or, with once, everything is read: what could not be is an error then, though the rest
// was.
func (p *process) run(ctx context.Context, once bool) error {
	if err := p.pipeline.Run(ctx); err != nil {
		return err
	}
	if !once || ctx.Err() != nil {
		return nil
	}
	for _, f := range p.unread {
		if err := f(); err != nil {
			return fmt.Errorf("not everything could be read: %w", err)
		}
	}
	return nil
}

// shut closes what the pipeline does not.
func (p *process) shut() error {
	var err error
	for _, f := range slices.Backward(p.close) {
		err = errors.Join(err, f())
	}
	p.close = nil
	return err
}

func rollups(c *config.Config) ([]pipeline.Rollup, error) {
	var all []pipeline.Rollup
	for _, name := range sorted(c.Metrics.Rollups) {
		r := pipeline.Rollup{Name: name}
		for _, d := range c.Metrics.Rollups[name] {
			dimension, ok := pipeline.LookupDimension(d)
			if !ok {
				return nil, fmt.Errorf("rollup %s: no dimension %s", name, d)
			}
			r.Dimensions = append(r.Dimensions, dimension)
		}
		all = append(all, r)
	}
	return all, nil
}

// filters returns the config's, nil when it has none.
func filters(c *config.Config) (*filter.Set, error) {
	if len(c.Filters) == 0 {
		return nil, nil
	}
	rules := make([]filter.Rule, 0, len(c.Filters))
	for _, f := range c.Filters {
		rules = append(rules, f.Rule)
	}
	return filter.Compile(rules)
}

func redactor(c *config.Config) (*redact.Redactor, error) {
	names := c.Redact.Query
	if names == nil {
		names = redact.DefaultNames()
	}
	return redact.New(redact.Config{Query: names, Addresses: c.Redact.Addresses, Users: c.Redact.Users, Salt: []byte(c.Redact.Salt.Reveal())})
}

// maxLine is the largest of the sources': each source holds its own.
func maxLine(c *config.Config) int {
	n := 0
	for _, s := range c.Sources {
		n = max(n, int(s.MaxLine))
	}
	return n
}

func (p *process) addSource(set *pipeline.Settings, c *config.Config, s *config.Source, pool *batch.Pool, with parts) error {
	newParser, err := s.Parsers()
	if err != nil {
		return fmt.Errorf("source %s: format: %w", s.Name, err)
	}
	settings := pipeline.SourceSettings{Name: s.Name, Service: s.Service, NewParser: func() pipeline.Parser { return newParser() }}
	switch s.Type {
	case "file":
		start, err := startOf(s.Start)
		if err != nil {
			return fmt.Errorf("source %s: %w", s.Name, err)
		}
		fs := file.Settings{
			Name: s.Name, Shard: c.Shard, Paths: s.Paths, Start: start, MaxLine: int(s.MaxLine), Once: with.once,
			Header: headerOf(s.Format), RotateWait: s.RotateWait, PollInterval: s.PollInterval, Pool: pool, Now: time.Now, Log: with.log,
		}
		src, err := file.New(fs)
		if err != nil {
			return fmt.Errorf("source %s: %w", s.Name, err)
		}
		settings.Source = src
		settings.Again = func() (pipeline.Source, error) {
			// Buffers of its own: those of the live reading must not wait for a sink that is slow.
			again := fs
			again.Pool, again.Log = batch.NewPool(bufferSize, 0), with.log.With("reading", "again")
			return file.New(again)
		}
		p.checks = append(p.checks, func() admin.Check { return check("source/"+s.Name, src.Ready()) })
		p.collect = append(p.collect, func(emit func(admin.Sample)) { admin.Files(s.Name, src.Stats(), emit) })
		p.unread = append(p.unread, src.Unread)
	case "stdin":
		src, err := stdin.New(stdin.Settings{Name: s.Name, Shard: c.Shard, In: with.in, Pool: pool, Nonce: nonce(), MaxLine: int(s.MaxLine)})
		if err != nil {
			return fmt.Errorf("source %s: %w", s.Name, err)
		}
		settings.Source = src
	case "kafka":
		if err := p.addKafka(&settings, s, pool, with); err != nil {
			return fmt.Errorf("source %s: %w", s.Name, err)
		}
	case "syslog", "http":
		if err := p.addReceiver(&settings, c, s, pool, with); err != nil {
			return fmt.Errorf("source %s: %w", s.Name, err)
		}
	default:
		return fmt.Errorf("source %s: type %q is unknown", s.Name, s.Type)
	}
	set.Sources = append(set.Sources, settings)
	return nil
}

func startOf(s string) (file.Start, error) {
	switch s {
	case "", "beginning":
		return file.Start{}, nil
	case "end":
		return file.Start{End: true}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return file.Start{}, fmt.Errorf("start: %w", err)
	}
	return file.Start{Since: t}, nil
}

// nonce tells this run's streams from those of all other runs.
func nonce() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (p *process) addSink(set *pipeline.Settings, c *config.Config, s *config.Sink, log *slog.Logger) error {
	switch s.Type {
	case "graphite":
		sink, err := newGraphite(s, log.With("sink", s.Name))
		if err != nil {
			return err
		}
		settings := pipeline.MetricSinkSettings{Name: s.Name, Sink: sink, MaxPoints: s.Queue}
		p.collect = append(p.collect, func(emit func(admin.Sample)) { admin.Graphite(s.Name, sink.Stats(), emit) })
		if s.SpoolSize > 0 {
			panes, err := panespool.Open(panespool.Settings{
				Dir: filepath.Join(c.DataDir, "panes", s.Name), MaxBytes: int64(s.SpoolSize), MaxAge: s.SpoolAge, Now: time.Now, Log: log,
			})
			if err != nil {
				return err
			}
			p.close = append(p.close, panes.Close)
			p.collect = append(p.collect, func(emit func(admin.Sample)) { admin.PaneSpool(s.Name, panes.Stats(), emit) })
			settings.Spool = panes
		}
		set.MetricSinks = append(set.MetricSinks, settings)
	case "statsd":
		sink, err := newStatsD(s, log.With("sink", s.Name))
		if err != nil {
			return err
		}
		set.MetricSinks = append(set.MetricSinks, pipeline.MetricSinkSettings{
			Name: s.Name, Sink: sink, MaxPoints: s.Queue, Discarding: true, AtLeastOnce: s.Delivery == "at_least_once", MaxAge: s.MaxAge,
		})
		p.collect = append(p.collect, func(emit func(admin.Sample)) { admin.StatsD(s.Name, sink.Stats(), emit) })
	case "elasticsearch":
		letters, err := deadletter.Open(filepath.Join(c.DataDir, "deadletters"), s.Name, deadletter.Options{MaxBytes: int64(s.DeadLetters), Log: log})
		if err != nil {
			return err
		}
		p.close = append(p.close, letters.Close)
		sink, err := elasticsearch.New(elasticsearchConfig(s), elasticsearch.Settings{Name: s.Name, DeadLetters: letters, Log: log, Jitter: mathrand.Float64})
		if err != nil {
			return err
		}
		set.RecordSinks = append(set.RecordSinks, pipeline.RecordSinkSettings{
			Name: s.Name, Sink: sink, Lineless: elasticsearchConfig(s).Original != ecs.OriginalAlways,
		})
		p.checks = append(p.checks, func() admin.Check { return check("sink/"+s.Name, sink.Ready()) })
		p.collect = append(p.collect, func(emit func(admin.Sample)) {
			admin.Elasticsearch(s.Name, sink.Stats(), emit)
			admin.DeadLetters(s.Name, letters.Stats(), emit)
		})
	default:
		return fmt.Errorf("type %q is unknown", s.Type)
	}
	return nil
}

func newGraphite(s *config.Sink, log *slog.Logger) (*graphite.Sink, error) {
	return graphite.New(graphite.Settings{
		Name: s.Name, Address: s.Address, Protocol: graphite.Protocol(s.Protocol), Prefix: s.Prefix, Tags: s.Tags, WriteTimeout: s.Timeout, Log: log,
		TLS: oneway.TLS{
			CAFile: s.TLS.CA, CertFile: s.TLS.Cert, KeyFile: s.TLS.Key, ServerName: s.TLS.ServerName, SkipVerify: s.TLS.InsecureSkipVerify,
		},
	})
}

func newStatsD(s *config.Sink, log *slog.Logger) (*statsd.Sink, error) {
	return statsd.New(statsd.Settings{
		Name: s.Name, Address: s.Address, Prefix: s.Prefix, Dialect: statsd.Dialect(s.Dialect), MaxPacket: s.MaxPacket, Gauges: true,
		WriteTimeout: s.Timeout, Log: log,
	})
}

func elasticsearchConfig(s *config.Sink) elasticsearch.Config {
	e := elasticsearch.DefaultConfig()
	e.URLs, e.DataStream, e.Index = s.URLs, s.DataStream, s.Index
	e.Username, e.Password, e.APIKey = s.Username, s.Password.Reveal(), s.APIKey.Reveal()
	e.CAFile, e.CertFile, e.KeyFile, e.ServerName = s.TLS.CA, s.TLS.Cert, s.TLS.Key, s.TLS.ServerName
	e.SkipVerify = s.TLS.InsecureSkipVerify
	e.Gzip, e.RequestTimeout = s.Gzip, s.Timeout
	e.Setup, e.Lifecycle, e.Retention, e.Shards, e.Replicas = s.Setup, s.Lifecycle, s.Retention, s.Shards, s.Replicas
	e.RequestBytes, e.FlushInterval, e.Concurrency, e.MaxInFlight = int(s.RequestBytes), s.FlushInterval, s.Concurrency, int(s.MaxInFlight)
	switch s.Original {
	case "always":
		e.Original = ecs.OriginalAlways
	case "never":
		e.Original = ecs.OriginalNever
	}
	return e
}

// watch adds the pipeline's own checks and metrics.
func (p *process) watch() {
	p.checks = append(p.checks, func() admin.Check {
		return admin.Check{Name: "state", Error: p.pipeline.Stats().Commit.LastError}
	})
	for _, lane := range p.pipeline.Stats().Lanes {
		p.checks = append(p.checks, func() admin.Check {
			for _, l := range p.pipeline.Stats().Lanes {
				if l.Name == lane.Name {
					return admin.Check{Name: "sink/" + l.Name, Error: l.LastError}
				}
			}
			return admin.Check{Name: "sink/" + lane.Name}
		})
	}
	p.collect = append(p.collect, func(emit func(admin.Sample)) {
		stats := p.pipeline.Stats()
		admin.Pipeline(&stats, emit)
	})
}

func check(name string, err error) admin.Check {
	if err != nil {
		return admin.Check{Name: name, Error: err.Error()}
	}
	return admin.Check{Name: name}
}

func sorted[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// newLog returns the log that c asks for.
func newLog(c config.Log, to io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // checked by package config
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		options.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
			if a.Value.Kind() == slog.KindDuration { // which would be a number of nanoseconds
				a.Value = slog.StringValue(a.Value.String())
			}
			return a
		}
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}
