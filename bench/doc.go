// Command bench times the built binary and, on the same files and by turns, the tools people run instead of it. `make bench`
// builds what it needs and runs it; docs/performance.md says how to read the results.
//
// What is compared is CPU time, user and system, of the whole process from start to exit: on a shared machine it says more
// than wall time, and it charges a program for every thread it starts. Each tool runs once in each round, and its ratio to
// `wc -l` is taken within the round, because a machine's speed drifts.
//
//	main.go     flags, and the order of things
//	input.go    the log files, made once
//	tool.go     what is run on them, and how each tells what it counted
//	peer.go     the tools of others; their configs are in peers/
//	process.go  one run, measured
//	sinks.go    Graphite and Elasticsearch that take everything
//	startup.go  how long until the first line is read
//	report.go   the tables
//	profile.go  what the compiler is told: cmd/gatemeter/default.pgo
//
// A tool that counted other lines than gatemeter did fails the run before anything is timed. Malformed lines, one in a
// thousand, are judged differently by each, so that much may differ.
package main
