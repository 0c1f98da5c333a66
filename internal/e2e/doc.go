// Package e2e has no code but tests: the built binary between servers, against an oracle that shares no code with it.
//
// TestGenerated, TestNginx… and TestReal… have real servers. They make logs (real ones by nginx under load, or a million lines by
// `gatemeter gen`), let `gatemeter run` read them, ask Graphite, StatsD and Elasticsearch what they have, and compare that with
// what ../oracle counts in the same logs.
//
// The others have a world (world_test.go): one gatemeter, a log that grows by parts, and strict stand-ins for the servers, which
// can be made to go away, stall, reset and refuse. input_test.go is what a log and its folder may hold, process_test.go and
// disk_test.go are configs, signals and the state folder, sink_…_test.go is what servers may do. fault_…_test.go are faults in
// numbers: each counts what was lost and doubled, is small in every run of the tests, and large in `make fault`, which writes the
// counts to bench/results. The environment says so:
//
//	GATEMETER_E2E_FAULTS=large       the large size
//	GATEMETER_E2E_OUTCOMES=FILE      where the table goes
//	GATEMETER_E2E_RACE=1             a gatemeter built with the race detector
//	GATEMETER_E2E_LINES=1000000      lines of TestGenerated
//
// Nothing waits for a time to pass: tests wait for what must come, as long as `within` says.
package e2e
