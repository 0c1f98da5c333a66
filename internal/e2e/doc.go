// Package e2e has no code but tests: the built binary between real servers, against an oracle that shares no code with it.
//
// Each test makes logs (real ones by nginx under load, or a million lines by `gatemeter gen`), lets `gatemeter run` read them,
// asks Graphite, StatsD and Elasticsearch what they have, and compares that with what ../oracle counts in the same logs.
package e2e
