package config

import (
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatemeter/gatemeter/pipeline/filter"
)

// Config is a whole configuration.
type Config struct {
	DataDir         string             `key:"data_dir"`         // where cursors and dead letters are kept; default /var/lib/gatemeter
	Listen          string             `key:"listen"`           // address of health, metrics and pprof; default 127.0.0.1:9180, "" for none
	Shard           string             `key:"shard"`            // label of this process's windows; default the host's name
	Workers         int                `key:"workers"`          // goroutines that parse and count; default 0: one for each CPU
	MaxInFlight     Size               `key:"max_in_flight"`    // bytes read and not yet done with; default 64MiB
	ShutdownTimeout time.Duration      `key:"shutdown_timeout"` // how long sinks have to take what is left; default 10s
	Log             Log                `key:"log"`
	Sources         map[string]*Source `key:"sources"`
	Metrics         Metrics            `key:"metrics"`
	Filters         []Filter           `key:"filters"`
	Redact          Redact             `key:"redact"`
	Sinks           map[string]*Sink   `key:"sinks"`
}

// Log is how gatemeter itself logs, to standard error.
type Log struct {
	Level  string `key:"level"`  // debug, info, warn or error; default info
	Format string `key:"format"` // text or json; default text
}

// Source is one source. Which keys it takes depends on its type.
type Source struct {
	Name string // its key under sources:
	Type string `key:"type"` // file, stdin, kafka, syslog or http

	Format   string            `key:"format"`   // a name, auto, or an nginx or Apache format string; default auto
	Escape   string            `key:"escape"`   // of an nginx format string: default, json or none
	Time     string            `key:"time"`     // which moment of a request its event time is: start or end; default as the format has it
	Timezone string            `key:"timezone"` // of a log that writes times without a zone: a name like Europe/Berlin; default UTC
	Service  string            `key:"service"`  // of records that name none; default the source's name
	Fields   map[string]string `key:"fields"`   // the log's own names → fields of the record
	MaxLine  Size              `key:"max_line"`

	Paths        []string      `key:"paths" for:"file"`         // files and globs
	Start        string        `key:"start" for:"file,kafka"`   // beginning, end or a time, for what has no cursor; default beginning
	RotateWait   time.Duration `key:"rotate_wait" for:"file"`   // how long a rotated file is quiet before it is left; default 2s
	PollInterval time.Duration `key:"poll_interval" for:"file"` // default 250ms

	Brokers        []string          `key:"brokers" for:"kafka"`         // host:port, or tls://host:port; some of the cluster's
	Topics         []string          `key:"topics" for:"kafka"`          // names, and patterns with *, ? and [
	Group          string            `key:"group" for:"kafka"`           // of consumers that share the partitions; default gatemeter
	SASL           string            `key:"sasl" for:"kafka"`            // plain, scram-sha-256, scram-sha-512 or aws_msk_iam; default nobody logs in
	Region         string            `key:"region" for:"kafka"`          // of aws_msk_iam; default as AWS's own tools find it
	Key            string            `key:"key" for:"kafka"`             // a field of the record, for the messages' key; default none
	Headers        map[string]string `key:"headers" for:"kafka"`         // the messages' headers → fields of the record
	SessionTimeout time.Duration     `key:"session_timeout" for:"kafka"` // silent for this long, a process loses its partitions; default 30s
	PartitionWatch time.Duration     `key:"partition_watch" for:"kafka"` // how often to look for new topics and partitions; default 5s

	Listen         []string `key:"listen" for:"syslog,http"`          // syslog: udp://, tcp://, tls:// host:port, unix://, unixgram:// path; http: http://, https://
	TLS            TLS      `key:"tls" for:"syslog,http,kafka"`       // of addresses with tls:// or https://; where others connect, with ca they have to show a certificate
	AllowedSources []string `key:"allowed_sources" for:"syslog,http"` // networks that may send; default all
	MaxConnections int      `key:"max_connections" for:"syslog,http"` // at a time; default 1024
	Spool          Spool    `key:"spool" for:"syslog,http"`

	Header           string        `key:"header" for:"syslog"`            // strip or keep; default strip
	IdleTimeout      time.Duration `key:"idle_timeout" for:"syslog"`      // a silent connection is closed; default 1h
	HandshakeTimeout time.Duration `key:"handshake_timeout" for:"syslog"` // of TLS; default 10s
	Sockets          int           `key:"sockets" for:"syslog"`           // for each UDP address; default 0: one for each CPU, at most 4
	ReceiveBuffer    Size          `key:"receive_buffer" for:"syslog"`    // of a UDP socket, in the kernel; default 16MiB

	Username  string        `key:"username" for:"http,kafka"` // what posts must show, one of those given, or what kafka is shown; default nothing
	Password  Secret        `key:"password" for:"http,kafka"`
	Token     Secret        `key:"token" for:"http"`
	AccessKey Secret        `key:"access_key" for:"http"`     // Firehose's
	Envelope  string        `key:"envelope" for:"http,kafka"` // auto, none, message or log; default auto
	Dedupe    string        `key:"dedupe" for:"http"`         // auto, id, body or never; default auto
	MaxBody   Size          `key:"max_body" for:"http"`       // of a post, also decompressed; default 64MiB
	Timeout   time.Duration `key:"timeout" for:"http"`        // in which a post must have come; default 1m
}

