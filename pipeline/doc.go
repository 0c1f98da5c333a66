// Package pipeline is the engine between sources and sinks: it reads batches into records, counts them into event-time
// windows, and sends the windows' values and the records on so that a crash at any instant changes no number.
//
//	source ─ batch ─▶ dispatch ─ task ─▶ worker: parse → record → fact ─▶ cells of open windows     (one pass on one core)
//	                     │                            └─ documents ─▶ record sinks ─▶ "indexed"
//	                     └─ each second: barrier ─▶ epoch: due cells ─▶ collector: merge ─▶ panes ─▶ lanes ─▶ metric sinks
//	                                                   └─ cursor ───────────────────────────────▶ committer ─▶ saved
//
// # Who owns what
//
// One goroutine, Pipeline.dispatch, owns the order of things: it hands out tasks, and between tasks (at a barrier, when no
// worker is busy) it takes from the workers what is due of their windows. A worker owns its cells, its series and its parser. What
// workers share is the partition (its watermark, the first record of each window, which series were admitted), and only in
// turn: task n of a partition goes through partition.pass before task n+1 may. The collector makes panes of what was taken, beside the
// workers, and owns what was sent and may still change; one epoch is at it at a time, and the dispatcher touches it only when none is. A
// lane owns one metric sink (and a spooler beside it the writing of its spool), a record lane owns what one record sink has missed, the
// committer owns saving. There are no other shared structures but queues, the pool of memory for cells and counters, each behind the mutex
// beside it; no two of these are held together.
//
// # Why a task has two halves
//
// Whether a record is late depends on all the bytes before it, yet several workers read one file at once. So a worker first
// parses its whole task into facts, small fixed-size records of what is to be counted; then waits for its turn, in which it
// learns the watermark before its first line and leaves the one after its last (microseconds); then counts. The numbers
// are the same for any number of workers.
//
// # Lines that are not masked
//
// Secrets are masked in a line before it is parsed; one that has none of the bytes they show by, redact.Marks, is left as it is.
// A task whose records go nowhere, or only to sinks that do not store their lines, leaves that out where a parser can prove, line by line,
// that nothing that is counted or stored would differ (bare.go). Such a record has no Line then; lines that are stored, or shown to the
// operator, are masked all the same.
//
// # Sinks that are slow or down
//
// Nobody waits for a sink. A lane (lane.go, deliver.go) queues panes, a newer one of a window in place of the older; past its bound
// the older half goes to the sink's pane spool (panespool.go) or, without one, the oldest are dropped. What is in the spool
// leaves before what is in the queue, and counts as confirmed. Only a log that is read faster than time passes waits for a queue
// to empty, and for a sink that is stuck only with Once.
//
// A record sink without room is left behind (progress.go): its lines become a gap of the partition, and so do those that follow.
// Its record lane (recordlane.go) reads the source again from the first gap, through SourceSettings.Again, until it is so near
// the workers that they can hand over by themselves again. `indexed` does not pass a gap.
//
// # Partitions that come and go
//
// A source whose shards move between processes (SourceSettings.Save) sends the cursor along with a partition, and keeps a lease.
// Right before each sending a lane asks whether the lease holds; while that cannot be said the shard's panes wait. A batch with
// Revoked ends the partition: revoke.go sends and saves what it can in a short time and forgets the rest, which whoever is next
// makes again from `replay`.
//
// # The end
//
// Sources end first, then workers, then record lanes; then a last epoch leaves, and record sinks and lanes have Settings.Drain
// for what they hold. The cursor saved last says no more than what was sent.
//
// # The rules
//
// Those that comments refer to by number, and where each is kept:
//
//  1. Late is decided by the partition's own watermark, that is by the bytes before the record (partition.go).
//  2. A restart reads from the lower of `replay` and `indexed`, and sends and saves nothing before it is back at `read` (dispatch.go).
//  3. Sending and saving are one step, an epoch, so that what was sent of a window is its value at `read` (epoch.go).
//  4. For sinks that add up: save, then send, or send, then save (commit.go, lane.go).
//  5. `final` passes a window only when every accumulating sink, or its spool, has the last pane of it (lane.go, panespool.go).
//  6. A record's id is made of partition and offset (batch.Partition.AppendID).
//  7. A window's value depends on nothing but the bytes: merging commutes (value.go, cell.go, histogram, distinct).
//  8. The clock decides only what lies in the future, who is silent, and when open windows are sent early (due.go).
//  9. Who may have lost a partition sends nothing for it (revoke.go).
//  10. Windows that are not final are built anew when the config of the windows has changed (pipeline.go, addShard).
package pipeline
