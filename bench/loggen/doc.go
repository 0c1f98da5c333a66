// Package loggen makes log lines of API gateways from a seed: for tests, benchmarks, demos and the command `gen`.
//
// The traffic is what gateways see: forty routes of twelve services, a few of them hot (Zipf), ids in the paths, latencies
// spread log-normally around a median of each route's own, one request in twenty not a success, gateway timeouts after
// thirty seconds, lines that come out of order, and now and then a line that is no record at all.
//
// The same Options give the same bytes on every machine, today and after an upgrade of Go. So nothing here uses floating
// point or package math on the way to a line, and of math/rand/v2 only the PCG source, whose output is specified.
//
// A request is drawn (traffic.go), then written as one of the formats (nginx.go, kong.go, json.go), then perhaps spoilt (malformed.go).
// The draw does not depend on the format: the same seed gives the same requests as nginx lines and as Kong lines.
package loggen