// Spool is how what a source receives is kept.
type Spool struct {
	MaxSize Size   `key:"max_size"` // of all segments; default 1GiB
	Full    string `key:"full"`     // block or drop_oldest; default block
	Fsync   string `key:"fsync"`    // how long a record may be in the page cache only, or always; default 200ms
}

// Interval returns how often a spool is synced, and whether each append waits for that. Fsync has been checked.
func (s *Spool) Interval() (every time.Duration, always bool) {
	if s.Fsync == "always" {
		return 0, true
	}
	every, _ = parseDuration(s.Fsync)
	return every, false
}

// Metrics shapes the windows.
type Metrics struct {
	Window      time.Duration       `key:"window"`       // whole seconds; default 10s
	Lateness    time.Duration       `key:"lateness"`     // default 5s
	Amend       time.Duration       `key:"amend"`        // default 1m
	MaxFuture   time.Duration       `key:"max_future"`   // default 1m
	IdleTimeout time.Duration       `key:"idle_timeout"` // default 5s
	MaxSeries   int                 `key:"max_series"`   // of a rollup, in a window of a partition; default 10000
	Rollups     map[string][]string `key:"rollups"`      // default route, service, all
	Routes      []string            `key:"routes"`
	Percentiles []float64           `key:"percentiles"`  // default 50, 90, 95, 99, 99.9
	StatusCodes bool                `key:"status_codes"` // each status code too; default false
}

// Filter leaves records out.
type Filter struct {
	Drop []string    // metrics, records
	Rule filter.Rule // what it compiles to

	when *yaml.Node // as it was written
}

// Redact says what is masked before anything leaves.
type Redact struct {
	Query     []string `key:"query"`     // names whose values are masked; default: a list in docs/redaction.md
	Addresses string   `key:"addresses"` // keep, truncate or hash; default keep
	Users     string   `key:"users"`     // keep, drop or hash; default keep
	Salt      Secret   `key:"salt"`      // of hashes
}

// Sink is one sink. Which keys it takes depends on its type.
type Sink struct {
	Name string // its key under sinks:
	Type string `key:"type"` // graphite, statsd or elasticsearch

	Address string `key:"address" for:"graphite,statsd"` // tcp://, tls://, udp://; statsd also unixgram:///path
	Prefix  string `key:"prefix" for:"graphite,statsd"`  // default gateway
	Queue   int    `key:"queue" for:"graphite,statsd"`   // points held while the sink is down; default 200000

	SpoolSize Size          `key:"spool_size" for:"graphite"` // of the panes on disk while the sink is down for longer; default 256MiB, 0 none
	SpoolAge  time.Duration `key:"spool_age" for:"graphite"`  // older panes are not sent when it is back; default 24h, 0 no limit

	Protocol string `key:"protocol" for:"graphite"`   // plaintext or pickle; default plaintext
	Tags     bool   `key:"tags" for:"graphite"`       // names with ;tag=value; default false
	Render   string `key:"render_url" for:"graphite"` // where graphite-web answers /render, for `gatemeter verify` alone
	TLS      TLS    `key:"tls" for:"graphite,elasticsearch"`

	// Timeout is, for graphite and statsd, how long a server may take and acknowledge no byte before it counts as gone, default
	// 10s; for elasticsearch of one request, default 60s.
	Timeout time.Duration `key:"timeout" for:"graphite,statsd,elasticsearch"`

	Dialect   string        `key:"dialect" for:"statsd"`    // statsd or dogstatsd; default statsd
	Delivery  string        `key:"delivery" for:"statsd"`   // at_most_once or at_least_once; default at_most_once
	MaxAge    time.Duration `key:"max_age" for:"statsd"`    // older panes are not sent; default 10m, 0 no limit
	MaxPacket int           `key:"max_packet" for:"statsd"` // bytes of a datagram; default 1432

	URLs          []string      `key:"urls" for:"elasticsearch"`
	DataStream    string        `key:"data_stream" for:"elasticsearch"` // default logs-gateway.access-default unless index is given
	Index         string        `key:"index" for:"elasticsearch"`       // dated by the event: access-%Y.%m.%d
	Username      string        `key:"username" for:"elasticsearch"`
	Password      Secret        `key:"password" for:"elasticsearch"`
	APIKey        Secret        `key:"api_key" for:"elasticsearch"`
	Gzip          bool          `key:"gzip" for:"elasticsearch"`           // default false
	Setup         bool          `key:"setup" for:"elasticsearch"`          // install template and lifecycle policy; default true
	Lifecycle     string        `key:"lifecycle" for:"elasticsearch"`      // of new indices: a policy that is there, or none; default one of our own
	Shards        int           `key:"shards" for:"elasticsearch"`         // of new indices; default 0: as the server has it
	Replicas      int           `key:"replicas" for:"elasticsearch"`       // of new indices; default -1: as the server has it
	Retention     time.Duration `key:"retention" for:"elasticsearch"`      // records are deleted after; default 30d, 0 never
	Original      string        `key:"original" for:"elasticsearch"`       // raw line: malformed, always or never; default malformed
	RequestBytes  Size          `key:"request_bytes" for:"elasticsearch"`  // of one bulk request; default 4MiB
	FlushInterval time.Duration `key:"flush_interval" for:"elasticsearch"` // default 1s
	Concurrency   int           `key:"concurrency" for:"elasticsearch"`    // requests at a time; default 2
	MaxInFlight   Size          `key:"max_in_flight" for:"elasticsearch"`  // bytes of documents held; default 16MiB
	DeadLetters   Size          `key:"dead_letters" for:"elasticsearch"`   // bytes of dead letters kept, the oldest go; default 64MiB
}

