// Package servers starts real servers for tests: nginx, Graphite, StatsD, Elasticsearch and Kafka, each on free ports of 127.0.0.1
// with all its files in a folder of its own.
//
// install.sh, beside this file, puts them on the machine; `make install-servers` calls it. A test asks for a server and has
// it until the test ends:
//
//	g := servers.StartGraphite(t)
//	… write to g.Plaintext …
//	series := g.Render("gateway.**", from, until)
//
// A server that does not start, or that dies before the test stops it, fails the test with the tail of its logs. No process
// outlives the test: each server is the leader of a process group, and beside it a shell waits on a pipe from the test's
// process. When that process ends, by a panic, a timeout or SIGKILL too, the pipe closes and the shell kills the group.
//
// The functions here call t.Fatal, so they belong to the test's own goroutine; what is said to be safe elsewhere is.
package servers
