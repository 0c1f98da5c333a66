// Package pipeline is the engine between sources and sinks: it reads batches into records, counts them into event-time
// windows, and sends the windows' values and the records on so that a crash at any instant changes no number.
//
//	source ─ batch ─▶ dispatch ─ task ─▶ worker: parse → record → fact ─▶ cells of open windows     (one pass on one core)
//	                     │                            └─ documents ─▶ record sinks ─▶ "indexed"
//	                     └─ each second: barrier ─▶ epoch: cells ─ merge ─▶ panes ─▶ lanes ─▶ metric sinks
//	                                                        └─ cursor ─▶ committer ─▶ saved
//
// # Who owns what
//
// One goroutine, Pipeline.dispatch, owns the order of things: it hands out tasks, and between tasks (at a barrier, when no
// worker is busy) it alone reads and empties the workers' windows. A worker owns its cells, its series and its parser. What
// workers share is the partition (its watermark, the first record of each window, which series were admitted), and only in
// turn: task n of a partition goes through partition.pass before task n+1 may. A lane owns one metric sink, the committer
// owns saving. There are no other shared structures but counters, each behind the mutex beside it.
//
// # Why a task has two halves
//
// Whether a record is late depends on all the bytes before it, yet several workers read one file at once. So a worker first
// parses its whole task into facts, small fixed-size records of what is to be counted; then waits for its turn, in which it
// learns the watermark before its first line and leaves the one after its last (microseconds); then counts. The numbers
// are the same for any number of workers.
//
// # The rules
//
// DESIGN's ten rules are in: partition.go (1: late by the partition's own watermark), dispatch.go (2: where reading goes on),
// epoch.go (3, 5, 8, 10: what is sent and saved together), commit.go and lane.go (4, 5: the order of sending and saving),
// batch.Partition.AppendID (6), histogram and distinct (7: merging commutes).
package pipeline