// TLS is how the other side is trusted, and how gatemeter shows who it is: as a client, and as a server.
type TLS struct {
	CA         string `key:"ca"`   // file; default the system's
	Cert       string `key:"cert"` // file
	Key        string `key:"key"`  // file
	ServerName string `key:"server_name"`

	InsecureSkipVerify bool `key:"insecure_skip_verify"` // take any certificate; default false
}

// The types that exist, and those that users know from elsewhere or from our plans.
var (
	sourceTypes = []string{"file", "stdin", "kafka", "syslog", "http"}
	sinkTypes   = []string{"graphite", "statsd", "elasticsearch"}
	laterTypes  = []string{"prometheus", "datadog"}
)

// DefaultConfig returns a configuration without sources and sinks.
func DefaultConfig() *Config {
	return &Config{
		DataDir: "/var/lib/gatemeter", Listen: "127.0.0.1:9180", MaxInFlight: 64 << 20, ShutdownTimeout: 10 * time.Second,
		Log:     Log{Level: "info", Format: "text"},
		Sources: map[string]*Source{}, Sinks: map[string]*Sink{},
		Metrics: Metrics{
			Window: 10 * time.Second, Lateness: 5 * time.Second, Amend: time.Minute, MaxFuture: time.Minute, IdleTimeout: 5 * time.Second,
			MaxSeries: 10000, Percentiles: []float64{50, 90, 95, 99, 99.9},
			Rollups: map[string][]string{"route": {"service", "route", "method"}, "service": {"service"}, "all": {}},
		},
		Redact: Redact{Addresses: "keep", Users: "keep"},
	}
}

func defaultSource(name string) *Source {
	return &Source{
		Name: name, Format: "auto", MaxLine: 64 << 10, Start: "beginning", RotateWait: 2 * time.Second, PollInterval: 250 * time.Millisecond,
		MaxConnections: 1024, Spool: Spool{MaxSize: 1 << 30, Full: "block", Fsync: "200ms"},
		Header: "strip", IdleTimeout: time.Hour, HandshakeTimeout: 10 * time.Second, ReceiveBuffer: 16 << 20,
		Group: "gatemeter", SessionTimeout: 30 * time.Second, PartitionWatch: 5 * time.Second,
		Envelope: "auto", Dedupe: "auto", MaxBody: 64 << 20, Timeout: time.Minute,
	}
}

func defaultSink(name, kind string) *Sink {
	s := &Sink{Name: name, Type: kind, Prefix: "gateway", Queue: 200_000, Timeout: 10 * time.Second}
	switch kind {
	case "graphite":
		s.Protocol = "plaintext"
		s.SpoolSize, s.SpoolAge = 256<<20, 24*time.Hour
	case "statsd":
		s.Dialect = "statsd"
		s.Delivery, s.MaxAge, s.MaxPacket = "at_most_once", 10*time.Minute, 1432
	case "elasticsearch":
		s.Timeout = 60 * time.Second
		s.Setup, s.Retention, s.Original = true, 30*24*time.Hour, "malformed"
		s.Replicas = -1
		s.RequestBytes, s.FlushInterval, s.Concurrency, s.MaxInFlight = 4<<20, time.Second, 2, 16<<20
		s.DeadLetters = 64 << 20
	}
	return s
}
