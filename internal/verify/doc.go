// Package verify reads the sources again, counts their lines slowly and plainly, and says where Graphite, Elasticsearch and a
// running gatemeter's own counters differ from that count: `gatemeter verify`.
//
// It shares with the engine what a line is taken for (parsers, redaction, filters, route templates) and where files are; how
// records become windows, series and values is written here a second time, from the docs: one map for each window, all
// values kept, sorted when they are needed. Be slow here, and obvious. The one exception is the estimate of distinct values
// past 96, which only the same sketch gives; it is held against the true number besides.
//
//	find.go       which logs there are, and where in them reading begins
//	log.go        the lines of a log with their offsets, over all its rotations
//	record.go     what a line is: skipped, malformed, or an event with its dimensions
//	window.go     which window an event counts in, and under which series
//	value.go      what a series' events come to
//	read.go       all logs side by side, window after window
//	graphite.go   what Graphite has, against that
//	document.go   what Elasticsearch has
//	counter.go    what a running gatemeter says of itself
//
// Compared is what cannot change any more: windows at or before the cursor's `final`, documents below its `indexed`.
package verify
