package loggen

import (
	"fmt"
	"time"
)

// Format is how lines are written.
type Format uint8

// The formats.
const (
	NginxCombined  Format = iota // NginxCombinedLogFormat
	NginxTimed                   // NginxTimedLogFormat
	NginxJSON                    // NginxJSONLogFormat
	Kong                         // one object of Kong 3.8's file-log plugin
	TraefikJSON                  // Traefik 3's, format: json
	EnvoyJSON                    // Envoy's json_format by Envoy Gateway's names
	IstioJSON                    // of Istio's proxies
	Caddy                        // Caddy 2's
	APIGatewayJSON               // of a REST API of Amazon's
	TykPump                      // Tyk Pump's stdout pump, format: json
	numFormats
)

var formatNames = [numFormats]string{
	NginxCombined: "nginx_combined", NginxTimed: "nginx_timed", NginxJSON: "nginx_json", Kong: "kong",
	TraefikJSON: "traefik_json", EnvoyJSON: "envoy_json", IstioJSON: "istio_json", Caddy: "caddy", APIGatewayJSON: "aws_apigw_json",
	TykPump: "tyk_pump",
}

// String returns the format's name on the command line.
func (f Format) String() string { return formatNames[f] }

// AtStart reports whether f's times are when a request began, not when it ended.
func (f Format) AtStart() bool {
	switch f {
	case Kong, TraefikJSON, EnvoyJSON, IstioJSON, APIGatewayJSON:
		return true
	}
	return false
}

// ParseFormat returns the format called name.
func ParseFormat(name string) (Format, error) {
	for f, known := range formatNames {
		if known == name {
			return Format(f), nil
		}
	}
	return 0, fmt.Errorf("no format %q: there are %q", name, FormatNames())
}

// FormatNames returns the names of all formats.
func FormatNames() []string { return formatNames[:] }

// What generated traffic is like unless told otherwise.
const (
	DefaultMalformed = 0.001
	DefaultDisorder  = 1500 * time.Millisecond
	DefaultInterval  = time.Millisecond
)

// Options is what the lines depend on; equal Options give equal bytes. The zero value gives well-formed nginx lines in order.
type Options struct {
	Format Format
	Seed   uint64

	Start    time.Time     // event time of the first line
	Interval time.Duration // event time from one line to the next; DefaultInterval when 0

	// Malformed is the share of lines that are no record of the format, 0 to 1.
	Malformed float64

	// Disorder is by how much, at most, a line's time lies before that of a line above it. No line's time is before Start.
	// Formats of gateways that log at a request's end when it began have its duration on top: up to 30 seconds.
	Disorder time.Duration
}

// Truth is what a reader of the lines so far must find.
type Truth struct {
	Lines     int64 // with the malformed ones
	Bytes     int64 // of all lines with their ends
	Malformed int64

	Status        [600]int64 // well-formed lines by status
	ResponseBytes int64      // sum over well-formed lines: with heads in Kong's format, without in others; TykPump has none
	Millis        int64      // sum of the durations of well-formed lines, in milliseconds; NginxCombined has none
}

// Generator makes lines. It is used by one goroutine.
type Generator struct {
	options   Options
	traffic   *traffic
	times     times
	kong      *kong // nil for other formats
	malformed uint64
	disorder  uint64 // milliseconds
	truth     Truth
}

// New returns a generator at its first line.
func New(o Options) *Generator {
	if o.Format >= numFormats {
		panic(fmt.Sprintf("BUG: no format %d", o.Format))
	}
	if o.Interval <= 0 {
		o.Interval = DefaultInterval
	}
	g := &Generator{
		options: o, traffic: newTraffic(o.Seed),
		malformed: uint64(max(0, min(o.Malformed, 1)) * (1 << 32)),
		disorder:  uint64(max(o.Disorder, 0) / time.Millisecond),
	}
	if o.Format == Kong {
		g.kong = newKong()
	}
	return g
}

// Append appends the next line, with its \n, and returns dst.
func (g *Generator) Append(dst []byte) []byte {
	return g.AppendAt(dst, g.options.Start.Add(time.Duration(g.truth.Lines)*g.options.Interval))
}

// AppendAt is Append for a line written at now instead of its turn after Start.
func (g *Generator) AppendAt(dst []byte, now time.Time) []byte {
	begin := len(dst)
	r := g.traffic.draw()
	r.ended = now.UnixMilli()
	rnd := g.traffic.random
	if late := rnd.below(2 * (g.disorder + 1)); late <= g.disorder { // every other line
		r.ended = max(r.ended-int64(late), g.options.Start.UnixMilli())
	}
	bad := rnd.chance(g.malformed)

	switch g.options.Format {
	case NginxCombined:
		dst = g.appendCombined(dst, r)
	case NginxTimed:
		dst = g.appendTimed(dst, r)
	case NginxJSON:
		dst = g.appendJSON(dst, r)
	case Kong:
		dst = g.appendKong(dst, r)
	case TraefikJSON:
		dst = g.appendTraefik(dst, r)
	case EnvoyJSON:
		dst = g.appendEnvoy(dst, r)
	case IstioJSON:
		dst = g.appendIstio(dst, r)
	case Caddy:
		dst = g.appendCaddy(dst, r)
	case APIGatewayJSON:
		dst = g.appendAPIGateway(dst, r)
	case TykPump:
		dst = g.appendTyk(dst, r)
	}
	if bad {
		dst = g.spoil(dst, begin, r)
		g.truth.Malformed++
	} else {
		g.truth.Status[r.status]++
		g.truth.Millis += r.millis
		switch g.options.Format {
		case Kong:
			g.truth.ResponseBytes += r.sent
		case TykPump:
		default:
			g.truth.ResponseBytes += r.body
		}
	}
	dst = append(dst, '\n')
	g.truth.Lines++
	g.truth.Bytes += int64(len(dst) - begin)
	return dst
}

// Truth returns what the lines so far hold.
func (g *Generator) Truth() Truth { return g.truth }
