// Package statsd is a strict stand-in for StatsD: it takes counters and gauges over UDP, TCP or a unix socket, checks every
// byte harder than StatsD does, adds up and misbehaves on demand. Tests and the demo use it where the real one is too slow
// to start or cannot be made to fail at the right moment.
//
// It takes only what gatemeter sends: counters that change, and gauges. A sample rate, a timer or a set is a violation.
package statsd
